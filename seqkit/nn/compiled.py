"""The way through time of `bptt.py` as machine code, compiled by numba on first use: the extra `compiled`.

In a small network a call to torch takes longer than what it computes, and there are several a step. Here one call
takes a layer through all steps. Rows of a batch do not depend on each other, so a few of them go the whole way before
the next few: their states and the weights stay in the cache, and so do products with their inputs.

Loops over a row stay short, on views of their own: then the compiler makes them work on many numbers at once.

Arrays are the trace's (`bptt.Trace`) and what enters (`bptt.Entering`): `x`, its weight `w_x` and `bias`; `places` is
where each step's predecessor stands in the states, `w` the recurrent weight. Weights come as their products want them,
[dirs, from, to].
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from seqkit.nn import bptt, tiles
from seqkit.nn.bptt import Entering, Kernel, Trace
from seqkit.nn.tiles import OPTIONS, add_product, compiled, panels

BLOCK = 16
"""Rows that go through time together."""

NEAR = 2048
"""Bytes of a row of gradients up to which its outer products are faster here than by torch."""


@compiled
def tanh(x: Any) -> Any:
    """The tanh of a number to its last digits."""
    if isinstance(x, np.float32):
        return _tanh(x, most=9, doublings=4, terms=6)
    return _tanh(x, most=20, doublings=6, terms=9)


@compiled
def _tanh(x: Any, most: int, doublings: int, terms: int) -> Any:
    """exp(y) - 1 of a small part y of -2x by Taylor, then doubled until it is of all; beyond `most` it is level."""
    real = type(x)
    y = max(min(x, real(most)), real(-most)) / real(-(2 ** (doublings - 1)))
    taylor = real(1)
    for k in range(terms, 1, -1):
        taylor = real(1) + y * taylor / real(k)
    e = y * taylor
    for _ in range(doublings):
        e = e * (e + real(2))  # (1 + e)^2 - 1
    return -e / (e + real(2))


@compiled
def sigmoid(x: Any) -> Any:
    """The logistic function of a number."""
    half = type(x)(0.5)
    return half * tanh(half * x) + half


@partial(numba.njit, **OPTIONS)  # numba cannot keep generators
def spans(places: Any, dirs: int, backwards: bool) -> Any:
    """Some rows at a step, by direction, rows and step: direction, place of the step before, place, rows."""
    steps = len(places) - 2
    for direction in range(dirs):
        for first in range(0, places[1], BLOCK):
            for index in range(steps):
                step = steps - index if backwards else index + 1
                rows = min(BLOCK, places[step + 1] - places[step] - first)
                if rows > 0:
                    yield direction, places[step - 1] + first, places[step] + first, rows


@compiled
def elman_forward(
    places: Any, x: Any, w_x: Any, bias: Any, w: Any, states: Any, rectified: bool
) -> None:
    """Fills the states of a plain cell."""
    batch, packed, packed_x = places[1], panels(w), panels(w_x)
    for d, before, at, rows in spans(places, len(w), False):
        new = states[d, at : at + rows]
        new[:] = bias[d]
        add_product(x[d, at - batch : at - batch + rows], packed_x[d], new)
        add_product(states[d, before : before + rows], packed[d], new)
        for row in range(rows):
            state = new[row]
            for j in range(len(state)):
                state[j] = max(state[j], type(state[j])(0)) if rectified else tanh(state[j])


@compiled
def elman_backward(
    places: Any, w: Any, states: Any, outer: Any, grads: Any, rectified: bool
) -> None:
    """Fills the gradients of a plain cell's sums, and completes those of its states."""
    batch, packed = places[1], panels(w)
    for d, before, at, rows in spans(places, len(w), True):
        into = outer[d, before : before + rows]
        mine = grads[d, at - batch : at - batch + rows]
        for row in range(rows):
            grad, state, wanted = mine[row], states[d, at + row], outer[d, at + row]
            for j in range(len(grad)):
                s = state[j]
                slope = type(s)(s > 0) if rectified else type(s)(1) - s * s
                grad[j] = wanted[j] * slope
        add_product(mine, packed[d], into)


@compiled
def quarters(values: Any) -> Any:
    """Views of the four gates of a row."""
    size = len(values) // 4
    return values[:size], values[size : 2 * size], values[2 * size : 3 * size], values[3 * size :]


