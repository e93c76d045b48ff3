"""The best path and the sums over all paths of `crf.py` as machine code: the extra `compiled`.

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


@compiled
def trace_best(
    emissions: Any, start: Any, moves: Any, end: Any, lengths: Any, tags: Any, totals: Any
) -> None:
    """Finds the best path of each row, as `viterbi.viterbi` does.

    Args:
        emissions, start, moves, end: Scores, float [batch, len, T], [T], [T, T] as [from, to], [T]; -inf forbids.
        lengths: Valid steps, int64 [batch].
        tags: Gets the path, int64 [batch, len]; stays as it is at padding, and where none is allowed.
        totals: Gets its score, float [batch].
    """
    _, longest, count = emissions.shape
    best, after = np.empty_like(start), np.empty_like(start)
    pointers = np.empty((longest, count), np.int64)
    for row in range(len(emissions)):
        best[:] = start + emissions[row, 0]
        for step in range(1, lengths[row]):
            for to in range(count):
                place = _highest(best, moves[:, to])
                pointers[step, to] = place
                after[to] = best[place] + moves[place, to] + emissions[row, step, to]
            best[:] = after
        tag = _highest(best, end)
        totals[row] = best[tag] + end[tag]
        if totals[row] > -np.inf:
            for step in range(lengths[row] - 1, 0, -1):
                tags[row, step] = tag
                tag = pointers[step, tag]
            tags[row, 0] = tag


@compiled
def _highest(one: Any, other: Any) -> int:
    """Where the sum of two rows of numbers is highest, the first place when equal."""
    place, highest = 0, one[0] + other[0]
    for candidate in range(1, len(one)):
        value = one[candidate] + other[candidate]
        if value > highest:
            place, highest = candidate, value
    return place


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


def viterbi(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """As `viterbi.viterbi`, on the CPU."""
    tags = torch.zeros(emissions.shape[:2], dtype=torch.long)
    totals = emissions.new_empty(len(emissions))
    given = (part.detach().numpy() for part in (emissions, *scores, lengths, tags, totals))
    trace_best(*given)
    return tags, totals


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
