"""Products of small matrices at the full speed of the processor, for the machine code of `compiled.py`.

A product is made tile by tile (Goto & van de Geijn 2008, https://doi.org/10.1145/1356052.1356053): the sums of a few
rows and columns stay in registers through the whole product, and each number that is read serves several sums. A
compiler does not find that way from loops, so a tile is written in LLVM's vector instructions, which know no particular
processor.

Where the processor multiplies whole numbers of 8 bits, a number may also be a word of four of them: int32, whose bytes
are the numbers. The product of two words is then the sum of their numbers' products, those of rows from 0 to 255 and
those of weights from -128 to 127.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from seqkit.nn.machine_code import compiled, inlined, many_registers, room
from seqkit.nn.rows import add, copy, copy_rows, fill_rows
from seqkit.nn.workers import shared

ROWS = 8 if many_registers() else 4
"""Rows of a tile, but for the last one."""

TOGETHER = 16
"""Rows that go through all panels together: they stay in the nearest cache."""

NARROW = 8
"""Columns of a product up to which each number is a sum of its own: a tile would be padding for the most part."""

COPY = 40
"""Multiplications that take as long as to copy a number to its panel, roughly."""

DEPTH = 256
"""Outer products that are added up in registers before the sums go back to memory."""

CACHE_PERIOD = 4096
"""Bytes after which memory falls into the same places of the nearest cache: rows so far apart push each other out."""

BYTES = 128 if many_registers() else 64
"""Bytes of a tile's row: the sums of a tile take half of the registers."""


@intrinsic  # type: ignore[untyped-decorator]
def add_tiles(_: Any, x: Any, panel: Any, out: Any) -> Any:
    """Adds to sums [rows, width] the product of x [rows, size] and a panel [size, width], tile by tile.

    Rows of the sums and of the panel are whole in memory. The last tile is as low as rows are left.
    """

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = signature.args
        real, whole = context.get_value_type(kinds[0].dtype), context.get_value_type(types.int64)
        numbers, weights, sums = (
            arrayobj.make_array(kind)(context, builder, value)
            for kind, value in zip(kinds, given, strict=True)
        )
        rows, _ = cgutils.unpack_tuple(builder, sums.shape)
        left = builder.srem(rows, whole(ROWS))
        last = builder.sub(rows, left)
        width = context.get_abi_sizeof(real)
        with cgutils.for_range_slice(builder, whole(0), last, whole(ROWS), whole) as (first, _):
            _emit_tile(builder, ROWS, real, width, numbers, weights, sums, first)
        for count in range(1, ROWS):
            with builder.if_then(builder.icmp_signed("==", left, whole(count))):
                _emit_tile(builder, count, real, width, numbers, weights, sums, last)
        return context.get_dummy_value()

    return types.void(x, panel, out), emit


