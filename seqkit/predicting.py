"""From raw inputs to answers in input order, batch by batch, memory flat."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from seqkit.allocator import keep_garbage, keep_memory
from seqkit.data.batching import make_batches
from seqkit.errors import SeqkitError
from seqkit.nn.kernels import has_started, start_compiled
from seqkit.nn.precision import computing_in
from seqkit.nn.workers import share_out, workers
from seqkit.pipeline import Pipeline, Scores
from seqkit.prediction import Prediction
from seqkit.processes import ALONE, Processes

WINDOW = 32
"""Batches' worth of inputs that are read ahead and sorted by length together, at most."""

MANY = 500
"""Inputs at a time that are worth what `start_compiled` takes."""

MAX_STEPS = 1 << 17
"""Steps of a batch, padding included, so that a batch of very long inputs takes no more memory than others."""


@dataclass(frozen=True)
class Execution:
    """How inputs are answered; the answers do not depend on it, but for rounding.

    Attributes:
        batch_size: Inputs a batch.
        device: Where the network is; None is where its weights are.
        processes: Those that answer together; each is given all inputs and gives all answers.
        precision: One that `lower_precision` has prepared the network for.
    """

    batch_size: int = 32
    device: torch.device | None = None
    processes: Processes = ALONE
    precision: str = "float32"


def predict_stream(
    pipeline: Pipeline[Any, Any, Any],
    raws: Iterable[Any],
    how: Execution = Execution(),
    *,
    soon: bool = True,
) -> Iterator[Prediction]:
    """Answers in the order of the inputs; only a window of inputs is held at a time, of up to `WINDOW` batches.

    Batches of one input need no like lengths: each is answered before the next input is read.

    Args:
        pipeline: Its network is put into evaluation mode.
        raws: Raw inputs, any number.
        how: How they are answered.
        soon: Whether first answers should come soon: then the first window is one batch and each is twice the one
            before.
    """
    for window, failure in _windows(raws, how.batch_size, soon):
        yield from predict_window(pipeline, window, how)
        if failure is not None:
            raise failure


def _windows(
    raws: Iterable[Any], batch_size: int, soon: bool
) -> Iterator[tuple[list[Any], SeqkitError | None]]:
    """Lists of inputs; where reading fails, what was read before comes first, with the error."""
    largest = batch_size * (WINDOW if batch_size > 1 else 1)
    size = batch_size if soon else largest
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
@keep_garbage()
def predict_window(
    pipeline: Pipeline[Any, Any, Any],
    raws: Sequence[Any],
    how: Execution = Execution(),
) -> list[Prediction]:
    """Answers to a list of inputs, in its order; inputs of like length share a batch."""
    pipeline.model.eval()
    device = how.device or device_of(pipeline)
    items: Sequence[Any] = [pipeline.encode_input(raw) for raw in raws]

    def answer(indices: Sequence[int]) -> list[Prediction]:
        chosen = [items[i] for i in indices]
        return pipeline.predict(chosen, pipeline.collate(chosen).to(device))

    batches = list(_batches([pipeline.length(item) for item in items], how.batch_size))
    if len(batches) > 1:
        keep_memory()
    if len(items) >= MANY and device.type == "cpu":
        start_compiled()
    with computing_in(how.precision, device):
        if len(batches) > 1 and device.type == "cpu" and has_started():
            items = pipeline.prepare_answers(items)
        if how.processes.size == 1 and device.type == "cpu" and _may_share(len(batches)):
            answers = share_out(answer, batches)
        else:
            answers = how.processes.map(answer, batches, Prediction.revive_all)
    by_index = {
        index: dataclasses.replace(answer, input=raws[index])
        for indices, found in zip(batches, answers, strict=True)
        for index, answer in zip(indices, found, strict=True)
    }
    return [by_index[index] for index in range(len(raws))]


def _may_share(batches: int) -> bool:
    """Whether threads may share so many batches. Torch then has one thread, whose sums differ from those of several in
    their last digits: where it has several now, only beside machine code, with which the digits are others anyway."""
    return torch.get_num_threads() == 1 or (has_started() and batches >= workers())


def answer_examples(
    pipeline: Pipeline[Any, Any, Any],
    examples: Sequence[Any],
    how: Execution = Execution(),
) -> list[Prediction]:
    """Answers to the raw inputs of labelled examples, in their order; see `predict_stream`."""
    compute_features(pipeline, [examples], how.processes)
    return predict_window(pipeline, [pipeline.raw_input(example) for example in examples], how)


def score_examples(
    pipeline: Pipeline[Any, Any, Any],
    examples: Sequence[Any],
    how: Execution = Execution(),
) -> Scores:
    """Scores of what the pipeline answers to labelled examples."""
    return pipeline.score(examples, answer_examples(pipeline, examples, how))


def compute_features(
    pipeline: Pipeline[Any, Any, Any],
    parts: Sequence[Sequence[Any]],
    processes: Processes = ALONE,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Has what stays fixed for the examples of these parts computed, each process its share; then all know all."""

    def raws() -> Iterator[Any]:
        return (pipeline.raw_input(example) for part in parts for example in part)

    if processes.size > 1:
        own = islice(raws(), processes.rank, None, processes.size)
        processes.gather(lambda: pipeline.fixed_features(own, on_progress))
    pipeline.fixed_features(raws(), on_progress)


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Indices of the inputs of each batch, like lengths together; very long ones are fewer to a batch."""
    for indices in make_batches(lengths, batch_size=batch_size):
        steps = [lengths[i] for i in indices]
        for part in make_batches(steps, batch_size=batch_size, batch_tokens=MAX_STEPS):
            yield [indices[i] for i in part]


def device_of(pipeline: Pipeline[Any, Any, Any]) -> torch.device:
    """Where the pipeline's weights are."""
    return next(pipeline.model.parameters()).device
