"""Products of small matrices at the full speed of the processor, for the machine code of `compiled.py`.

Weights are laid out as `tiles.py` reads them, in panels, and threads share the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqkit.nn.machine_code import compiled, room
from seqkit.nn.rows import copy, copy_rows, fill_rows
from seqkit.nn.tiles import BYTES, copy_panel, fill_tiles
from seqkit.nn.workers import shared

PART = 16
"""Rows of a product that are a part of its work."""

TOGETHER = 64
"""Rows of one thread that go through all panels together, at most: they stay in its own cache, while weights are read
anew."""

NARROW = 8
"""Columns of a product up to which each number is a sum of its own: a tile would be padding for the most part."""

COPY = 40
"""Multiplications that take as long as to copy a number to its panel, roughly."""

DEPTH = 128
"""Outer products that are added up in registers before the sums go back to memory."""


@compiled
def fill_panels(begin: int, end: int, weights: Any, packed: Any) -> None:
    """Parts of packed weights: rows, through all panels, those of one direction after the other's."""
    _, each, size, width = packed.shape
    for part in range(begin, end):
        d, row = part // size, part % size
        given = weights[d][row]
        for panel in range(each):
            numbers = given[panel * width : (panel + 1) * width]
            copy(numbers, packed[d, panel, row][: len(numbers)])


@compiled
def _fill_turned_panels(begin: int, end: int, weights: Any, packed: Any) -> None:
    """The same of weights whose columns stand side by side: parts are panels."""
    _, each, size, width = packed.shape
    for part in range(begin, end):
        d, column = part // each, part % each * width
        panel, given = packed[d, part % each], weights[d][:, column : column + width]
        for place in range(given.shape[1]):
            for row in range(size):
                panel[row, place] = given[row, place]


