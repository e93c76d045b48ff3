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

from seqkit.nn.machine_code import compiled
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


@compiled
def compare_paths(
    emissions: Any, start: Any, moves: Any, end: Any, lengths: Any, gold: Any,
    log_probs: Any, slopes: Any, pairs: Any,
) -> bool:  # fmt: skip
    """The log-probability of a path in each row, and its gradient; whether all tags on the way are such.

    Args:
        emissions, start, moves, end, lengths: As in `trace_best`, all scores finite.
        gold: The path, int64 [batch, len]; any number at padding.
        log_probs: Gets the log-probability, float64 [batch]; not finite where all paths have next to no probability.
        slopes: Gets the gradient by emissions, float64 [batch, len, T], from zeros.
        pairs: Gets the gradient by moves, float64 [batch, T, T], from zeros.
    """
    count = len(start)
    shares, log_z = np.empty(emissions.shape), np.empty(len(emissions))
    for row in range(len(emissions)):
        before, score = -1, 0.0
        for step in range(lengths[row]):
            scores, tag = emissions[row, step], gold[row, step]
            if not 0 <= tag < count:
                return False
            top = scores.max()
            for other in range(count):
                shares[row, step, other] = math.exp(scores[other] - top)
            score += scores[tag] - top + (start[tag] if before < 0 else moves[before, tag])
            before = tag
        log_probs[row] = score + end[before]
    add_paths(shares, np.exp(start), np.exp(moves), np.exp(end), lengths, log_z, slopes, pairs)
    for row in range(len(emissions)):
        log_probs[row] -= log_z[row]
        slopes[row, : lengths[row]] *= -1.0
        pairs[row] *= -1.0
        for step in range(lengths[row]):
            slopes[row, step, gold[row, step]] += 1.0
            if step:
                pairs[row, gold[row, step - 1], gold[row, step]] += 1.0
    return True


class LogLikelihood(torch.autograd.Function):
    """See `log_likelihood`."""

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, start: Tensor, transitions: Tensor, end: Tensor,
        lengths: Tensor, gold: Tensor,
    ) -> Tensor:  # fmt: skip
        batch, _, count = emissions.shape
        log_probs = torch.full((batch,), torch.nan, dtype=torch.float64)
        slopes = torch.zeros(emissions.shape, dtype=torch.float64)
        pairs = torch.zeros(batch, count, count, dtype=torch.float64)
        scores = (part.detach().double() for part in (emissions, start, transitions, end))
        given = (*scores, lengths, gold, log_probs, slopes, pairs)
        if not compare_paths(*(part.numpy() for part in given)):
            log_probs.fill_(torch.nan)
        ctx.save_for_backward(slopes, pairs, lengths)
        return log_probs.to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slopes, pairs, lengths = ctx.saved_tensors
        wide = grad.double()
        last = slopes[torch.arange(len(slopes)), lengths - 1]
        grads = (
            slopes * wide[:, None, None],
            wide @ slopes[:, 0],
            torch.tensordot(wide, pairs, dims=1),
            wide @ last,
        )
        return *(part.to(grad.dtype) for part in grads), None, None


def viterbi(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """As `viterbi.viterbi`, on the CPU."""
    tags = torch.zeros(emissions.shape[:2], dtype=torch.long)
    totals = emissions.new_empty(len(emissions))
    given = (part.detach().numpy() for part in (emissions, *scores, lengths, tags, totals))
    trace_best(*given)
    return tags, totals


def posterior(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """As `posterior.posterior`, in double precision, with 0 at padding; 0 is the highest emission of each step.

    Returns:
        marginals, float64 [batch, len, T]; log partition, float64 [batch].
    """
    shares, *others = (part.detach().double().exp() for part in (emissions, *scores))
    log_z, tags = shares.new_empty(len(shares)), torch.zeros_like(shares)
    no_pairs = shares.new_empty(0, 0, 0)
    given = (shares, *others, lengths, log_z, tags, no_pairs)
    add_paths(*(part.numpy() for part in given))
    return tags, log_z


def log_likelihood(emissions: Tensor, scores: Scores, lengths: Tensor, gold: Tensor) -> Tensor:
    """Log-probability of the paths `gold`, int64 [batch, len], by emissions [batch, len, T]; differentiable once.

    It is not finite where all paths of a row have next to no probability, or if there is a tag that is none.
    """
    result: Tensor = LogLikelihood.apply(emissions, *scores, lengths, gold)
    return result
