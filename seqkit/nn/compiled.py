"""The way through time of `bptt.py` as machine code, compiled by numba on first use: the extra `compiled`.

In a small network a call to torch takes longer than what it computes, and there are several a step. Here one call
takes a layer through all steps. Rows of a batch do not depend on each other, so a few of them go the whole way before
the next few: their states and the weights stay in the cache, and so do products with their inputs.

Loops over a row stay short, on views of their own: then the compiler makes them work on many numbers at once.

Each walk does the parts `begin` to `end` - 1 of its work, a part being such rows in one direction; threads share them.
Arrays are the trace's (`trace.Trace`), `entering` has those of `trace.Entering`; `places` is where each step's
predecessor stands in the states, `w` the recurrent weight. Weights come as `tiles.panels`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from seqkit.nn import tiles
from seqkit.nn.cells import State
from seqkit.nn.tiles import add_product, compiled, panels
from seqkit.nn.trace import Entering, Kernel, Trace, Weights
from seqkit.nn.workers import shared

BLOCK = 16
"""Rows that go through time together."""


@compiled
def tanh(x: Any) -> Any:
    """The tanh of a number to its last digits."""
    return _tanh_single(x) if isinstance(x, np.float32) else _tanh_double(x)


@compiled
def _tanh_single(x: Any) -> Any:
    """By a quotient of polynomials in x squared, fitted for the least relative error up to 9; beyond it is level."""
    real = np.float32
    y = max(min(x, real(9)), real(-9))
    z = y * y
    above = real(1.3353412e-8) * z + real(2.0608184e-5)
    above = (above * z + real(3.4955345e-3)) * z + real(0.13380981)
    below = real(7.7760468e-7) * z + real(3.2855463e-4)
    below = (below * z + real(0.025876780)) * z + real(0.46714297)
    whole = y * (above * z + real(1)) / (below * z + real(1))
    return max(min(whole, real(1)), real(-1))


@compiled
def _tanh_double(x: Any) -> Any:
    """exp(y) - 1 of a small part y of -2x by Taylor, then doubled until it is of all; beyond 20 tanh is level."""
    y = max(min(x, 20.0), -20.0) / -32.0
    taylor = 1.0
    for k in range(9, 1, -1):
        taylor = 1.0 + y * taylor / k
    e = y * taylor
    for _ in range(6):
        e = e * (e + 2.0)  # (1 + e)^2 - 1
    return -e / (e + 2.0)


@compiled
def sigmoid(x: Any) -> Any:
    """The logistic function of a number."""
    half = type(x)(0.5)
    return half * tanh(half * x) + half


@compiled
def spans(begin: int, end: int, places: Any, dirs: int, backwards: bool) -> Any:
    """The rows of some parts at a step, by part and step: direction, place of the step before, place, rows.

    A list, as a generator of numba's would keep its arguments for ever.
    """
    steps, found = len(places) - 2, []
    for part in range(begin, end):
        direction, first = part % dirs, part // dirs * BLOCK
        for index in range(steps):
            step = steps - index if backwards else index + 1
            rows = min(BLOCK, places[step + 1] - places[step] - first)
            if rows > 0:
                found.append((direction, places[step - 1] + first, places[step] + first, rows))
    return found


@compiled
def enter(sums: Any, entering: Any, d: int, place: int) -> None:
    """Starts rows of sums from a place on, in direction `d`, by what enters: bias and products, or what is known."""
    x, w_x, bias, known, which = entering
    if which.size:
        for row in range(len(sums)):
            sums[row] = known[d, which[d, place + row]]
    else:
        sums[:] = bias[d]
        add_product(x[d, place : place + len(sums)], w_x[d], sums)


@compiled
def elman_forward(
    begin: int, end: int, places: Any, entering: Any, w: Any, states: Any, rectified: bool
) -> None:  # fmt: skip
    """Fills the states of a plain cell."""
    batch = places[1]
    for d, before, at, rows in spans(begin, end, places, len(w), False):
        new = states[d, at : at + rows]
        enter(new, entering, d, at - batch)
        add_product(states[d, before : before + rows], w[d], new)
        for row in range(rows):
            state = new[row]
            for j in range(len(state)):
                state[j] = max(state[j], type(state[j])(0)) if rectified else tanh(state[j])


@compiled
def elman_backward(
    begin: int, end: int, places: Any, w: Any, states: Any, outer: Any, grads: Any, rectified: bool
) -> None:  # fmt: skip
    """Fills the gradients of a plain cell's sums, and completes those of its states."""
    batch = places[1]
    for d, before, at, rows in spans(begin, end, places, len(w), True):
        into = outer[d, before : before + rows]
        mine = grads[d, at - batch : at - batch + rows]
        for row in range(rows):
            grad, state, wanted = mine[row], states[d, at + row], outer[d, at + row]
            for j in range(len(grad)):
                s = state[j]
                slope = type(s)(s > 0) if rectified else type(s)(1) - s * s
                grad[j] = wanted[j] * slope
        add_product(mine, w[d], into)


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
def squash(rows: Any) -> None:
    """The tanh of some rows in their place, in one loop however short they are."""
    values = rows.reshape(-1)
    for j in range(len(values)):
        values[j] = tanh(values[j])


