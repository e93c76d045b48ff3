"""From raw inputs to answers in input order, batch by batch, memory flat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from seqkit.data.batching import make_batches
from seqkit.errors import SeqkitError
from seqkit.pipeline import Pipeline
from seqkit.prediction import Prediction

WINDOW = 32
"""Batches' worth of inputs that are read ahead and sorted by length together."""

MAX_STEPS = 1 << 17
"""Steps of a batch, padding included, so that a batch of very long inputs takes no more memory than others."""


def predict_stream(
    pipeline: Pipeline[Any, Any, Any],
    raws: Iterable[Any],
    *,
    batch_size: int = 32,
    device: torch.device | None = None,
) -> Iterator[Prediction]:
    """Answers in the order of the inputs; only a window of inputs is held at a time.

    Args:
        pipeline: Its network is put into evaluation mode.
        raws: Raw inputs, any number.
        batch_size: Inputs a batch; the answers do not depend on it.
        device: Where the network is; None is where its weights are.
    """
    for window, failure in _windows(raws, WINDOW * batch_size):
        yield from predict_window(pipeline, window, batch_size=batch_size, device=device)
        if failure is not None:
            raise failure


def _windows(raws: Iterable[Any], size: int) -> Iterator[tuple[list[Any], SeqkitError | None]]:
    """Lists of inputs; where reading fails, what was read before comes first, with the error."""
    window: list[Any] = []
    try:
        for raw in raws:
            window.append(raw)
            if len(window) == size:
                yield window, None
                window = []
    except SeqkitError as error:
        yield window, error
        return
    if window:
        yield window, None


@torch.inference_mode()
def predict_window(
    pipeline: Pipeline[Any, Any, Any],
    raws: Sequence[Any],
    *,
    batch_size: int = 32,
    device: torch.device | None = None,
) -> list[Prediction]:
    """Answers to a list of inputs, in its order; inputs of like length share a batch."""
    pipeline.model.eval()
    device = device or device_of(pipeline)
    items = [pipeline.encode_input(raw) for raw in raws]
    answers: list[Prediction | None] = [None] * len(items)
    for indices in _batches([pipeline.length(item) for item in items], batch_size):
        chosen = [items[i] for i in indices]
        batch = pipeline.collate(chosen).to(device)
        for index, answer in zip(indices, pipeline.predict(chosen, batch), strict=True):
            answers[index] = dataclasses.replace(answer, input=raws[index])
    return [answer for answer in answers if answer is not None]


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices of the inputs of each batch, like lengths together; very long ones are fewer to a batch."""
    for indices in make_batches(lengths, batch_size=batch_size):
        steps = [lengths[i] for i in indices]
        for part in make_batches(steps, batch_size=batch_size, batch_tokens=MAX_STEPS):
            yield [indices[i] for i in part]


def device_of(pipeline: Pipeline[Any, Any, Any]) -> torch.device:
    """Where the pipeline's weights are."""
    return next(pipeline.model.parameters()).device
