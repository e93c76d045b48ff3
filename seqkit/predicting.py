"""From raw inputs to answers in input order, batch by batch, memory flat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from seqkit.data.batching import make_batches
from seqkit.errors import SeqkitError
from seqkit.nn.precision import computing_in
from seqkit.pipeline import Pipeline
from seqkit.prediction import Prediction

WINDOW = 32
"""Batches' worth of inputs that are read ahead and sorted by length together, at most."""


def predict_stream(
    pipeline: Pipeline[Any, Any, Any],
    raws: Iterable[Any],
    *,
    batch_size: int = 32,
    device: torch.device | None = None,
    precision: str = "float32",
) -> Iterator[Prediction]:
    """Answers in the order of the inputs; only a window of inputs is held at a time.

    The first window is one batch and each is twice the one before, up to `WINDOW` batches, so that first answers come
    soon. Batches of one input need no like lengths: each is answered before the next input is read.

    Args:
        pipeline: Its network is put into evaluation mode.
        raws: Raw inputs, any number.
        batch_size: Inputs a batch; the answers do not depend on it.
        device: Where the network is; None is where its weights are.
        precision: One that `lower_precision` has prepared the network for.
    """
    for window, failure in _windows(raws, batch_size):
        yield from predict_window(
            pipeline, window, batch_size=batch_size, device=device, precision=precision
        )
        if failure is not None:
            raise failure


def _windows(
    raws: Iterable[Any], batch_size: int
) -> Iterator[tuple[list[Any], SeqkitError | None]]:
    """Lists of inputs; where reading fails, what was read before comes first, with the error."""
    size, largest = batch_size, batch_size * (WINDOW if batch_size > 1 else 1)
    window: list[Any] = []
    try:
        for raw in raws:
            window.append(raw)
            if len(window) == size:
                yield window, None
                window, size = [], min(2 * size, largest)
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
    precision: str = "float32",
) -> list[Prediction]:
    """Answers to a list of inputs, in its order; inputs of like length share a batch."""
    pipeline.model.eval()
    device = device or device_of(pipeline)
    items = [pipeline.encode_input(raw) for raw in raws]
    answers: list[Prediction | None] = [None] * len(items)
    for indices in make_batches([pipeline.length(i) for i in items], batch_size=batch_size):
        chosen = [items[i] for i in indices]
        batch = pipeline.collate(chosen).to(device)
        with computing_in(precision, device):
            found = pipeline.predict(chosen, batch)
        for index, answer in zip(indices, found, strict=True):
            answers[index] = dataclasses.replace(answer, input=raws[index])
    return [answer for answer in answers if answer is not None]


def device_of(pipeline: Pipeline[Any, Any, Any]) -> torch.device:
    """Where the pipeline's weights are."""
    return next(pipeline.model.parameters()).device
