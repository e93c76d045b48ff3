"""Scores of additive attention, computed block by block on a CPU.

The tanh of every query with every key is the largest tensor of a decoder, [batch, tgt_len, src_len, size], and moving
it through memory takes as long as computing it. Here a block of rows stays in the processor's cache from the sum to
the score; the backward pass computes it again instead of keeping it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.kernels import exact, runs_compiled
from seqkit.nn.tanh import tanh_

BLOCK = 1 << 18
"""Numbers of a block: 1 MiB in single precision."""


def additive_scores(queries: Tensor, keys: Tensor, energy: Tensor, compiles: bool = True) -> Tensor:
    """`energy . tanh(query + key)` of every pair (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473).

    Args:
        queries: float [batch, tgt_len, size].
        keys: float [batch, src_len, size].
        energy: float [size].
        compiles: Whether machine code may compute them.

    Returns:
        float [batch, tgt_len, src_len], in the dtype of `energy`.
    """
    if queries.device.type != "cpu":
        return torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)) @ energy
    with exact(queries.device):
        scores: Tensor = _function(energy, compiles).apply(
            queries.to(energy.dtype), keys.to(energy.dtype), energy
        )
    return scores


def _function(energy: Tensor, compiles: bool) -> type[torch.autograd.Function]:
    """What computes the scores: machine code where it runs."""
    if not (compiles and runs_compiled(energy)):
        return _AdditiveScores
    from seqkit.nn.compiled_additive import AdditiveScores  # numba takes a while

    return AdditiveScores


class _AdditiveScores(torch.autograd.Function):
    """See `additive_scores`."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, energy)
        scores = queries.new_empty(*queries.shape[:2], keys.size(1))
        for rows in _blocks(queries, keys):
            scores[rows] = _hidden(queries[rows], keys[rows]) @ energy
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        queries, keys, energy = ctx.saved_tensors
        g_queries, g_keys = torch.empty_like(queries), torch.empty_like(keys)
        g_energy = torch.zeros_like(energy)
        for rows in _blocks(queries, keys):
            outer = grad[rows].unsqueeze(-1)
            hidden = _hidden(queries[rows], keys[rows])
            g_energy.addmv_(hidden.flatten(0, 2).t(), outer.flatten())
            slopes = torch.addcmul(outer, hidden.square_(), outer, value=-1, out=hidden)
            torch.sum(slopes, dim=2, out=g_queries[rows])
            torch.sum(slopes, dim=1, out=g_keys[rows])
        return g_queries.mul_(energy), g_keys.mul_(energy), g_energy


def _blocks(queries: Tensor, keys: Tensor) -> Iterator[slice]:
    """Rows of the batch, so many at a time as make a block."""
    step = max(1, BLOCK // max(1, queries[:1].numel() * keys.size(1)))
    for start in range(0, len(queries), step):
        yield slice(start, start + step)


def _hidden(queries: Tensor, keys: Tensor) -> Tensor:
    """float [rows, tgt_len, src_len, size]."""
    return tanh_(queries.unsqueeze(2) + keys.unsqueeze(1))
