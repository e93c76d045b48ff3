"""Recurrent layers against those of torch.nn over packed rows: the same weights, the same rows, the same results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from side_by_side import Times, alternate
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqkit.allocator import keep_memory
from seqkit.nn import Recurrent
from seqkit.nn.kernels import start_compiled
from seqkit.nn.workers import set_workers

LAYERS = {"rnn_tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
LONG_ENOUGH = 0.2
"""Seconds that a repetition takes at least: quick calls are repeated in it."""
TOLERANCE = 1e-4
"""By how much the results of both may differ, as a share of the largest number."""


@dataclass(frozen=True)
class Shape:
    """Rows of a batch, steps of the longest row, units of each direction (and width of the input), directions."""

    batch: int
    steps: int
    units: int
    directions: int = 1

    def __str__(self) -> str:
        both = ", both directions" if self.directions == 2 else ""
        return f"({self.batch}, {self.steps}, {self.units}{both})"


SHAPES = (
    Shape(32, 100, 32),
    Shape(32, 100, 64),
    Shape(32, 200, 64, 2),
    Shape(64, 50, 128),
    Shape(32, 100, 128),
    Shape(32, 200, 128, 2),
    Shape(64, 100, 128, 2),
    Shape(64, 100, 256),
    Shape(32, 30, 256, 2),
    Shape(64, 30, 256),
    Shape(64, 200, 256, 2),
    Shape(64, 30, 512),
)

Run = Callable[[], list[Tensor]]
"""Does the work once and returns all results, gradients included."""


def measure(
    cell: str, *, learning: bool, repeats: int, shapes: tuple[Shape, ...] = SHAPES
) -> dict[str, Times]:
    """Seconds of a step by shape, of training (forward and backward) or of answering.

    Both ways run in this process and gain alike from memory that is kept (`keep_memory`). Both have the threads that
    torch takes: ours gives them to machine code and one to torch's operations beside it, as a training does unless it
    is told otherwise. It may answer by machine code, as it does many inputs.

    Raises:
        AssertionError: if the results of both ways differ.
    """
    keep_memory()
    start_compiled()
    threads = torch.get_num_threads()
    set_workers(threads)
    cases = {}
    for shape in shapes:
        ours, theirs = both_ways(cell, shape, learning=learning)
        check_alike(ours(), theirs())
        count = max(1, math.ceil(LONG_ENOUGH / seconds(theirs)))
        cases[str(shape)] = alternate(
            partial(seconds, ours, count, threads=1),
            partial(seconds, theirs, count, threads=threads),
            repeats,
        )
    torch.set_num_threads(threads)
    return cases


def both_ways(cell: str, shape: Shape, *, learning: bool) -> tuple[Run, Run]:
    """The same work by `Recurrent` and by torch: rows of half the steps to all of them."""
    torch.manual_seed(1)
    two_ways = shape.directions == 2
    layer = Recurrent(cell, shape.units, shape.units, bidirectional=two_ways).train(learning)
    peer = LAYERS[cell](shape.units, shape.units, batch_first=True, bidirectional=two_ways)
    peer.load_state_dict(layer.state_dict())
    inputs = torch.randn(shape.batch, shape.steps, shape.units)
    lengths = torch.randint(shape.steps // 2, shape.steps + 1, (shape.batch,))
    lengths[0] = shape.steps
    packed = Packed(peer.train(learning))
    if learning:
        return training_step(layer, inputs, lengths), training_step(packed, inputs, lengths)
    return answer(layer, inputs, lengths), answer(packed, inputs, lengths)


class Packed(nn.Module):
    """A layer of torch.nn over a padded batch, as its documentation has it."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """outputs [batch, len, size], the final state."""
        rows = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        outputs, state = self.layer(rows)
        padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=inputs.size(1))
        return padded, state if isinstance(state, tuple) else (state,)


def training_step(layer: nn.Module, inputs: Tensor, lengths: Tensor) -> Run:
    """Forward and backward; gradients of the weights and of the input."""
    inputs = inputs.clone().requires_grad_()
    learned = [inputs, *layer.parameters()]

    def run() -> list[Tensor]:
        for tensor in learned:
            tensor.grad = None
        outputs, state = layer(inputs, lengths)
        torch.stack([outputs.square().sum(), *(part.sum() for part in state)]).sum().backward()
        results = [outputs, *state, *(t.grad for t in learned if t.grad is not None)]
        return [result.detach() for result in results]

    return run


def answer(layer: nn.Module, inputs: Tensor, lengths: Tensor) -> Run:
    """Forward alone, without anything kept for learning."""

    @torch.inference_mode()
    def run() -> list[Tensor]:
        outputs, state = layer(inputs, lengths)
        return [outputs, *state]

    return run


def check_alike(ours: list[Tensor], theirs: list[Tensor]) -> None:
    """Refuses results that are not the same."""
    for mine, other in zip(ours, theirs, strict=True):
        largest = float(other.abs().max())
        torch.testing.assert_close(mine, other, rtol=0, atol=TOLERANCE * max(1.0, largest))


def seconds(run: Run, count: int = 1, threads: int = 0) -> float:
    """Seconds of one of so many calls, with so many threads of torch (0: as many as there are)."""
    if threads:
        torch.set_num_threads(threads)
        run()  # the threads are awake, or asleep
    began = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - began) / count
