"""Steps of padded parts side by side as machine code, compiled by numba on first use: the extra `compiled`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.machine_code import compiled
from seqkit.nn.rows import MOVE, clear, copy
from seqkit.nn.workers import shared


@compiled
def _fill(begin: int, end: int, which: Any, given: Any, first: int, out: Any, place: int) -> None:
    """Fills columns of rows of out, from `place` on, with those of the rows of given from `first` on, as many as the
    narrower one has; with 0 where the row is below 0."""
    size = min(given.shape[1], out.shape[1])
    for row in range(begin, end):
        into = out[row, place : place + size]
        if which[row] < 0:
            clear(into)
        else:
            copy(given[which[row], first : first + size], into)


def _move(which: Tensor, given: Tensor, first: int, out: Tensor, place: int) -> None:
    """Has all rows filled."""
    rows, source, into = which.numpy(), given.contiguous().numpy(), out.numpy()
    shared(
        lambda begin, end: _fill(begin, end, rows, source, first, into, place),
        len(rows), MOVE * len(rows) * min(source.shape[1], into.shape[1]),
    )  # fmt: skip


class _SideBySide(torch.autograd.Function):
    """See `side_by_side`."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, *parts: Tensor) -> Tensor:
        ctx.places, ctx.shapes = places, [part.shape for part in parts]
        result = parts[0].new_empty(len(places), sum(part.size(-1) for part in parts))
        first = 0
        for part in parts:
            _move(places, part.detach().flatten(0, 1), 0, result, first)
            first += part.size(-1)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        batch, steps, _ = ctx.shapes[0]
        which = ctx.places.new_full((batch * steps,), -1)
        which[ctx.places] = torch.arange(len(ctx.places))
        found, first = [], 0
        for shape in ctx.shapes:
            found.append(grad.new_empty(shape))
            _move(which, grad, first, found[-1].flatten(0, 1), 0)
            first += shape[-1]
        return None, *found


def side_by_side(places: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """float [steps, sum of sizes] of some steps of parts, each float [batch, len, size] on the CPU.

    Args:
        places: Which steps, different ones, int64 [steps] into [batch * len].
        parts: What stands side by side, all of one dtype.
    """
    result: Tensor = _SideBySide.apply(places, *parts)
    return result