@compiled
def open_gates(sums: Any) -> None:
    """The gates of some rows [rows, 4 * size] from their sums, all by one tanh: sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    size, half = sums.shape[1] // 4, type(sums[0, 0])(0.5)
    for row in range(len(sums)):
        opening, closing = sums[row, : 2 * size], sums[row, 3 * size :]
        for j in range(2 * size):
            opening[j] *= half
        for j in range(size):
            closing[j] *= half
    squash(sums)
    for row in range(len(sums)):
        opening, closing = sums[row, : 2 * size], sums[row, 3 * size :]
        for j in range(2 * size):
            opening[j] = half * opening[j] + half
        for j in range(size):
            closing[j] = half * closing[j] + half


@compiled
def lstm_forward(
    begin: int, end: int, places: Any, entering: Any, w: Any,
    states: Any, cells: Any, gates: Any, extra: Any,
) -> None:  # fmt: skip
    """Fills an LSTM's states, cells, gates and tanh(cells)."""
    batch, size = places[1], states.shape[2]
    for d, before, at, rows in spans(begin, end, places, len(w), False):
        place = at - batch
        sums = gates[d, place : place + rows]
        enter(sums, entering, d, place)
        add_product(states[d, before : before + rows], w[d], sums)
        open_gates(sums)
        for row in range(rows):
            i, f, g, _ = quarters(sums[row])
            old, cell = cells[d, before + row], cells[d, at + row]
            for j in range(size):
                cell[j] = f[j] * old[j] + i[j] * g[j]
        extra[d, place : place + rows] = cells[d, at : at + rows]
        squash(extra[d, place : place + rows])
        for row in range(rows):
            o, state, squashed = sums[row, 3 * size :], states[d, at + row], extra[d, place + row]
            for j in range(size):
                state[j] = o[j] * squashed[j]


@compiled
def lstm_backward(
    begin: int, end: int, places: Any, w: Any,
    cells: Any, gates: Any, extra: Any, outer: Any, inner: Any, grads: Any,
) -> None:  # fmt: skip
    """Fills the gradients of an LSTM's sums, and completes those of its states and cells."""
    batch, size, one = places[1], outer.shape[2], outer.dtype.type(1)
    for d, before, at, rows in spans(begin, end, places, len(w), True):
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
        add_product(grads[d, place : place + rows], w[d], outer[d, before : before + rows])


@compiled
def gru_close(sums: Any, products: Any, old: Any, new: Any) -> None:
    """Fills a GRU's next states [rows, size] by the input's and the recurrent sums of a step, each [rows, 3 * size]."""
    for row in range(len(new)):
        gate, product, state, before = sums[row], products[row], new[row], old[row]
        r, z, n = thirds(gate)
        candidate = product[2 * len(r) :]
        for j in range(2 * len(r)):
            gate[j] = sigmoid(gate[j] + product[j])
        for j in range(len(n)):
            n[j] = tanh(n[j] + r[j] * candidate[j])
        for j in range(len(n)):
            state[j] = n[j] + z[j] * (before[j] - n[j])


