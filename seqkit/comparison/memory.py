"""Memory that a training step needs, counted tensor by tensor: the same on every machine, whatever its allocator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqkit.data.batching import make_batches
from seqkit.pipeline import Pipeline
from seqkit.predicting import device_of
from seqkit.settings import TrainingConfig
from seqkit.training.schedules import build_optimizer


def training_memory(
    pipeline: Pipeline[Any, Any, Any], training: TrainingConfig, examples: Sequence[Any]
) -> int:
    """Bytes that a step on the largest batch of the examples holds at once: weights, their gradients, the optimizer's
    state, and what the backward pass keeps of the forward pass. The weights are other ones afterwards.

    What passes within an operation is left out, so that a process needs somewhat more.
    """
    pipeline.prepare_training(examples)
    pipeline.before_step(0)
    pipeline.model.train()
    optimizer = build_optimizer(training, pipeline.parameter_groups(training.lr))
    kept = Kept(pipeline.model)
    with torch.autograd.graph.saved_tensors_hooks(kept.note, lambda tensor: tensor):
        loss, units = pipeline.loss(_largest_batch(pipeline, training, examples))
    torch.autograd.backward(loss / units)
    optimizer.step()
    weights = list(pipeline.model.parameters())
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    state = [v for one in optimizer.state.values() for v in one.values() if isinstance(v, Tensor)]
    return kept.bytes + sum(t.numel() * t.element_size() for t in (*weights, *gradients, *state))


class Kept:
    """Counts the storages that a forward pass keeps for the backward pass, each once and those of weights not at all.

    Attributes:
        bytes: Their size.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.bytes = 0
        self._seen = {weight.untyped_storage().data_ptr() for weight in model.parameters()}

    def note(self, tensor: Tensor) -> Tensor:
        """Takes a tensor that is kept, and gives it back."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor


def _largest_batch(
    pipeline: Pipeline[Any, Any, Any], training: TrainingConfig, examples: Sequence[Any]
) -> Any:
    """The batch with the most steps, padding included."""
    items = [pipeline.encode(example) for example in examples]
    lengths = [pipeline.length(item) for item in items]
    batches = make_batches(
        lengths, batch_size=training.batch_size, batch_tokens=training.batch_tokens
    )
    largest = max(batches, key=lambda batch: len(batch) * max(lengths[i] for i in batch))
    return pipeline.collate([items[i] for i in largest]).to(device_of(pipeline))
