"""Products in whole numbers of 8 bits as machine code, for answers: four times as many at once as in float32.

Weights are rounded once, each output by a unit of its own; what they multiply is rounded as it comes, row by row. Sums
of whole numbers are exact, so what becomes of a row depends on nothing but the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import overload
from torch import Tensor

from seqkit.nn import products
from seqkit.nn.machine_code import OPTIONS, compiled, inlined
from seqkit.nn.products import PART, add_panel, add_product, fill_product
from seqkit.nn.rows import copy, fill_rows
from seqkit.nn.whole import LARGEST, rounded
from seqkit.nn.workers import shared

BYTES_OF_A_WORD = 4

ALIKE = 256
"""Inputs of a linear layer that are rounded by one unit, at most: what stands side by side may differ in size."""

ZERO = 128
"""What stands for 0 in a row, whose numbers have no sign: so many times each weight is taken off again."""

SHIFT = np.float32(1.5 * 2**23 + ZERO)
"""The last bits of a sum with it are the nearest whole number and `ZERO`."""

SIZE = np.int32(0x7FFFFFFF)
"""The bits of a number but for its sign: they grow with its size."""

TINY = np.finfo(np.float32).tiny

ABREAST = 8
"""Panels whose sums stay near the processor until they are turned into numbers, row by row."""

Words = tuple[Any, Any, Any]
"""Weights of each direction: panels of words, int32 [dirs, panels, words, width]; the unit of each output, float32
[dirs, to]; what its sums start from, int32 [dirs, to]."""


def words(weights: Sequence[Tensor]) -> Words:
    """The weights of each direction, float [to, from], in whole numbers."""
    numbers, units = zip(*(rounded(weight.detach().float()) for weight in weights), strict=True)
    missing = -weights[0].size(1) % BYTES_OF_A_WORD
    padded = [torch.nn.functional.pad(part, (0, missing)).numpy() for part in numbers]
    panels = products.panels([part.view(np.int32).T for part in padded])
    starts = [-ZERO * part.sum(dim=1, dtype=torch.int32) for part in numbers]
    return panels, torch.stack(units).squeeze(2).numpy(), torch.stack(starts).numpy()


@compiled
def round_rows(x: Any, first: int, numbers: Any, units: Any) -> None:
    """Fills whole numbers, uint8 [rows, size], of as many columns of float32 x, `first` and what follows, as there are,
    and their units [rows]."""
    size = min(numbers.shape[1], x.shape[1] - first)
    shifted = np.empty(size, np.float32)
    bits = shifted.view(np.int32)
    for row in range(len(x)):
        given, whole = x[row][first : first + size], numbers[row]
        copy(given, shifted)
        most = np.int32(0)
        for j in range(size):
            most = max(most, bits[j] & SIZE)
        bits[0] = most
        unit = shifted[0] / np.float32(LARGEST)
        if unit < TINY:
            unit = TINY
        units[row] = unit
        for j in range(size):
            shifted[j] = given[j] / unit + SHIFT
        for j in range(size):
            whole[j] = bits[j]


@inlined
def add_whole(x: Any, first: int, panels: Any, unit: Any, start: Any, out: Any) -> None:
    """Adds float32 x [rows, ...], from its column `first` on, times weights, one direction of `Words`, to out
    [rows, to]."""
    rows, to = out.shape
    each, size, width = panels.shape
    numbers = np.empty((rows, size * BYTES_OF_A_WORD), np.uint8)
    units, sums = np.empty(rows, np.float32), np.empty((rows, ABREAST * width), np.int32)
    round_rows(x, first, numbers, units)
    row_words = numbers.view(np.int32)
    for left in range(0, each, ABREAST):
        right = min(left + ABREAST, each)
        begin, end = left * width, min(right * width, to)
        for row in range(rows):  # each whole in memory, which a view of all rows is not
            copy(start[begin:end], sums[row, : end - begin])
        for panel in range(left, right):
            place = panel * width - begin
            add_panel(row_words, panels[panel], sums[:, place : place + width])
        for row in range(rows):
            into, whole = out[row, begin:end], sums[row]
            by_column, by_row = unit[begin:end], units[row]
            for j in range(len(into)):
                into[j] += np.float32(whole[j]) * by_column[j] * by_row


def add_weighted(x: Any, weights: Any, direction: int, out: Any) -> None:
    """Adds x [rows, from] times one direction of weights, `panels` or `Words`, to out [rows, to], in machine code."""


@overload(add_weighted, jit_options=OPTIONS, inline="always")  # type: ignore[untyped-decorator]
def _add_weighted(x: Any, weights: Any, direction: Any, out: Any) -> Any:
    def plain(x: Any, weights: Any, direction: Any, out: Any) -> None:
        add_product(x, weights[direction], out)

    def whole(x: Any, weights: Any, direction: Any, out: Any) -> None:
        panels, unit, start = weights
        add_whole(x, 0, panels[direction], unit[direction], start[direction], out)

    return plain if isinstance(weights, types.Array) else whole


def fill_weighted(x: Any, weights: Any, direction: int, start: Any, out: Any) -> None:
    """Fills out [rows, to] by a start [to] and the same."""


@overload(fill_weighted, jit_options=OPTIONS, inline="always")  # type: ignore[untyped-decorator]
def _fill_weighted(x: Any, weights: Any, direction: Any, start: Any, out: Any) -> Any:
    def plain(x: Any, weights: Any, direction: Any, start: Any, out: Any) -> None:
        fill_product(x, weights[direction], start, out)

    def whole(x: Any, weights: Any, direction: Any, start: Any, out: Any) -> None:
        fill_rows(start, out)
        panels, unit, starts = weights
        add_whole(x, 0, panels[direction], unit[direction], starts[direction], out)

    return plain if isinstance(weights, types.Array) else whole


@compiled
def _fill_linear(
    begin: int, end: int, x: Any, panels: Any, unit: Any, start: Any, bias: Any, result: Any
) -> None:
    """Parts of a linear layer: rows."""
    size = panels.shape[2] * BYTES_OF_A_WORD
    for part in range(begin, end):
        mine = slice(part * PART, (part + 1) * PART)
        sums = result[mine]
        fill_rows(bias, sums)
        for piece in range(len(panels)):
            add_whole(x[mine], piece * size, panels[piece], unit[piece], start[piece], sums)


def pieces(weight: Tensor) -> Words:
    """A weight, float [to, from], as the pieces of which `linear` adds up the products, as if they were directions."""
    missing = -weight.size(1) % ALIKE if weight.size(1) > ALIKE else 0
    return words(torch.split(torch.nn.functional.pad(weight.detach(), (0, missing)), ALIKE, dim=1))


def linear(inputs: Tensor, weight: Words, bias: Tensor, out: Tensor | None = None) -> Tensor:
    """float32 [rows, to], in `out` if it is given, from float32 [rows, from], a weight in `pieces` or of one direction,
    and a bias [to]."""
    result = inputs.new_empty(len(inputs), len(bias)) if out is None else out
    given, to_add, array = (part.detach().numpy() for part in (inputs.contiguous(), bias, result))
    shared(
        lambda begin, end: _fill_linear(begin, end, given, *weight, to_add, array),
        -(-len(inputs) // PART), result.numel() * inputs.size(1) // BYTES_OF_A_WORD,
    )  # fmt: skip
    return result
