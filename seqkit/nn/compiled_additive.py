"""The scores of `additive.py` as machine code, compiled by numba on first use: the extra `compiled`.

The tanh of a query with a key never leaves the processor's registers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.compiled import tanh
from seqkit.nn.machine_code import arrays, compiled
from seqkit.nn.workers import shared

COST = 16
"""Multiplications that take as long as a tanh, roughly."""


@compiled
def fill_scores(begin: int, end: int, queries: Any, keys: Any, energy: Any, scores: Any) -> None:
    """Fills scores [batch, tgt_len, src_len] of rows `begin` to `end` - 1."""
    for row in range(begin, end):
        for step in range(queries.shape[1]):
            query = queries[row, step]
            for place in range(keys.shape[1]):
                key, score = keys[row, place], energy.dtype.type(0)
                for k in range(len(energy)):
                    score += energy[k] * tanh(query[k] + key[k])
                scores[row, step, place] = score


@compiled
def fill_gradients(
    begin: int, end: int, queries: Any, keys: Any, energy: Any, grad: Any,
    to_queries: Any, to_keys: Any, to_energy: Any,
) -> None:  # fmt: skip
    """Adds the gradients of rows `begin` to `end` - 1 to zeros; those of `energy` row by row, [batch, size]."""
    one = energy.dtype.type(1)
    for row in range(begin, end):
        of_energy = to_energy[row]
        for step in range(queries.shape[1]):
            query, of_query = queries[row, step], to_queries[row, step]
            for place in range(keys.shape[1]):
                key, of_key, outer = keys[row, place], to_keys[row, place], grad[row, step, place]
                for k in range(len(energy)):
                    hidden = tanh(query[k] + key[k])
                    of_energy[k] += outer * hidden
                    slope = outer * energy[k] * (one - hidden * hidden)
                    of_query[k] += slope
                    of_key[k] += slope


class AdditiveScores(torch.autograd.Function):
    """See `additive.additive_scores`."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, energy)
        scores = queries.new_empty(*queries.shape[:2], keys.size(1))
        _share(fill_scores, queries, keys, energy, scores)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        queries, keys, energy = ctx.saved_tensors
        gradients = queries.new_zeros(queries.shape), keys.new_zeros(keys.shape)
        to_energy = energy.new_zeros(len(queries), len(energy))
        _share(fill_gradients, queries, keys, energy, grad, *gradients, to_energy)
        return *gradients, to_energy.sum(dim=0)


def _share(fill: Any, *tensors: Tensor) -> None:
    """Has the rows filled; queries and keys come first."""
    given = arrays(*tensors)
    queries, keys = tensors[:2]
    shared(
        lambda begin, end: fill(begin, end, *given), len(queries), COST * queries.numel() * keys.size(1)
    )  # fmt: skip
