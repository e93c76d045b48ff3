"""Recurrent layers by the machine code of `compiled.py`: what it is given and who shares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.nn import compiled_ragged, compiled_whole, tiles
from seqkit.nn.cells import State
from seqkit.nn.compiled import (
    BLOCK,
    elman_backward,
    elman_forward,
    gru_backward,
    gru_close,
    gru_forward,
    lstm_backward,
    lstm_forward,
)
from seqkit.nn.machine_code import arrays
from seqkit.nn.trace import Entering, Kernel, Trace, Walk, Weights
from seqkit.nn.workers import shared

Packed = tuple[Any, Any]
"""The weights of what enters and of the states, as walks take them."""


def gru_step(
    inputs: Tensor, before: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """As `cells.gru_step`, without gradients."""
    return gru_step_from(linear(inputs, w_ih, b_ih), before, w_hh, b_hh)


def gru_step_from(sums: Tensor, before: State, w_hh: Tensor, b_hh: Tensor) -> State:
    """The same from the input's sums, float [batch, 3 * hidden], which become the gates."""
    (old,) = before
    products, new = linear(old, w_hh, b_hh), old.new_empty(old.shape)
    gru_close(*(part.detach().numpy() for part in (sums, products, old, new)))
    return (new,)


def _take(walk: Callable[..., None], trace: Trace, depth: int, *given: Any) -> None:
    """Takes a walk over tensors and what else it is given; `depth` numbers enter each sum of its products."""
    taken = [part.detach().numpy() if isinstance(part, Tensor) else part for part in given]
    dirs, _, width = trace.gates.shape
    places, total = trace.ragged.places, len(trace.ragged.previous)
    parts = dirs * -(-trace.batch // BLOCK)
    shared(lambda begin, end: walk(begin, end, places, *taken), parts, depth * dirs * total * width)


def _there(
    walk: Callable[..., None], trace: Trace, entering: Entering, weights: Packed, *given: Any
) -> None:
    """Takes the walk forwards."""
    w_x, w = weights
    rows, bias, known, which = arrays(entering.rows, entering.bias, entering.known, entering.which)
    depth = entering.rows.size(2) + trace.states.size(2)
    _take(walk, trace, depth, (rows, w_x, bias, known, which), w, *given)


def _back(walk: Callable[..., None], trace: Trace, w_hh: Weights, *given: Any) -> None:
    """Takes the walk backwards."""
    _take(walk, trace, w_hh[0].size(1), tiles.panels(arrays(*w_hh)), *given)


def _elman_forward(
    rectified: bool, trace: Trace, entering: Entering, weights: Packed, b_hh: Tensor
) -> None:
    _there(elman_forward, trace, entering, weights, trace.states, rectified)


def _elman_backward(
    rectified: bool, trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads = torch.empty_like(trace.gates)
    _back(elman_backward, trace, w_hh, trace.states, outer, grads, rectified)
    return grads, grads


def _lstm_forward(trace: Trace, entering: Entering, weights: Packed, b_hh: Tensor) -> None:
    traced = (trace.states, trace.cells, trace.gates, trace.extra)
    _there(lstm_forward, trace, entering, weights, *traced)


def _lstm_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads = torch.empty_like(trace.gates)
    traced = (trace.cells, trace.gates, trace.extra)
    _back(lstm_backward, trace, w_hh, *traced, outer, inner, grads)
    return grads, grads


def _gru_forward(trace: Trace, entering: Entering, weights: Packed, b_hh: Tensor) -> None:
    traced = (trace.states, trace.gates, trace.extra)
    _there(gru_forward, trace, entering, weights, b_hh, *traced)


def _gru_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads, entering = torch.empty_like(trace.gates), torch.empty_like(trace.gates)
    traced = (trace.states, trace.gates, trace.extra)
    _back(gru_backward, trace, w_hh, *traced, outer, grads, entering)
    return grads, entering


def _inputs(grads: Tensor, weights: Weights) -> Tensor:
    return torch.from_numpy(tiles.product(arrays(grads)[0], arrays(*weights)))


def _weights(
    trace: Trace, inputs: Tensor, recurrent: Tensor, entering: Tensor
) -> tuple[Tensor, ...]:
    before = trace.before(trace.states)
    given = (inputs, entering), (before, recurrent)
    products, sums = zip(*(tiles.outer_products(*arrays(*pair)) for pair in given), strict=True)
    return tuple(map(torch.from_numpy, (*products, *sums)))


_FORWARD: dict[str, Callable[[Trace, Entering, Packed, Tensor], None]] = {
    "RNN_TANH": partial(_elman_forward, False),
    "RNN_RELU": partial(_elman_forward, True),
    "LSTM": _lstm_forward,
    "GRU": _gru_forward,
}


def _in_panels(mode: str) -> Walk:
    """The way there by weights as they are now."""

    def forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
        kinds = (arrays(*entering.weight), arrays(*w_hh))
        w_x, w = (tiles.panels([weight.T for weight in kind]) for kind in kinds)
        _FORWARD[mode](trace, entering, (w_x, w), b_hh)

    return forward


BY_MODE: dict[str, Kernel] = {
    mode: Kernel(
        _in_panels(mode),
        backward,
        num_states,
        inputs=_inputs,
        weights=_weights,
        spread=compiled_ragged.spread,
        forgets=True,
    )
    for mode, backward, num_states in (
        ("RNN_TANH", partial(_elman_backward, False), 1),
        ("RNN_RELU", partial(_elman_backward, True), 1),
        ("LSTM", _lstm_backward, 2),
        ("GRU", _gru_backward, 1),
    )
}


class WholeLayer:
    """A layer that answers in whole numbers of 8 bits, to which its weights are rounded now.

    Args:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        w_ih: `weight_ih` of each direction, float [gates * hidden, size].
        w_hh: `weight_hh` of each direction, float [gates * hidden, hidden].
    """

    def __init__(self, mode: str, w_ih: Weights, w_hh: Weights) -> None:
        self._w_ih, rounded_hh = compiled_whole.words(w_ih), compiled_whole.words(w_hh)

        def forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
            _FORWARD[mode](trace, entering, (self._w_ih, rounded_hh), b_hh)

        self.kernel = replace(BY_MODE[mode], forward=forward)

    def entering(self, vectors: Tensor, bias: Tensor, direction: int, out: Tensor | None) -> Tensor:
        """Products of inputs [n, size] and `w_ih`, to which a bias is added, [n, gates * hidden]."""
        panels, unit, start = (part[direction : direction + 1] for part in self._w_ih)
        return compiled_whole.linear(vectors.float(), (panels, unit, start), bias, out)
