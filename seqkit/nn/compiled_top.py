"""The highest numbers of each row as machine code, compiled by numba on first use: the extra `compiled`.

Nearly all of a vocabulary is below the few best so far, so many units are compared with the last of these at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqkit.nn.machine_code import arrays, compiled
from seqkit.nn.workers import shared

BLOCK = 64
"""Numbers that are compared at once."""


@compiled
def fill_highest(begin: int, end: int, values: Any, highest: Any, places: Any) -> None:
    """Fills the highest numbers, falling, and their places [rows, count] of rows `begin` to `end` - 1."""
    for row in range(begin, end):
        given, best, where = values[row], highest[row], places[row]
        for place in range(len(best)):
            _insert(given[place], place, best, where, place)
        for start in range(len(best), len(given), BLOCK):
            block, lowest, above = given[start : start + BLOCK], best[-1], 0
            for place in range(len(block)):
                above += block[place] > lowest
            if above:
                for place in range(len(block)):
                    if block[place] > best[-1]:
                        _insert(block[place], start + place, best, where, len(best) - 1)


@compiled
def _insert(value: Any, place: int, best: Any, where: Any, last: int) -> None:
    """Puts a number into the falling ones, of which that at `last` is free; of equal ones the first stays first."""
    while last > 0 and best[last - 1] < value:
        best[last], where[last] = best[last - 1], where[last - 1]
        last -= 1
    best[last], where[last] = value, place


def highest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest of each row of float [rows, n] on the CPU, falling, and their places, int64 [rows, count]."""
    rows, size = values.shape
    best = values.new_empty(rows, count)
    places = torch.empty(rows, count, dtype=torch.int64)
    given = arrays(values, best, places)
    shared(lambda begin, end: fill_highest(begin, end, *given), rows, 4 * rows * size)
    return best, places
