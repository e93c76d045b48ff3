"""The way through time of `bptt.py` as machine code, compiled by numba on first use: the extra `compiled`.

In a small network a call to torch takes longer than what it computes, and there are several a step. Here one call
takes a layer through all steps. Rows of a batch do not depend on each other, so a few of them go the whole way before
the next few: their states and the weights stay in the cache, and so do products with their inputs.

Loops over a row stay short, on views of their own: then the compiler makes them work on many numbers at once.

Each walk does the parts `begin` to `end` - 1 of its work, a part being such rows in one direction; threads share them.
Arrays are the trace's (`trace.Trace`), `entering` has those of `trace.Entering`; `places` is where each step's
predecessor stands in the states, `w` the recurrent weight. Weights come as `products.panels`, and on the way there also
in whole numbers (`compiled_whole.Words`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqkit.nn.compiled_whole import add_weighted, fill_weighted
from seqkit.nn.machine_code import compiled
from seqkit.nn.products import add_product
from seqkit.nn.rows import copy, copy_rows

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
            copy(known[d, which[d, place + row]], sums[row])
    else:
        fill_weighted(x[d, place : place + len(sums)], w_x, d, bias[d], sums)


@compiled
def scratch(kept: bool, values: Any) -> Any:
    """Room for rows of values [dirs, total, size] that go through time together and are not kept."""
    return np.empty((0 if kept else BLOCK, values.shape[2]), values.dtype)


@compiled
def elman_forward(
    begin: int, end: int, places: Any, entering: Any, w: Any, states: Any, rectified: bool
) -> None:  # fmt: skip
    """Fills the states of a plain cell."""
    batch = places[1]
    for d, before, at, rows in spans(begin, end, places, len(states), False):
        new = states[d, at : at + rows]
        enter(new, entering, d, at - batch)
        add_weighted(states[d, before : before + rows], w, d, new)
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
    """Fills an LSTM's states, cells, gates and tanh(cells), the last two where there is room."""
    batch, size, kept = places[1], states.shape[2], gates.shape[1] > 0
    own_gates, own_extra = scratch(kept, gates), scratch(kept, extra)
    for d, before, at, rows in spans(begin, end, places, len(states), False):
        place = at - batch
        sums = gates[d, place : place + rows] if kept else own_gates[:rows]
        squashed_cells = extra[d, place : place + rows] if kept else own_extra[:rows]
        enter(sums, entering, d, place)
        add_weighted(states[d, before : before + rows], w, d, sums)
        open_gates(sums)
        for row in range(rows):
            i, f, g, _ = quarters(sums[row])
            old, cell = cells[d, before + row], cells[d, at + row]
            for j in range(size):
                cell[j] = f[j] * old[j] + i[j] * g[j]
        copy_rows(cells[d, at : at + rows], squashed_cells)
        squash(squashed_cells)
        for row in range(rows):
            o, state, squashed = sums[row, 3 * size :], states[d, at + row], squashed_cells[row]
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
    """Fills a GRU's states, gates and recurrent parts of candidates, the last two where there is room."""
    batch, size, kept = places[1], states.shape[2], gates.shape[1] > 0
    products, own_gates = scratch(False, gates), scratch(kept, gates)
    for d, before, at, rows in spans(begin, end, places, len(states), False):
        place = at - batch
        sums = gates[d, place : place + rows] if kept else own_gates[:rows]
        enter(sums, entering, d, place)
        fill_weighted(states[d, before : before + rows], w, d, bias_h[d], products[:rows])
        if kept:
            copy_rows(products[:rows, 2 * size :], extra[d, place : place + rows])
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
            copy(grad[: 2 * size], entering[d, place + row, : 2 * size])
        add_product(grads[d, place : place + rows], w[d], outer[d, before : before + rows])