@compiled
def thirds(values: Any) -> Any:
    """Views of the three gates of a row."""
    size = len(values) // 3
    return values[:size], values[size : 2 * size], values[2 * size :]


@compiled
def lstm_forward(
    places: Any, x: Any, w_x: Any, bias: Any, w: Any,
    states: Any, cells: Any, gates: Any, extra: Any,
) -> None:  # fmt: skip
    """Fills an LSTM's states, cells, gates and tanh(cells)."""
    batch, size, packed, packed_x = places[1], states.shape[2], panels(w), panels(w_x)
    for d, before, at, rows in spans(places, len(w), False):
        place = at - batch
        sums = gates[d, place : place + rows]
        sums[:] = bias[d]
        add_product(x[d, place : place + rows], packed_x[d], sums)
        add_product(states[d, before : before + rows], packed[d], sums)
        for row in range(rows):
            i, f, g, o = quarters(gates[d, place + row])
            opening, squashed = gates[d, place + row, : 2 * size], extra[d, place + row]
            old, cell, state = cells[d, before + row], cells[d, at + row], states[d, at + row]
            for j in range(2 * size):
                opening[j] = sigmoid(opening[j])
            for j in range(size):
                g[j] = tanh(g[j])
            for j in range(size):
                cell[j] = f[j] * old[j] + i[j] * g[j]
            for j in range(size):
                squashed[j] = tanh(cell[j])
            for j in range(size):
                o[j] = sigmoid(o[j])
            for j in range(size):
                state[j] = o[j] * squashed[j]


@compiled
def lstm_backward(
    places: Any, w: Any, cells: Any, gates: Any, extra: Any, outer: Any, inner: Any, grads: Any
) -> None:
    """Fills the gradients of an LSTM's sums, and completes those of its states and cells."""
    batch, size, one = places[1], outer.shape[2], outer.dtype.type(1)
    packed = panels(w)
    for d, before, at, rows in spans(places, len(w), True):
        place = at - batch
        for row in range(rows):
            i, f, g, o = quarters(gates[d, place + row])
            to_i, to_f, to_g, to_o = quarters(grads[d, place + row])
            squashed, old = extra[d, place + row], cells[d, before + row]
            state, cell, into = outer[d, at + row], inner[d, at + row], inner[d, before + row]
            for j in range(size):
                cell[j] += state[j] * o[j] * (one - squashed[j] * squashed[j])
            for j in range(size):
                to_i[j] = cell[j] * g[j] * i[j] * (one - i[j])
            for j in range(size):
                to_f[j] = cell[j] * old[j] * f[j] * (one - f[j])
            for j in range(size):
                to_g[j] = cell[j] * i[j] * (one - g[j] * g[j])
            for j in range(size):
                to_o[j] = state[j] * squashed[j] * o[j] * (one - o[j])
            for j in range(size):
                into[j] += cell[j] * f[j]
        add_product(grads[d, place : place + rows], packed[d], outer[d, before : before + rows])


@compiled
def gru_forward(
    places: Any, x: Any, w_x: Any, bias: Any, w: Any, bias_h: Any,
    states: Any, gates: Any, extra: Any,
) -> None:  # fmt: skip
    """Fills a GRU's states, gates and recurrent parts of candidates."""
    batch, size, packed, packed_x = places[1], states.shape[2], panels(w), panels(w_x)
    products = np.empty((BLOCK, 3 * size), states.dtype)
    for d, before, at, rows in spans(places, len(w), False):
        sums = gates[d, at - batch : at - batch + rows]
        sums[:] = bias[d]
        add_product(x[d, at - batch : at - batch + rows], packed_x[d], sums)
        products[:rows] = bias_h[d]
        add_product(states[d, before : before + rows], packed[d], products[:rows])
        for row in range(rows):
            gate, product = gates[d, at - batch + row], products[row]
            r, z, n = thirds(gate)
            recurrent = extra[d, at - batch + row]
            old, state = states[d, before + row], states[d, at + row]
            for j in range(2 * size):
                gate[j] = sigmoid(gate[j] + product[j])
            recurrent[:] = product[2 * size :]
            for j in range(size):
                n[j] = tanh(n[j] + r[j] * recurrent[j])
            for j in range(size):
                state[j] = n[j] + z[j] * (old[j] - n[j])


