"""Dropout as machine code, compiled by numba on first use: the extra `compiled`.

Torch draws one number after the other, which is a tenth of training a tagger. Here what is drawn for a place is a
function of the place and a seed: Philox-2x32 with ten rounds (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405).
Many are computed at once, threads share them, and the backward pass computes them again instead of keeping them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.tiles import compiled
from seqkit.nn.workers import shared

PART = 4096
"""Numbers that a thread does before it takes further ones; even, as two are drawn together."""

COST = 8
"""Multiplications that take as long as a number here, roughly."""


@compiled
def philox(first: Any, second: Any, key: Any) -> Any:
    """Two random uint32 of a place, two uint32, and a key; all come and go as uint64."""
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        product = first * np.uint64(0xD256D193)
        first = (product >> np.uint64(32)) ^ key ^ second
        second = product & low
        key = (key + np.uint64(0x9E3779B9)) & low
    return first, second


@compiled
def _drop(begin: int, end: int, values: Any, seed: Any, limit: Any, scale: Any, out: Any) -> None:
    """Parts of float [n]: `scale` times those whose random number is below `limit`, 0 for the others."""
    key, high = seed & np.uint64(0xFFFFFFFF), seed >> np.uint64(32)
    for start in range(begin * PART, min(end * PART, len(values)), PART):
        part, result = values[start : start + PART], out[start : start + PART]
        pairs = len(part) // 2
        for pair in range(pairs):
            one, other = philox(np.uint64(start // 2 + pair), high, key)
            result[2 * pair] = part[2 * pair] * scale if one < limit else values.dtype.type(0)
            result[2 * pair + 1] = (
                part[2 * pair + 1] * scale if other < limit else values.dtype.type(0)
            )
        if 2 * pairs < len(part):
            one, _ = philox(np.uint64(start // 2 + pairs), high, key)
            result[2 * pairs] = part[2 * pairs] * scale if one < limit else values.dtype.type(0)


def dropped(values: Tensor, p: float, seed: int) -> Tensor:
    """Float of any shape on the CPU: a share `p` zeroed as the seed has it, the rest scaled by 1 / (1 - p)."""
    given = values.contiguous()
    result = torch.empty_like(given)
    flat, out = given.view(-1).numpy(), result.view(-1).numpy()
    limit, scale = np.uint64(round((1 - p) * 2**32)), flat.dtype.type(1 / (1 - p))
    shared(
        lambda begin, end: _drop(begin, end, flat, np.uint64(seed), limit, scale, out),
        -(-len(flat) // PART), COST * len(flat),
    )  # fmt: skip
    return result


class Dropped(torch.autograd.Function):
    """See `dropped`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, p: float, seed: int) -> Tensor:
        ctx.p, ctx.seed = p, seed
        return dropped(values.detach(), p, seed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return dropped(grad, ctx.p, ctx.seed), None, None


def dropout(values: Tensor, p: float) -> Tensor:
    """Dropout (Srivastava et al. 2014) of float of any shape on the CPU; torch's generator draws the seed."""
    result: Tensor = Dropped.apply(values, p, int(torch.randint(2**62, ())))
    return result
