"""What `at_once.py` does beside its layer as machine code, compiled by numba on first use: the extra `compiled`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.nn.compiled_loss import become_errors
from seqkit.nn.machine_code import arrays, compiled
from seqkit.nn.rows import MOVE, copy
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
    states: Any, last: Any, head: Any, bias: Any, labels: Any, outer: Any, of_head: Any, of_bias: Any
) -> Any:  # fmt: skip
    """Adds up the gradients of the head and of states that it reads, those at `last`; returns the loss."""
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
            error = errors[output]
            of_bias[output] += error
            for d in range(len(states)):
                state, weight = states[d, last[row]], head[output, d * size : (d + 1) * size]
                of_weight = of_head[output, d * size : (d + 1) * size]
                of_state = outer[d, last[row]]
                for place in range(size):
                    of_weight[place] += error * state[place]
                    of_state[place] += error * weight[place]
    return loss


COLUMNS = 16
"""Numbers of a table's row that a thread adds to before it takes further ones."""


@compiled
def _add_rows(
    begin: int, end: int, which: Any, rows: Any, factor: Any, pad_idx: int, table: Any
) -> None:
    """Adds parts of rows times a factor to those of a table, but to that of padding."""
    first, last = begin * COLUMNS, min(end * COLUMNS, table.shape[1])
    for at in range(len(which)):
        if which[at] != pad_idx:
            given, into = rows[at, first:last], table[which[at], first:last]
            for place in range(len(into)):
                into[place] += factor * given[place]


def look_up(words: Tensor, places: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """Words int64 [dirs, total] at some places of [batch, len], and their vectors float [dirs, total, size].

    Raises:
        IndexError: if the table has not all of them.
    """
    which, rows = torch.empty_like(places), table.new_empty(*places.shape, table.size(1))
    given = (words.flatten(), places.flatten(), table, which.flatten(), rows.flatten(0, 1))
    taken = arrays(*given)
    shared(lambda begin, end: _look_up(begin, end, *taken), places.numel(), MOVE * rows.numel())
    return which, rows


def turn(
    states: Tensor, last: Tensor, head: Tensor, bias: Tensor, labels: Tensor
) -> tuple[Tensor, ...]:
    """The loss of labels int64 [batch], and its gradients of states, head and bias.

    Args:
        states: float [dirs, steps, hidden].
        last: Those that the head reads, int64 [batch].
        head: float [outputs, dirs * hidden]; a single output is the log-odds of the second of two labels.
        bias: float [outputs].
        labels: 0 to the number of labels - 1.

    Raises:
        IndexError: if a label is none of these.
    """
    found = tuple(map(torch.zeros_like, (states, head, bias)))
    loss = _turn(*arrays(states, last, head, bias, labels, *found))
    return states.new_tensor(loss), *found


def add_rows(
    words: Tensor, rows: Tensor, factor: Tensor, pad_idx: int | None, table: Tensor
) -> None:
    """Adds rows [dirs, total, size] times a factor to the rows of a table [vocab_size, size] that belong to their words
    [dirs, total], but to that of padding."""
    which, given, (scale,), into = arrays(
        words.flatten(), rows.flatten(0, 1), factor.view(1), table
    )
    padding = -1 if pad_idx is None else pad_idx
    shared(
        lambda begin, end: _add_rows(begin, end, which, given, scale, padding, into),
        -(-table.size(1) // COLUMNS), MOVE * rows.numel(),
    )  # fmt: skip
