"""The sums over all paths of `crf.py` as machine code, compiled by numba on first use: the extra `compiled`.

A chain has few tags, so a step of it is less than a call to torch. As in `posterior.py` the recursions multiply
probabilities, each step scaled to sum to 1 (Rabiner 1989, section V.A, https://doi.org/10.1109/5.18626); what they
leave is the gradient too (Eisner 2016, https://aclanthology.org/W16-5901).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.tiles import compiled
from seqkit.nn.viterbi import Scores


@compiled
def add_paths(
    shares: Any, start: Any, moves: Any, end: Any, lengths: Any, log_z: Any, tags: Any, pairs: Any
) -> None:
    """Sums over the paths of each row, from exponentials of scores.

    Args:
        shares: Of emissions, float64 [batch, len, T].
        start, moves, end: Of the other scores, float64 [T], [T, T] as [from, to], [T].
        lengths: Valid steps, int64 [batch].
        log_z: Gets the log partition, float64 [batch]; not finite where all paths have next to no probability.
        tags: Gets the probability of each tag at each valid step, float64 [batch, len, T].
        pairs: Gets the expected count of each pair of tags, float64 [batch, T, T], or is empty.
    """
    count, pairwise = len(start), pairs.size > 0
    ahead, behind = np.empty(count), np.empty(count)
    for row in range(len(shares)):
        steps, log_sum = lengths[row], 0.0
        forward, share = tags[row], shares[row]  # the marginals take the place of the forward sums
        for step in range(steps):
            after = forward[step]
            if step == 0:
                after[:] = start
            else:
                after[:] = 0.0
                for before in range(count):
                    _add_scaled(moves[before], forward[step - 1, before], after)
            log_sum += math.log(_scale(after, share[step]))
        behind[:] = end
        log_z[row] = log_sum + math.log(_dot(forward[steps - 1], end))
        for step in range(steps - 1, -1, -1):
            if step + 1 < steps:
                ahead[:] = behind
                _scale(ahead, share[step + 1])
                total = 0.0
                for before in range(count):
                    behind[before] = _dot(moves[before], ahead)
                    total += forward[step, before] * behind[before]
                for before in range(count if pairwise else 0):
                    weight = forward[step, before] / total
                    for to in range(count):
                        pairs[row, before, to] += weight * moves[before, to] * ahead[to]
            _scale(forward[step], behind)


@compiled
def _dot(one: Any, other: Any) -> Any:
    total = 0.0
    for place in range(len(one)):
        total += one[place] * other[place]
    return total


@compiled
def _add_scaled(values: Any, by: float, into: Any) -> None:
    for place in range(len(into)):
        into[place] += by * values[place]


@compiled
def _scale(values: Any, by: Any) -> Any:
    """Multiplies numbers by others and has them sum to 1; the sum before."""
    total = _dot(values, by)
    for place in range(len(values)):
        values[place] = values[place] * by[place] / total
    return total


class LogPartition(torch.autograd.Function):
    """Log partition, float [batch], of emissions [batch, len, T] on the CPU, the scores of `Scores`, and lengths."""

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, start: Tensor, transitions: Tensor, end: Tensor, lengths: Tensor
    ) -> Tensor:  # fmt: skip
        batch, _, count = emissions.shape
        pairs = torch.zeros(batch, count, count, dtype=torch.float64)
        log_z, tags = _sums(emissions, Scores(start, transitions, end), lengths, pairs)
        ctx.save_for_backward(tags, pairs, lengths)
        return log_z.to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tags, pairs, lengths = ctx.saved_tensors
        wide = grad.double()
        last = tags[torch.arange(len(tags)), lengths - 1]
        grads = (
            tags * wide[:, None, None],
            wide @ tags[:, 0],
            torch.tensordot(wide, pairs, dims=1),
            wide @ last,
        )
        return *(part.to(grad.dtype) for part in grads), None


def _sums(
    emissions: Tensor, scores: Scores, lengths: Tensor, pairs: Tensor
) -> tuple[Tensor, Tensor]:
    """Log partition and tag probabilities by `add_paths`, float64, which fills `pairs` too."""
    shares, *others = (part.detach().double().exp() for part in (emissions, *scores))
    log_z, tags = shares.new_empty(len(shares)), torch.zeros_like(shares)
    add_paths(*(part.numpy() for part in (shares, *others, lengths, log_z, tags, pairs)))
    return log_z, tags


def posterior(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """As `posterior.posterior`, in double precision, with 0 at padding; arguments as in `log_partition`.

    Returns:
        marginals, float64 [batch, len, T]; log partition, float64 [batch].
    """
    log_z, tags = _sums(emissions, scores, lengths, torch.empty(0, 0, 0, dtype=torch.float64))
    return tags, log_z


def log_partition(emissions: Tensor, scores: Scores, lengths: Tensor) -> Tensor:
    """Log partition, float [batch], of emissions [batch, len, T], 0 the highest of each step; differentiable once.

    It is not finite where all paths of a row have next to no probability.
    """
    result: Tensor = LogPartition.apply(emissions, *scores, lengths)
    return result