def _emit_tile(
    builder: Any, rows: int, real: Any, width: int, x: Any, panel: Any, out: Any, start: Any
) -> None:
    """Writes a tile whose first row is `start`: sums are read, grow in a loop over the panel, and are written back."""
    whole, half = ir.IntType(64), BYTES // 2
    vector = ir.VectorType(real, half // width)

    def number(value: int) -> Any:
        return ir.Constant(whole, value)

    def address(base: Any, offset: Any, kind: Any) -> Any:
        return builder.inttoptr(builder.add(base, offset), kind.as_pointer())

    def read(place: Any) -> Any:
        value = builder.load(place)
        value.align = width
        return value

    x_down, x_along = cgutils.unpack_tuple(builder, x.strides)
    panel_down, _ = cgutils.unpack_tuple(builder, panel.strides)
    out_down, _ = cgutils.unpack_tuple(builder, out.strides)
    size, _ = cgutils.unpack_tuple(builder, panel.shape)
    x_at, panel_at, out_at = (builder.ptrtoint(array.data, whole) for array in (x, panel, out))
    x_at = builder.add(x_at, builder.mul(start, x_down))
    out_at = builder.add(out_at, builder.mul(start, out_down))

    row_starts = [builder.mul(out_down, number(row)) for row in range(rows)]
    places = [
        address(out_at, builder.add(begin, number(side * half)), vector)
        for begin in row_starts for side in (0, 1)
    ]  # fmt: skip
    first = [read(place) for place in places]
    before, loop = builder.block, builder.append_basic_block("products")
    after = builder.append_basic_block("products.end")
    builder.cbranch(builder.icmp_signed(">", size, number(0)), loop, after)

    builder.position_at_end(loop)
    step, *sums = [builder.phi(kind) for kind in (whole, *(vector for _ in places))]
    weights_at = builder.mul(step, panel_down)
    weights = [
        read(address(panel_at, builder.add(weights_at, number(side * half)), vector))
        for side in (0, 1)
    ]
    grown = []
    for row in range(rows):
        place = builder.add(builder.mul(x_down, number(row)), builder.mul(step, x_along))
        value = _spread(builder, read(address(x_at, place, real)), vector)
        grown += [_grow(builder, sums[2 * row + side], value, weights[side]) for side in (0, 1)]
    further = builder.add(step, number(1))
    for phi, start, end in zip([step, *sums], [number(0), *first], [further, *grown], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(end, loop)
    builder.cbranch(builder.icmp_signed("<", further, size), loop, after)

    builder.position_at_end(after)
    results = [builder.phi(vector) for _ in places]
    for result, start, end in zip(results, first, grown, strict=True):
        result.add_incoming(start, before)
        result.add_incoming(end, loop)
    for result, place in zip(results, places, strict=True):
        builder.store(result, place).align = width


def _grow(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """Vectors of sums to which products of values and weights are added, number by number or word by word."""
    kind = sums.type
    if isinstance(kind.element, ir.IntType):
        name = f"llvm.x86.avx512.vpdpbusd.{kind.count * kind.element.width}"
        known = builder.module.globals.get(name)
        add = known or ir.Function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(add, [sums, values, weights])
    product = builder.fmul(values, weights, flags=["contract"])
    return builder.fadd(product, sums, flags=["contract"])


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of one value."""
    empty, index = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    one = builder.insert_element(empty, value, ir.Constant(index, 0))
    nowhere = ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, empty, nowhere)


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
def add_product(x: Any, packed: Any, out: Any) -> None:
    """Adds x [rows, from] times weights, one of the `panels`, to out [rows, to]."""
    to, width = out.shape[1], packed.shape[2]
    full = to // width
    for p in range(full):
        add_panel(x, packed[p], out[:, p * width : (p + 1) * width])
    if full < len(packed):
        edge = np.zeros((len(out), width), out.dtype)
        copy_rows(out[:, full * width :], edge[:, : to - full * width])
        add_panel(x, packed[full], edge)
        copy_rows(edge[:, : to - full * width], out[:, full * width :])


@compiled
def add_panel(x: Any, panel: Any, out: Any) -> None:
    """Adds x [rows, from] times [from, width] to out [rows, width]."""
    add_tiles(x, panel, out)


@compiled
def _fill_product(begin: int, end: int, x: Any, packed: Any, start: Any, result: Any) -> None:
    """Parts of a product: the rows are taken `TOGETHER`, those of one direction after the other's."""
    each = -(-x.shape[1] // TOGETHER)
    for part in range(begin, end):
        d, first = part // each, part % each * TOGETHER
        sums = result[d, first : first + TOGETHER]
        fill_rows(start[d], sums)
        add_product(x[d, first : first + TOGETHER], packed[d], sums)


@compiled
def _fill_narrow_product(
    begin: int, end: int, x: Any, turned: Any, start: Any, result: Any
) -> None:  # fmt: skip
    """The same for a few columns, by weights turned [dirs, to, from]."""
    each = -(-x.shape[1] // TOGETHER)
    for part in range(begin, end):
        d, first = part // each, part % each * TOGETHER
        for row in range(first, min(first + TOGETHER, x.shape[1])):
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

    Sums grow panel by panel in a place of their own, near the processor, and are turned when they are whole.
    """
    dirs, steps, size = x.shape
    to, width = y.shape[2], BYTES // y.itemsize
    each = -(-to // width)
    packed = np.zeros((DEPTH, width), y.dtype)
    for d in range(dirs):
        left, right = max(begin - d * each, 0), min(end - d * each, each)
        sums = np.zeros((max(right - left, 0), size, width), y.dtype)
        for first in range(0, steps if left < right else 0, DEPTH):
            last = min(first + DEPTH, steps)
            columns = x[d, first:last].T
            for panel in range(left, right):
                part = y[d, first:last, panel * width : (panel + 1) * width]
                if len(total):
                    _add_rows_up(y[d], first, last, panel * width, total[d])
                if part.shape[1] == width and y.strides[1] % CACHE_PERIOD:
                    add_panel(columns, part, sums[panel - left])
                else:
                    for row in range(last - first):
                        given = y[d, first + row, panel * width : (panel + 1) * width]
                        copy(given, packed[row, : len(given)])
                    add_panel(columns, packed[: last - first], sums[panel - left])
        for panel in range(left, right):
            for place in range(min(width, to - panel * width)):
                row = result[d, panel * width + place]
                for column in range(size):
                    row[column] = sums[panel - left, column, place]


@inlined
def _add_rows_up(rows: Any, first: int, last: int, begin: int, total: Any) -> None:
    """Adds rows `first` to `last` - 1, from a column on as many as a panel is wide, to a total."""
    end = min(begin + BYTES // total.itemsize, len(total))
    sums = np.zeros(end - begin, total.dtype)
    whole = last - (last - first) % 4
    for row in range(first, whole, 4):  # sums are read and written once for four
        a, b = rows[row, begin:end], rows[row + 1, begin:end]
        c, d = rows[row + 2, begin:end], rows[row + 3, begin:end]
        for place in range(len(sums)):
            sums[place] += (a[place] + b[place]) + (c[place] + d[place])
    for row in range(whole, last):
        add(rows[row, begin:end], sums)
    add(sums, total[begin:end])


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
        dirs * -(-total // TOGETHER), result.size * size,
    )  # fmt: skip
    return result


def outer_products(x: Any, y: Any, *, sums: bool = True) -> tuple[Any, Any]:
    """The sums over steps of the outer products of y [dirs, steps, to] and x [dirs, steps, from], [dirs, to, from], and
    those of y, [dirs, to], if they are wanted."""
    dirs, steps, size = x.shape
    result = room((dirs, y.shape[2], size), x.dtype)
    total = np.zeros((dirs if sums else 0, y.shape[2]), y.dtype)
    shared(
        lambda begin, end: _fill_outer_products(begin, end, x, y, result, total),
        dirs * -(-y.shape[2] * y.itemsize // BYTES), result.size * steps,
    )  # fmt: skip
    return result, total
