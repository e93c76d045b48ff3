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

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from seqkit.nn.machine_code import compiled, many_registers, room
from seqkit.nn.rows import copy, copy_rows, fill_rows
from seqkit.nn.workers import shared

ROWS = 8 if many_registers() else 4
"""Rows of a tile, but for the last one."""

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

BYTES = 128 if many_registers() else 64
"""Bytes of a tile's row: the sums of a tile take half of the registers."""


_WHOLE = ir.IntType(64)

SIDES = (_WHOLE(0), _WHOLE(BYTES // 2))
"""Where the two vectors of a tile's row begin."""


@intrinsic  # type: ignore[untyped-decorator]
def fill_tiles(_: Any, x: Any, panel: Any, start: Any, out: Any) -> Any:
    """Fills sums [rows, width], tile by tile, by those that they start from and the product of x [rows, size] and a
    panel [size, width].

    Rows start from [rows, width], which may be the sums themselves, or all from one, [width]. Rows of the sums, the
    start and the panel are whole in memory. The last tile is as low as rows are left.
    """

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        numbers, weights, begun, sums = _all_rows(context, builder, signature, given)
        vector = _vector(context, x.dtype)
        left = builder.srem(sums.count, _WHOLE(ROWS))
        last = builder.sub(sums.count, left)

        def emit_tile(first: Any, count: int) -> None:
            mine = (part.from_row(first) for part in (numbers, begun, sums))
            _emit_tile(builder, count, vector, weights, *mine)

        with cgutils.for_range_slice(builder, _WHOLE(0), last, _WHOLE(ROWS), _WHOLE) as (first, _):
            emit_tile(first, ROWS)
        for count in range(1, ROWS):
            with builder.if_then(builder.icmp_signed("==", left, _WHOLE(count))):
                emit_tile(last, count)
        return context.get_dummy_value()

    return types.void(x, panel, start, out), emit


@intrinsic  # type: ignore[untyped-decorator]
def copy_panel(_: Any, given: Any, panel: Any) -> Any:
    """Copies the beginnings of rows, each whole in memory, to a panel [size, width]."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source, target = _all_rows(context, builder, signature, values)
        vector = _vector(context, panel.dtype)
        with cgutils.for_range(builder, target.count) as loop:
            for side in SIDES:
                target.write(loop.index, side, source.read(loop.index, side, vector))
        return context.get_dummy_value()

    return types.void(given, panel), emit


class _Rows(NamedTuple):
    """Rows of numbers in memory, in what is written: how many, the first one's address, and bytes from row to row, from
    number to number, and of a number."""

    builder: Any
    count: Any
    at: Any
    down: Any
    along: Any
    width: int

    @classmethod
    def of(cls, builder: Any, array: Any, width: int) -> _Rows:
        """The rows of an array of two dimensions, or the only one again and again."""
        count, *_ = cgutils.unpack_tuple(builder, array.shape)
        *down, along = cgutils.unpack_tuple(builder, array.strides)
        at = builder.ptrtoint(array.data, _WHOLE)
        return cls(builder, count, at, down[0] if down else _WHOLE(0), along, width)

    def from_row(self, row: Any) -> _Rows:
        """The rows from one on."""
        return self._replace(at=self.builder.add(self.at, self.builder.mul(row, self.down)))

    def place(self, row: Any, beyond: Any, kind: Any) -> Any:
        """Where a number or vector lies, so many bytes from the start of a row."""
        offset = self.builder.add(self.builder.mul(row, self.down), beyond)
        return self.builder.inttoptr(self.builder.add(self.at, offset), kind.as_pointer())

    def read(self, row: Any, beyond: Any, kind: Any) -> Any:
        """What lies there, which need not be where a vector is best read."""
        value = self.builder.load(self.place(row, beyond, kind))
        value.align = self.width
        return value

    def write(self, row: Any, beyond: Any, value: Any) -> None:
        """Puts a number or vector there."""
        self.builder.store(value, self.place(row, beyond, value.type)).align = self.width


def _all_rows(context: Any, builder: Any, signature: Any, given: Any) -> list[_Rows]:
    """The rows of each array that an intrinsic is given."""
    arrays = [
        arrayobj.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args, given, strict=True)
    ]
    width = context.get_abi_sizeof(context.get_value_type(signature.args[0].dtype))
    return [_Rows.of(builder, array, width) for array in arrays]


def _vector(context: Any, kind: Any) -> Any:
    """Half of a tile's row."""
    real = context.get_value_type(kind)
    return ir.VectorType(real, BYTES // 2 // context.get_abi_sizeof(real))


def _emit_tile(
    builder: Any, rows: int, vector: Any, panel: _Rows, x: _Rows, start: _Rows, out: _Rows
) -> None:
    """Writes a tile: sums start, grow over the panel, and are written."""
    places = [(_WHOLE(row), side) for row in range(rows) for side in SIDES]

    def with_products(step: Any, sums: Sequence[Any]) -> list[Any]:
        weights = [panel.read(step, side, vector) for side in SIDES]
        grown = []
        for row in range(rows):
            number = x.read(_WHOLE(row), builder.mul(step, x.along), vector.element)
            value = _spread(builder, number, vector)
            pairs = zip(sums[2 * row : 2 * row + 2], weights, strict=True)
            grown += [_grow(builder, before, value, weight) for before, weight in pairs]
        return grown

    begun = [start.read(*place, vector) for place in places]
    sums = _emit_loop(builder, panel.count, begun, with_products)
    for value, place in zip(sums, places, strict=True):
        out.write(*place, value)


def _emit_loop(
    builder: Any, count: Any, values: Sequence[Any], turn: Callable[[Any, Sequence[Any]], Any]
) -> list[Any]:
    """Writes a loop of `count` turns, each of which makes values of its number and those before; returns the last."""
    before, loop = builder.block, builder.append_basic_block("products")
    after = builder.append_basic_block("products.end")
    builder.cbranch(builder.icmp_signed(">", count, _WHOLE(0)), loop, after)

    builder.position_at_end(loop)
    step, *carried = [builder.phi(value.type) for value in (_WHOLE(0), *values)]
    turned = turn(step, carried)
    further = builder.add(step, _WHOLE(1))
    begins, ends = (_WHOLE(0), *values), (further, *turned)
    for phi, begin, end in zip((step, *carried), begins, ends, strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(end, loop)
    builder.cbranch(builder.icmp_signed("<", further, count), loop, after)

    builder.position_at_end(after)
    results = [builder.phi(value.type) for value in values]
    for result, begin, end in zip(results, values, turned, strict=True):
        result.add_incoming(begin, before)
        result.add_incoming(end, loop)
    return results


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
