"""What `at_once.py` does, as machine code, compiled by numba on first use: the extra `compiled`.

Between its border, where tensors stand, all are numpy's arrays: in a small network calls of torch take longer than what
is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.nn import products
from seqkit.nn.bptt import by_kind, entering_bias
from seqkit.nn.compiled_layers import Way, back, of_weights, packed, there
from seqkit.nn.compiled_loss import become_errors
from seqkit.nn.machine_code import arrays, compiled, room
from seqkit.nn.ragged import Ragged
from seqkit.nn.rows import MOVE, add, clear, clear_rows, copy
from seqkit.nn.workers import shared


@compiled
def _look_up(
    begin: int, end: int, words: Any, places: Any, table: Any, which: Any, rows: Any
) -> None:
    """Fills the words at some places, and their vectors."""
    for at in range(begin, end):
        which[at] = words[places[at]]
        if not 0 <= which[at] < len(table):
            raise IndexError("A word is none of those that the table has.")
        copy(table[which[at]], rows[at])


@compiled
def _turn(
    states: Any, last: Any, head: Any, bias: Any, labels: Any, factor: Any,
    outer: Any, of_head: Any, of_bias: Any,
) -> Any:  # fmt: skip
    """Adds up the gradients, times a factor, of the head and of states that it reads, those at `last`; returns the
    loss."""
    outputs, size = len(bias), states.shape[2]
    scores = np.empty(max(2, outputs), states.dtype)
    loss = np.float64(0)
    for row in range(len(last)):
        if not 0 <= labels[row] < len(scores):
            raise IndexError("A label is none of those that there are.")
        scores[0] = 0  # of two labels, where there is one output
        errors = scores[len(scores) - outputs :]
        for output in range(outputs):
            total = bias[output]
            for d in range(len(states)):
                state, weight = states[d, last[row]], head[output, d * size : (d + 1) * size]
                for place in range(size):
                    total += state[place] * weight[place]
            errors[output] = total
        loss += become_errors(scores, labels[row], bias.dtype.type(0))
        for output in range(outputs):
            error = factor * errors[output]
            of_bias[output] += error
            for d in range(len(states)):
                state, weight = states[d, last[row]], head[output, d * size : (d + 1) * size]
                of_weight = of_head[output, d * size : (d + 1) * size]
                of_state = outer[d, last[row]]
                for place in range(size):
                    of_weight[place] += error * state[place]
                    of_state[place] += error * weight[place]
    return loss


COLUMNS = 64
"""Numbers of a table's row that a thread adds to before it takes further ones."""

FEW = 32
"""Numbers up to which a loop does not pay for being made ready to work on many at once."""


@compiled
def _fill_table(begin: int, end: int, which: Any, rows: Any, pad_idx: int, table: Any) -> None:
    """Fills parts of a table's rows by the sums of those that belong to them; that of padding is 0."""
    first, last = begin * COLUMNS, min(end * COLUMNS, table.shape[1])
    if last - first == table.shape[1]:  # in one loop, however narrow it is
        clear(table.reshape(-1))
    else:
        clear_rows(table[:, first:last])
    for at in range(len(which)):
        word = which[at]
        if word != pad_idx and last - first < FEW:
            for place in range(first, last):
                table[word, place] += rows[at, place]
        elif word != pad_idx:
            add(rows[at, first:last], table[word, first:last])


def learn(
    mode: str, ragged: Ragged, words: Tensor, labels: Tensor, weights: Sequence[Tensor],
    scale: float, pad_idx: int | None,
) -> tuple[float, list[Tensor]]:  # fmt: skip
    """As `own_at_once.learn`."""
    table_learns = weights[0].requires_grad
    given, wanted, table, head, head_bias, *of_layer = arrays(words, labels, *weights)
    w_ih, w_hh, *biases = by_kind(of_layer)
    b_ih, b_hh = map(_side_by_side, biases)
    which, rows = _looked_up(given, ragged, len(w_hh), table)
    way = Way.from_zero(mode, ragged, w_hh)
    nothing = np.empty((0, 0, 0), table.dtype), np.empty((0, 0), np.int64)
    there(mode, way, (rows, entering_bias(mode, b_ih, b_hh), *nothing), packed(w_ih, w_hh), b_hh)
    outer, *of_head = map(np.zeros_like, (way.states, head, head_bias))
    factor, last = table.dtype.type(1 / scale), ragged.last.numpy()
    loss = _turn(way.states, last, head, head_bias, wanted, factor, outer, *of_head)
    recurrent, entering = back(mode, way, w_hh, outer, np.zeros_like(way.cells))
    of_table = table[:0]
    if table_learns:
        of_table = _table_gradient(which, products.product(entering, w_ih), pad_idx, len(table))
    kinds = of_weights(way, rows, recurrent, entering)
    return loss, [*map(torch.from_numpy, (of_table, *of_head, *chain.from_iterable(kinds)))]


def _looked_up(words: Any, ragged: Ragged, dirs: int, table: Any) -> tuple[Any, Any]:
    """Words [dirs, total] as a layer reads them, and their vectors [dirs, total, size]."""
    places = _side_by_side([part.numpy() for part in (ragged.forwards, ragged.backwards)[:dirs]])
    which, rows = np.empty_like(places), room((*places.shape, table.shape[1]), table.dtype)
    given = words.reshape(-1), places.reshape(-1), table
    taken = *given, which.reshape(-1), rows.reshape(-1, table.shape[1])
    shared(lambda begin, end: _look_up(begin, end, *taken), places.size, MOVE * rows.size)
    return which, rows


def _table_gradient(words: Any, rows: Any, pad_idx: int | None, vocab_size: int) -> Any:
    """Gradient of vectors of words, [vocab_size, size], from those of rows [dirs, total, size] that were looked up by
    words [dirs, total]; 0 for padding."""
    padding, size = -1 if pad_idx is None else pad_idx, rows.shape[2]
    table = room((vocab_size, size), rows.dtype)
    which, given = words.reshape(-1), rows.reshape(-1, size)
    shared(
        lambda begin, end: _fill_table(begin, end, which, given, padding, table),
        -(-size // COLUMNS), MOVE * (rows.size + table.size),
    )  # fmt: skip
    return table


def _side_by_side(parts: Sequence[Any]) -> Any:
    """What each direction has as [dirs, ...], without a copy where there is one direction."""
    return np.stack(parts) if len(parts) > 1 else parts[0][np.newaxis]
