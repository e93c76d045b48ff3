"""The tanh of `tanh.py` as machine code, compiled by numba on first use: the extra `compiled`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.compiled import squash
from seqkit.nn.workers import shared

PART = 4096
"""Numbers that a thread does before it takes further ones."""

COST = 20
"""Multiplications that take as long as a tanh here, roughly."""


class _Tanh(torch.autograd.Function):
    """See `tanh`."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor) -> Tensor:
        result = _squashed(sums.clone())
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        found: Tensor = torch.ops.aten.tanh_backward(grad, result)
        return found


def _squashed(sums: Tensor) -> Tensor:
    """The tanh in the place of the sums."""
    numbers = sums.detach().view(-1).numpy()
    shared(
        lambda begin, end: squash(numbers[begin * PART : end * PART]),
        -(-len(numbers) // PART), COST * len(numbers),
    )  # fmt: skip
    return sums


def tanh(sums: Tensor) -> Tensor:
    """The tanh of float of any shape, whole in memory on the CPU; where no gradients are wanted, in its place."""
    if not torch.is_grad_enabled():
        return _squashed(sums)
    result: Tensor = _Tanh.apply(sums)
    return result
