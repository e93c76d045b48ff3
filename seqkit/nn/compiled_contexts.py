"""The contexts of `attention.py` as machine code, compiled by numba on first use: the extra `compiled`.

Torch takes the rows of a batch one after the other, each a product of small matrices. Here threads share them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.machine_code import arrays, compiled, room
from seqkit.nn.products import COPY, fill_panels, fill_product
from seqkit.nn.tiles import BYTES
from seqkit.nn.workers import shared


@compiled
def _fill_products(begin: int, end: int, x: Any, y: Any, out: Any) -> None:
    """Fills out [batch, n, to] by x [batch, n, from] times y [batch, from, to]."""
    _, size, to = y.shape
    width = BYTES // y.itemsize
    packed, nothing = np.zeros((1, -(-to // width), size, width), y.dtype), np.zeros(to, y.dtype)
    for row in range(begin, end):
        fill_panels(0, size, (y[row],), packed)
        fill_product(x[row], packed[0], nothing, out[row])


@compiled
def _fill_matches(begin: int, end: int, x: Any, y: Any, out: Any) -> None:
    """Fills out [batch, n, m] by the dot products of rows of x [batch, n, size] and y [batch, m, size]."""
    for row in range(begin, end):
        for first in range(x.shape[1]):
            left = x[row, first]
            for second in range(y.shape[1]):
                right, total = y[row, second], x.dtype.type(0)
                for j in range(len(left)):
                    total += left[j] * right[j]
                out[row, first, second] = total


class _Contexts(torch.autograd.Function):
    """See `contexts`."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, memory: Tensor) -> Tensor:
        ctx.save_for_backward(weights, memory)
        return _products(*arrays(weights, memory))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weights, memory, outer = arrays(*ctx.saved_tensors, grad)
        of_weights, of_memory = ctx.needs_input_grad
        return (
            _matches(outer, memory) if of_weights else None,
            _products(weights.transpose(0, 2, 1), outer) if of_memory else None,
        )


def _products(x: Any, y: Any) -> Tensor:
    """Products of each row's matrices, [batch, n, from] and [batch, from, to]."""
    result = room((len(x), x.shape[1], y.shape[2]), y.dtype)
    work = x.size * y.shape[2] + COPY * y.size
    shared(lambda begin, end: _fill_products(begin, end, x, y, result), len(x), work)
    return torch.from_numpy(result)


def _matches(x: Any, y: Any) -> Tensor:
    """Dot products of the rows of matrices, [batch, n, size] and [batch, m, size]."""
    result = room((len(x), x.shape[1], y.shape[1]), x.dtype)
    shared(
        lambda begin, end: _fill_matches(begin, end, x, y, result), len(x), 2 * result.size * x.shape[2]
    )  # fmt: skip
    return torch.from_numpy(result)


def contexts(weights: Tensor, memory: Tensor) -> Tensor:
    """Sums of memory [batch, src_len, size] by weights [batch, tgt_len, src_len], float [batch, tgt_len, size]."""
    result: Tensor = _Contexts.apply(weights, memory)
    return result
