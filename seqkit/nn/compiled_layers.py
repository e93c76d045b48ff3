"""Recurrent layers by the machine code of `compiled.py`: what it is given and who shares it.

Shapes are those of `trace.py`; here all are numpy's arrays, and tensors for `BY_MODE` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.nn import compiled, compiled_ragged, compiled_whole, products
from seqkit.nn.cells import State
from seqkit.nn.machine_code import arrays, room
from seqkit.nn.ragged import Ragged
from seqkit.nn.trace import Entering, Kernel, Trace, Weights
from seqkit.nn.workers import shared

Packed = tuple[Any, Any]
"""The weights of what enters and of the states, as walks take them."""

Entered = tuple[Any, Any, Any, Any]
"""Rows, bias, known and which of `trace.Entering`."""


class Way(NamedTuple):
    """A `trace.Trace` in arrays."""

    ragged: Ragged
    states: Any
    cells: Any
    gates: Any
    extra: Any

    @classmethod
    def of(cls, trace: Trace) -> Way:
        """The same numbers in the same memory."""
        traced = (trace.states, trace.cells, trace.gates, trace.extra)
        return cls(trace.ragged, *(part.detach().numpy() for part in traced))

    @classmethod
    def from_zero(cls, mode: str, ragged: Ragged, w_hh: Sequence[Any]) -> Way:
        """Before the first step, from a state of zeros, with room for all that the way back needs."""
        (width, hidden), kind = w_hh[0].shape, w_hh[0].dtype
        dirs, batch, total = len(w_hh), len(ragged.order), len(ragged.previous)
        states = room((dirs, batch + total, hidden), kind)
        cells = room(states.shape, kind) if mode == "LSTM" else states[:0]
        states[:, :batch] = cells[:, :batch] = 0
        extra = 0 if mode.startswith("RNN") else hidden
        gates = room((dirs, total, width), kind)
        return cls(ragged, states, cells, gates, room((dirs, total, extra), kind))


def packed(w_ih: Sequence[Any], w_hh: Sequence[Any]) -> Packed:
    """`weight_ih` and `weight_hh` of each direction as they are now."""
    w_x, w = (products.panels([weight.T for weight in kind]) for kind in (w_ih, w_hh))
    return w_x, w


def there(mode: str, way: Way, entered: Entered, weights: Packed, b_hh: Any) -> None:
    """Fills the way by what enters, the weights and `bias_hh` [dirs, gates * hidden]."""
    rows, bias, known, which = entered
    w_x, w = weights
    entering = (rows, w_x, bias, known, which)
    given: tuple[Any, ...]
    if mode == "LSTM":
        walk, given = compiled.lstm_forward, (way.states, way.cells, way.gates, way.extra)
    elif mode == "GRU":
        walk, given = compiled.gru_forward, (b_hh, way.states, way.gates, way.extra)
    else:
        walk, given = compiled.elman_forward, (way.states, mode == "RNN_RELU")
    _take(walk, way, rows.shape[2] + way.states.shape[2], entering, w, *given)


def back(mode: str, way: Way, w_hh: Sequence[Any], outer: Any, inner: Any) -> tuple[Any, Any]:
    """Gradients of the recurrent products and of the input's, each [dirs, total, gates * hidden], from those of states
    and cells, which it completes."""
    shape, kind = (len(w_hh), len(way.ragged.previous), len(w_hh[0])), outer.dtype
    grads = entering = room(shape, kind)
    given: tuple[Any, ...]
    if mode == "LSTM":
        walk, given = compiled.lstm_backward, (way.cells, way.gates, way.extra, outer, inner, grads)
    elif mode == "GRU":
        entering, traced = room(shape, kind), (way.states, way.gates, way.extra)
        walk, given = compiled.gru_backward, (*traced, outer, grads, entering)
    else:
        walk, given = compiled.elman_backward, (way.states, outer, grads, mode == "RNN_RELU")
    _take(walk, way, outer.shape[2], products.panels(w_hh), *given)
    return grads, entering


def of_weights(way: Way, rows: Any, recurrent: Any, entering: Any) -> tuple[Any, ...]:
    """Gradients of `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, each [dirs, ...]."""
    before, alike = way.ragged.before(torch.from_numpy(way.states)).numpy(), entering is recurrent
    of_states, of_recurrent = products.outer_products(before, recurrent)
    of_rows, of_entering = products.outer_products(rows, entering, sums=not alike)
    return of_rows, of_states, of_recurrent.copy() if alike else of_entering, of_recurrent


def _take(walk: Any, way: Way, depth: int, *given: Any) -> None:
    """Takes a walk; `depth` numbers enter each sum of its products."""
    dirs, total, width = len(way.states), len(way.ragged.previous), way.gates.shape[2]
    places, parts = way.ragged.places, dirs * -(-len(way.ragged.order) // compiled.BLOCK)
    shared(lambda begin, end: walk(begin, end, places, *given), parts, depth * dirs * total * width)


def _kernel(mode: str, weights: Packed | None = None) -> Kernel:
    """The same for tensors; by weights that are given, or as they are."""

    def forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
        used = weights or packed(arrays(*entering.weight), arrays(*w_hh))
        parts = arrays(entering.rows, entering.bias, entering.known, entering.which, b_hh)
        there(mode, Way.of(trace), tuple(parts[:4]), used, parts[4])

    def backward(
        trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor]:
        grads = (part.detach().numpy() for part in (outer, inner))
        recurrent, entering = back(mode, Way.of(trace), arrays(*w_hh), *grads)
        found = torch.from_numpy(recurrent)
        return found, found if entering is recurrent else torch.from_numpy(entering)

    def inputs(grads: Tensor, weights: Weights) -> Tensor:
        return torch.from_numpy(products.product(arrays(grads)[0], arrays(*weights)))

    def weights_of(
        trace: Trace, inputs: Tensor, recurrent: Tensor, entering: Tensor
    ) -> tuple[Tensor, ...]:
        rows, grads = arrays(inputs, recurrent)
        of_sums = grads if entering is recurrent else arrays(entering)[0]
        return tuple(map(torch.from_numpy, of_weights(Way.of(trace), rows, grads, of_sums)))

    states = 2 if mode == "LSTM" else 1
    return Kernel(
        forward, backward, states, inputs, weights_of, compiled_ragged.spread, forgets=True
    )


BY_MODE = {mode: _kernel(mode) for mode in ("RNN_TANH", "RNN_RELU", "LSTM", "GRU")}


class WholeLayer:
    """A layer that answers in whole numbers of 8 bits, to which its weights are rounded now.

    Args:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        w_ih: `weight_ih` of each direction, float [gates * hidden, size].
        w_hh: `weight_hh` of each direction, float [gates * hidden, hidden].
    """

    def __init__(self, mode: str, w_ih: Weights, w_hh: Weights) -> None:
        self._w_ih = compiled_whole.words(w_ih)
        self.kernel = _kernel(mode, (self._w_ih, compiled_whole.words(w_hh)))

    def entering(self, vectors: Tensor, bias: Tensor, direction: int, out: Tensor | None) -> Tensor:
        """Products of inputs [n, size] and `w_ih`, to which a bias is added, [n, gates * hidden]."""
        panels, unit, start = (part[direction : direction + 1] for part in self._w_ih)
        return compiled_whole.linear(vectors.float(), (panels, unit, start), bias, out)


def gru_step(
    inputs: Tensor, before: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """As `cells.gru_step`, without gradients."""
    return gru_step_from(linear(inputs, w_ih, b_ih), before, w_hh, b_hh)


def gru_step_from(sums: Tensor, before: State, w_hh: Tensor, b_hh: Tensor) -> State:
    """The same from the input's sums, float [batch, 3 * hidden], which become the gates."""
    (old,) = before
    products, new = linear(old, w_hh, b_hh), old.new_empty(old.shape)
    compiled.gru_close(*(part.detach().numpy() for part in (sums, products, old, new)))
    return (new,)