@compiled
def gru_backward(
    places: Any, w: Any, states: Any, gates: Any, extra: Any, outer: Any, grads: Any, entering: Any
) -> None:
    """Fills the gradients of a GRU's recurrent and entering sums, and completes those of its states."""
    batch, size, one = places[1], outer.shape[2], outer.dtype.type(1)
    packed = panels(w)
    for d, before, at, rows in spans(places, len(w), True):
        place = at - batch
        for row in range(rows):
            r, z, n = thirds(gates[d, place + row])
            grad, candidate = grads[d, place + row], entering[d, place + row, 2 * size :]
            to_r, to_z, to_n = thirds(grad)
            state, recurrent = outer[d, at + row], extra[d, place + row]
            old, into = states[d, before + row], outer[d, before + row]
            for j in range(size):
                candidate[j] = state[j] * (one - z[j]) * (one - n[j] * n[j])
            for j in range(size):
                to_r[j] = candidate[j] * recurrent[j] * r[j] * (one - r[j])
            for j in range(size):
                to_z[j] = state[j] * (old[j] - n[j]) * z[j] * (one - z[j])
            for j in range(size):
                to_n[j] = candidate[j] * r[j]
            for j in range(size):
                into[j] += state[j] * z[j]
            entering[d, place + row, : 2 * size] = grad[: 2 * size]
        add_product(grads[d, place : place + rows], packed[d], outer[d, before : before + rows])


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _inner(grads: Tensor, weight: Tensor) -> Tensor:
    return torch.from_numpy(tiles.product(*_arrays(grads, weight)))


def _outer(inputs: Tensor, grads: Tensor) -> Tensor:
    if grads.size(2) * grads.element_size() > NEAR:
        return bptt.outer_products(inputs, grads)
    return torch.from_numpy(tiles.outer_products(*_arrays(inputs, grads)))


def _entering(entering: Entering, w_hh: Tensor) -> list[np.ndarray]:
    """Rows, weight and bias of what enters, and the recurrent weight; weights [dirs, from, to]."""
    rows, w_ih, bias = _arrays(entering.rows, entering.weight, entering.bias)
    return [rows, w_ih.transpose(0, 2, 1), bias, w_hh.detach().numpy().transpose(0, 2, 1)]


def _elman(rectified: bool) -> Kernel:
    def forward(trace: Trace, entering: Entering, w_hh: Tensor, b_hh: Tensor) -> None:
        states = trace.states.numpy()
        elman_forward(trace.ragged.places, *_entering(entering, w_hh), states, rectified)

    def backward(trace: Trace, w_hh: Tensor, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        grads = torch.empty_like(trace.gates)
        elman_backward(trace.ragged.places, *_arrays(w_hh, trace.states, outer, grads), rectified)
        return grads, grads

    return Kernel(forward, backward, 1, _inner, _outer)


def _lstm_forward(trace: Trace, entering: Entering, w_hh: Tensor, b_hh: Tensor) -> None:
    traced = _arrays(trace.states, trace.cells, trace.gates, trace.extra)
    lstm_forward(trace.ragged.places, *_entering(entering, w_hh), *traced)


def _lstm_backward(
    trace: Trace, w_hh: Tensor, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads = torch.empty_like(trace.gates)
    traced = (trace.cells, trace.gates, trace.extra)
    lstm_backward(trace.ragged.places, *_arrays(w_hh, *traced, outer, inner, grads))
    return grads, grads


def _gru_forward(trace: Trace, entering: Entering, w_hh: Tensor, b_hh: Tensor) -> None:
    traced = _arrays(b_hh, trace.states, trace.gates, trace.extra)
    gru_forward(trace.ragged.places, *_entering(entering, w_hh), *traced)


def _gru_backward(
    trace: Trace, w_hh: Tensor, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads, entering = torch.empty_like(trace.gates), torch.empty_like(trace.gates)
    traced = (trace.states, trace.gates, trace.extra)
    gru_backward(trace.ragged.places, *_arrays(w_hh, *traced, outer, grads, entering))
    return grads, entering


BY_MODE: dict[str, Kernel] = {
    "RNN_TANH": _elman(rectified=False),
    "RNN_RELU": _elman(rectified=True),
    "LSTM": Kernel(_lstm_forward, _lstm_backward, 2, _inner, _outer),
    "GRU": Kernel(_gru_forward, _gru_backward, 1, _inner, _outer),
}
