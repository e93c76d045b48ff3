"""Memory of a training step, on networks whose memory is known."""

from __future__ import annotations

import torch
from torch import nn

from seqkit.comparison.memory import Kept, training_memory
from seqkit.nn.recurrent import set_kernel
from seqkit.settings import TrainingConfig

from ..toy import Example, toy_pipeline

EXAMPLES = [Example("ab" * (i % 5 + 1), "a") for i in range(40)]


def kept_bytes(model: nn.Module, inputs: torch.Tensor) -> int:
    kept = Kept(model)
    with torch.autograd.graph.saved_tensors_hooks(kept.note, lambda tensor: tensor):
        model(inputs)
    return kept.bytes


def test_a_linear_layer_keeps_its_input_once_and_not_its_weights() -> None:
    assert kept_bytes(nn.Linear(10, 3), torch.ones(4, 10)) == 4 * 10 * 4
    twice = nn.Sequential(nn.Linear(10, 6), nn.Linear(6, 3))
    assert kept_bytes(twice, torch.ones(4, 10)) == (4 * 10 + 4 * 6) * 4


def test_adam_needs_four_times_the_weights_and_sgd_twice() -> None:
    weights = sum(4 * p.numel() for p in toy_pipeline().model.parameters())
    adam = training_memory(toy_pipeline(), TrainingConfig(batch_size=8), EXAMPLES)
    sgd = training_memory(toy_pipeline(), TrainingConfig(batch_size=8, optimizer="sgd"), EXAMPLES)
    assert abs(adam - sgd - 2 * weights) < 200, (
        "Adam has a step count for each weight beside its moments"
    )


def test_larger_batches_need_more() -> None:
    needed = []
    for size in (4, 16):
        pipeline = toy_pipeline()
        set_kernel(pipeline.model, "own")  # kernels differ in what they keep
        needed.append(training_memory(pipeline, TrainingConfig(batch_size=size), EXAMPLES))
    assert needed[1] > needed[0]
