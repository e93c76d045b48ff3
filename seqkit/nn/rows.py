"""Moves of numbers from row to row, as machine code that is a part of who calls it."""

from __future__ import annotations

from typing import Any

from seqkit.nn.machine_code import inlined

MOVE = 16
"""Multiplications that take as long as to move a number of a row, roughly."""


@inlined
def copy(given: Any, into: Any) -> None:
    """Copies numbers into a row; numba's assignment to a part of an array takes five times as long."""
    for place in range(len(into)):
        into[place] = given[place]


@inlined
def copy_rows(given: Any, into: Any) -> None:
    """Copies rows."""
    for row in range(len(into)):
        copy(given[row], into[row])


@inlined
def add(given: Any, into: Any) -> None:
    """Adds numbers to those of a row."""
    for place in range(len(into)):
        into[place] += given[place]


@inlined
def clear(into: Any) -> None:
    """Makes the numbers of a row 0."""
    for place in range(len(into)):
        into[place] = 0


@inlined
def clear_rows(into: Any) -> None:
    """Makes rows 0."""
    for row in range(len(into)):
        clear(into[row])


@inlined
def fill_rows(values: Any, into: Any) -> None:
    """Makes every row that of some values."""
    for row in range(len(into)):
        copy(values, into[row])