@compiled
def gru_forward(
    begin: int, end: int, places: Any, entering: Any, w: Any, bias_h: Any,
    states: Any, gates: Any, extra: Any,
) -> None:  # fmt: skip
    """Fills a GRU's states, gates and recurrent parts of candidates."""
    batch, size = places[1], states.shape[2]
    products = np.empty((BLOCK, 3 * size), states.dtype)
    for d, before, at, rows in spans(begin, end, places, len(w), False):
        sums = gates[d, at - batch : at - batch + rows]
        enter(sums, entering, d, at - batch)
        products[:rows] = bias_h[d]
        add_product(states[d, before : before + rows], w[d], products[:rows])
        extra[d, at - batch : at - batch + rows] = products[:rows, 2 * size :]
        old, new = states[d, before : before + rows], states[d, at : at + rows]
        gru_close(sums, products[:rows], old, new)


@compiled
def gru_backward(
    begin: int, end: int, places: Any, w: Any,
    states: Any, gates: Any, extra: Any, outer: Any, grads: Any, entering: Any,
) -> None:  # fmt: skip
    """Fills the gradients of a GRU's recurrent and entering sums, and completes those of its states."""
    batch, size, one = places[1], outer.shape[2], outer.dtype.type(1)
    for d, before, at, rows in spans(begin, end, places, len(w), True):
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
        add_product(grads[d, place : place + rows], w[d], outer[d, before : before + rows])


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
    arrays = [part.detach().numpy() if isinstance(part, Tensor) else part for part in given]
    parts = len(trace.gates) * -(-trace.batch // BLOCK)
    places = trace.ragged.places
    shared(lambda begin, end: walk(begin, end, places, *arrays), parts, depth * trace.gates.numel())


def _there(
    walk: Callable[..., None], trace: Trace, entering: Entering, w_hh: Weights, *given: Any
) -> None:
    """Takes the walk forwards."""
    w_x, w = (panels([weight.T for weight in _arrays(kind)]) for kind in (entering.weight, w_hh))
    rows, bias, known, which = _arrays(
        (entering.rows, entering.bias, entering.known, entering.which)
    )
    depth = entering.rows.size(2) + w_hh[0].size(1)
    _take(walk, trace, depth, (rows, w_x, bias, known, which), w, *given)


def _back(walk: Callable[..., None], trace: Trace, w_hh: Weights, *given: Any) -> None:
    """Takes the walk backwards."""
    _take(walk, trace, w_hh[0].size(1), panels(_arrays(w_hh)), *given)


def _arrays(weights: Weights) -> list[Any]:
    return [weight.detach().numpy() for weight in weights]


def _elman(rectified: bool) -> Kernel:
    def forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
        _there(elman_forward, trace, entering, w_hh, trace.states, rectified)

    def backward(
        trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor]:
        grads = torch.empty_like(trace.gates)
        _back(elman_backward, trace, w_hh, trace.states, outer, grads, rectified)
        return grads, grads

    return Kernel(forward, backward, 1, _inner, _outer)


def _lstm_forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
    traced = (trace.states, trace.cells, trace.gates, trace.extra)
    _there(lstm_forward, trace, entering, w_hh, *traced)


def _lstm_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads = torch.empty_like(trace.gates)
    traced = (trace.cells, trace.gates, trace.extra)
    _back(lstm_backward, trace, w_hh, *traced, outer, inner, grads)
    return grads, grads


def _gru_forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
    traced = (trace.states, trace.gates, trace.extra)
    _there(gru_forward, trace, entering, w_hh, b_hh, *traced)


def _gru_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    grads, entering = torch.empty_like(trace.gates), torch.empty_like(trace.gates)
    traced = (trace.states, trace.gates, trace.extra)
    _back(gru_backward, trace, w_hh, *traced, outer, grads, entering)
    return grads, entering


def _inner(grads: Tensor, weights: Weights) -> Tensor:
    return torch.from_numpy(tiles.product(grads.detach().numpy(), _arrays(weights)))


def _outer(inputs: Tensor, grads: Tensor) -> Tensor:
    return torch.from_numpy(tiles.outer_products(inputs.detach().numpy(), grads.detach().numpy()))


BY_MODE: dict[str, Kernel] = {
    "RNN_TANH": _elman(rectified=False),
    "RNN_RELU": _elman(rectified=True),
    "LSTM": Kernel(_lstm_forward, _lstm_backward, 2, _inner, _outer),
    "GRU": Kernel(_gru_forward, _gru_backward, 1, _inner, _outer),
}
