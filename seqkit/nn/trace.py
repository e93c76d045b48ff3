"""What a recurrent layer's way through time starts from and leaves behind, and who walks it.

Shapes: `dirs` is 1 or 2, `total` the real steps of the batch (`ragged.py`), `rows` those of one step; `gates` is 1, 3
or 4. Gate order is torch's: r, z, n and i, f, g, o.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.nn.ragged import Ragged

Views = Sequence[Tensor]

Weights = Sequence[Tensor]
"""A weight of each direction."""


@dataclass(frozen=True)
class Trace:
    """One layer on its way through time.

    Attributes:
        ragged: The layout.
        states: Hidden states, float [dirs, batch + total, hidden]: the start, then step by step.
        cells: The same for LSTM's cell; other cells leave it empty.
        gates: Gates after their nonlinearity, float [dirs, total, gates * hidden].
        extra: What else the backward pass needs, float [dirs, total, hidden]: LSTM's tanh(cell), GRU's recurrent
            part of the candidate; the plain cells leave it empty.
    """

    ragged: Ragged
    states: Tensor
    cells: Tensor
    gates: Tensor
    extra: Tensor

    @property
    def batch(self) -> int:
        """Rows of the start."""
        return len(self.ragged.order)

    def steps(self, part: Tensor) -> Views:
        """Views of each step, [dirs, rows, ...], of float [dirs, total, ...]."""
        return torch.split(part, self.ragged.sizes, dim=1)

    def with_start(self, part: Tensor) -> Views:
        """Views of the start, then of each step, of float [dirs, batch + total, ...]."""
        return torch.split(part, [self.batch, *self.ragged.sizes], dim=1)

    def blocks(self, first: int, last: int) -> Views:
        """Gates `first` to `last` - 1 of each step, views [dirs, rows, (last - first) * hidden]."""
        hidden = self.states.size(2)
        return self.steps(self.gates[..., first * hidden : last * hidden])


@dataclass(frozen=True)
class Entering:
    """What enters a layer at its steps.

    Attributes:
        rows: Inputs, float [dirs, total, size].
        weight: `weight_ih` of each direction, float [gates * hidden, size].
        bias: What is added to the products, float [dirs, gates * hidden].
        known: Sums of products and bias that stand for inputs, float [dirs, n, gates * hidden], or nothing.
        which: Which of those enter, int64 [dirs, total]; or nothing, then inputs do.
    """

    rows: Tensor
    weight: Weights
    bias: Tensor
    known: Tensor
    which: Tensor

    @classmethod
    def of_rows(cls, rows: Tensor, weight: Weights, bias: Tensor) -> Entering:
        """What enters by inputs of which nothing is known."""
        return cls(
            rows, weight, bias, bias.new_empty(0, 0, 0), bias.new_empty(0, 0, dtype=torch.int64)
        )


class KnownInputs(NamedTuple):
    """Inputs that come again and again, for answers.

    Attributes:
        sums: What each brings to a layer's gates, its products and the bias, float [dirs, n, gates * hidden].
        rows: Which of them stands at each step, int64 [batch, len].
    """

    sums: Tensor
    rows: Tensor


Walk = Callable[[Trace, Entering, Weights, Tensor], None]
"""Fills a trace by `weight_hh` of each direction [gates * hidden, hidden] and `bias_hh` [dirs, gates * hidden]."""

Return = Callable[[Trace, Weights, Tensor, Tensor], tuple[Tensor, Tensor]]
"""From `weight_hh` of each direction and the gradients of all states and cells, which it completes in place, gradients
of the recurrent products and of the input's products, each [dirs, total, gates * hidden]."""


@dataclass(frozen=True)
class Kernel:
    """How one cell walks through time.

    Attributes:
        forward: The way there.
        backward: The way back.
        num_states: Tensors of its state.
        inputs: Gradients of inputs, float [dirs, total, size], from those of their products [dirs, total, gates *
            hidden] and `weight_ih` of each direction.
        weights: Gradients of `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, each [dirs, ...], from the trace,
            inputs [dirs, total, size] and what `backward` gives.
        spread: `Ragged.spread`, or who else makes that move.
        forgets: Whether gates and extra may have no room, [dirs, 0, ...], where nobody goes back.
    """

    forward: Walk
    backward: Return
    num_states: int
    inputs: Callable[[Tensor, Weights], Tensor]
    weights: Callable[[Trace, Tensor, Tensor, Tensor], Views]
    spread: Callable[[Ragged, Tensor, Tensor], Tensor] = Ragged.spread
    forgets: bool = False


def stack(parts: Weights) -> Tensor:
    """What each direction has as [dirs, ...], without a copy where there is one direction."""
    return torch.stack(list(parts)) if len(parts) > 1 else parts[0].unsqueeze(0)
