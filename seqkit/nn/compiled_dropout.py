"""Dropout as machine code, compiled by numba on first use: the extra `compiled`.

Torch draws one number after the other, which is a tenth of training a tagger. Here what is drawn for a place is a
function of the place and a seed: Philox-2x32 with ten rounds (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405).
Many are computed at once, and threads share them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.machine_code import compiled
from seqkit.nn.workers import shared

PART = 4096
"""Numbers that a thread does before it takes further ones; even, as two are drawn together."""

COST = 30
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
def _draw(begin: int, end: int, seed: Any, limit: Any, kept: Any) -> None:
    """Parts of bool [n]: whether a place's random number is below `limit`."""
    key, high = seed & np.uint64(0xFFFFFFFF), seed >> np.uint64(32)
    for start in range(begin * PART, min(end * PART, len(kept)), PART):
        part = kept[start : start + PART]
        pairs = len(part) // 2
        for pair in range(pairs):
            one, other = philox(np.uint64(start // 2 + pair), high, key)
            part[2 * pair], part[2 * pair + 1] = one < limit, other < limit
        if 2 * pairs < len(part):
            part[2 * pairs] = philox(np.uint64(start // 2 + pairs), high, key)[0] < limit


@compiled
def _scale(values: Any, kept: Any, scale: Any, out: Any) -> None:
    """Float [n]: `scale` times those that are kept, 0 for the others."""
    for place in range(len(values)):
        out[place] = values[place] * scale if kept[place] else values.dtype.type(0)


def _drawn(count: int, p: float, seed: int) -> Any:
    """For so many places whether they are kept, each with probability 1 - `p`, as the seed has it: bool [count]."""
    kept, limit = np.empty(count, np.bool_), np.uint64(round((1 - p) * 2**32))
    shared(
        lambda begin, end: _draw(begin, end, np.uint64(seed), limit, kept),
        -(-count // PART), COST * count,
    )  # fmt: skip
    return kept


def _scaled(values: Tensor, kept: Any, p: float) -> Tensor:
    """Float of any shape on the CPU: 0 where not kept, else divided by 1 - `p`."""
    given = values.contiguous()
    result = torch.empty_like(given)
    flat = given.view(-1).numpy()
    _scale(flat, kept, flat.dtype.type(1 / (1 - p)), result.view(-1).numpy())
    return result


class Dropped(torch.autograd.Function):
    """A share `p` of the values zeroed as the seed has it, the rest divided by 1 - `p`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, p: float, seed: int) -> Tensor:
        ctx.p, ctx.kept = p, _drawn(values.numel(), p, seed)
        return _scaled(values.detach(), ctx.kept, p)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _scaled(grad, ctx.kept, ctx.p), None, None


def dropout(values: Tensor, p: float) -> Tensor:
    """Dropout (Srivastava et al. 2014) of float of any shape on the CPU; torch's generator draws the seed."""
    result: Tensor = Dropped.apply(values, p, int(torch.randint(2**62, ())))
    return result
