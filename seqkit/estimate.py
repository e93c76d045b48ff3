"""How long an epoch takes and how much memory it needs, from a few training steps."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from seqkit.data.batching import make_batches
from seqkit.pipeline import Pipeline
from seqkit.task import Task
from seqkit.training.threads import choose_training_threads

STEPS = 5
"""Steps that are measured, after a first one that is not."""

SAMPLE = 50
"""Batches' worth of examples that those steps are drawn from, so that short and long ones are among them."""


def expected(task: Task[Any, Any], config: Any, train: Sequence[Any]) -> str:
    """A sentence about training the network of these settings on this machine's CPU, one epoch of it.

    The time is that of the steps alone, without scoring. The memory is what this process takes now, its data and the
    steps' activations among it, and what Adam keeps beside the weights.

    Raises:
        SeqkitError: if no network can be made for this data.
    """
    training = config.training
    torch.manual_seed(training.seed)
    rng = random.Random(training.seed)
    pipeline = task.fit(config, train)
    pipeline.prepare_training(train)
    threads = choose_training_threads(pipeline)
    drawn = rng.sample(list(train), min(len(train), SAMPLE * training.batch_size))
    items = [pipeline.encode(example) for example in drawn]
    batches = make_batches(
        [pipeline.length(item) for item in items],
        batch_size=training.batch_size, batch_tokens=training.batch_tokens, rng=rng,
    )  # fmt: skip
    took = [_step(pipeline, [items[i] for i in batch]) for batch in batches[: STEPS + 1]]
    measured = took[1:] or took
    steps = len(batches) * len(train) / len(drawn)
    minutes = steps * sum(measured) / len(measured) / 60
    weights = [p for p in pipeline.model.parameters() if p.requires_grad]
    megabytes = 2 * sum(p.numel() * p.element_size() for p in weights) / 1e6 + resident_mb()
    return (
        f"Training with these settings takes about {minutes:.2g} minutes an epoch ({steps:,.0f} steps, {threads} CPU "
        f"thread{'s' if threads > 1 else ''}) and {megabytes:,.0f} MB of memory, by {len(measured)} steps."
    )


def _step(pipeline: Pipeline[Any, Any, Any], items: Sequence[Any]) -> float:
    """Seconds of a forward and a backward pass."""
    began = time.perf_counter()
    pipeline.model.train()
    loss, units = pipeline.loss(pipeline.collate(items))
    torch.autograd.backward(loss / units)
    return time.perf_counter() - began


def resident_mb() -> float:
    """The most memory that this process has taken, in MB; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
