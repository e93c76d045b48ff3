"""Tiles of the products in `products.py`, written in vector instructions.

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

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from seqkit.nn.machine_code import many_registers

ROWS = 8 if many_registers() else 4
"""Rows of a tile, but for the last one."""

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