def panels(weights: Sequence[Any]) -> Any:
    """Weights of each direction [from, to] as tiles read them, [dirs, panels, from, width], zeros behind the last."""
    weights = tuple(weights)
    (size, to), kind = weights[0].shape, weights[0].dtype
    width = BYTES // kind.itemsize
    each = -(-to // width)
    shape = (len(weights), each, size, width)
    packed = room(shape, kind)
    if to % width:
        packed.fill(0)
    row_step, column_step = weights[0].strides
    fill, parts = (_fill_turned_panels, each) if column_step > row_step else (fill_panels, size)
    work = COPY * len(weights) * size * to
    shared(lambda begin, end: fill(begin, end, weights, packed), len(weights) * parts, work)
    return packed


@compiled
def fill_product(x: Any, packed: Any, start: Any, out: Any) -> None:
    """Fills out [rows, to] by a start [to] and x [rows, from] times weights, one of the `panels`."""
    width = packed.shape[2]
    full = out.shape[1] // width
    for p in range(full):
        columns = slice(p * width, (p + 1) * width)
        fill_tiles(x, packed[p], start[columns], out[:, columns])
    if full < len(packed):
        rest = out[:, full * width :]
        fill_rows(start[full * width :], rest)
        _add_edge(x, packed[full], rest)


@compiled
def add_product(x: Any, packed: Any, out: Any) -> None:
    """Adds x [rows, from] times weights, one of the `panels`, to out [rows, to]."""
    width = packed.shape[2]
    full = out.shape[1] // width
    for p in range(full):
        add_panel(x, packed[p], out[:, p * width : (p + 1) * width])
    if full < len(packed):
        _add_edge(x, packed[full], out[:, full * width :])


@compiled
def _add_edge(x: Any, panel: Any, out: Any) -> None:
    """The same for the last panel, of which out [rows, ...] has some columns."""
    edge = np.zeros((len(out), panel.shape[1]), out.dtype)
    copy_rows(out, edge[:, : out.shape[1]])
    add_panel(x, panel, edge)
    copy_rows(edge[:, : out.shape[1]], out)


@compiled
def add_panel(x: Any, panel: Any, out: Any) -> None:
    """Adds x [rows, from] times [from, width] to out [rows, width]."""
    fill_tiles(x, panel, out, out)


@compiled
def blocks(begin: int, end: int, dirs: int, total: int, together: int) -> Any:
    """The rows of some parts, as many together as may be: direction, first and last + 1.

    Parts are `PART` of the rows of a direction, one direction after the other.
    """
    each, found = -(-total // PART), []
    for d in range(dirs):
        left, right = max(begin - d * each, 0) * PART, min((end - d * each) * PART, total)
        for first in range(left, right, together):
            found.append((d, first, min(first + together, right)))
    return found


@compiled
def _fill_product(begin: int, end: int, x: Any, packed: Any, start: Any, result: Any) -> None:
    """Parts of a product: rows, those of one direction after the other's."""
    for d, first, last in blocks(begin, end, len(x), x.shape[1], TOGETHER):
        fill_product(x[d, first:last], packed[d], start[d], result[d, first:last])


@compiled
def _fill_narrow_product(
    begin: int, end: int, x: Any, turned: Any, start: Any, result: Any
) -> None:  # fmt: skip
    """The same for a few columns, by weights turned [dirs, to, from]."""
    for d, first, last in blocks(begin, end, len(x), x.shape[1], TOGETHER):
        for row in range(first, last):
            given, into = x[d, row], result[d, row]
            for column in range(len(into)):
                weights, total = turned[d, column], start[d, column]
                for place in range(len(given)):
                    total += given[place] * weights[place]
                into[column] = total


@compiled
def _fill_outer_products(begin: int, end: int, x: Any, y: Any, result: Any, total: Any) -> None:
    """Parts of the outer products, and of the sums of `y` where there is room: rows of the result as wide as a panel of
    `y`, one direction after the other.

    Sums grow panel by panel in a place of their own, near the processor, and are turned when they are whole. Those of
    `y` are outer products with 1.
    """
    dirs, steps, size = x.shape
    to, width = y.shape[2], BYTES // y.itemsize
    each = -(-to // width)
    packed, ones = np.zeros((DEPTH, width), y.dtype), np.ones((min(1, len(total)), DEPTH), y.dtype)
    for d in range(dirs):
        left, right = max(begin - d * each, 0), min(end - d * each, each)
        sums = np.zeros((max(right - left, 0), size, width), y.dtype)
        totals = np.zeros((len(sums), len(ones), width), y.dtype)
        for first in range(0, steps if left < right else 0, DEPTH):
            last = min(first + DEPTH, steps)
            columns, beside = x[d, first:last].T, ones[:, : last - first]
            for panel in range(left, right):
                mine = packed[: last - first]
                _pack(y[d, first:last, panel * width :], mine)
                add_panel(columns, mine, sums[panel - left])
                add_panel(beside, mine, totals[panel - left])
        for panel in range(left, right):
            for place in range(min(width, to - panel * width)):
                row = result[d, panel * width + place]
                for column in range(size):
                    row[column] = sums[panel - left, column, place]
            if len(total):
                whole = total[d, panel * width : (panel + 1) * width]
                copy(totals[panel - left, 0, : len(whole)], whole)


@compiled
def _pack(rows: Any, panel: Any) -> None:
    """Copies the first columns of rows to a panel, as many as there are."""
    if rows.shape[1] >= panel.shape[1]:
        copy_panel(rows, panel)
    else:
        copy_rows(rows, panel[:, : rows.shape[1]])


def _turned(weights: Sequence[Any]) -> Any:
    """Weights of each direction [from, to] as [dirs, to, from], whole in memory."""
    return np.array([weight.T for weight in weights], order="C")


def product(x: Any, weights: Sequence[Any], start: Any = None) -> Any:
    """x [dirs, total, from] times weights of each direction [from, to], [dirs, total, to]; to which `start` [dirs, to]
    is added."""
    dirs, total, size = x.shape
    result = room((dirs, total, weights[0].shape[1]), x.dtype)
    if start is None:
        start = np.zeros((dirs, result.shape[2]), x.dtype)
    fill, ready = _fill_product, panels
    if result.shape[2] <= NARROW:
        fill, ready = _fill_narrow_product, _turned
    packed = ready(weights)
    shared(
        lambda begin, end: fill(begin, end, x, packed, start, result),
        dirs * -(-total // PART), result.size * size,
    )  # fmt: skip
    return result


def outer_products(x: Any, y: Any, *, sums: bool = True) -> tuple[Any, Any]:
    """The sums over steps of the outer products of y [dirs, steps, to] and x [dirs, steps, from], [dirs, to, from], and
    those of y, [dirs, to], if they are wanted."""
    dirs, steps, size = x.shape
    result = room((dirs, y.shape[2], size), x.dtype)
    total = np.empty((dirs if sums else 0, y.shape[2]), y.dtype)
    shared(
        lambda begin, end: _fill_outer_products(begin, end, x, y, result, total),
        dirs * -(-y.shape[2] * y.itemsize // BYTES), result.size * steps,
    )  # fmt: skip
    return result, total
