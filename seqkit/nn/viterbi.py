"""The best and the n best paths through a table of scores, batched; no network, no padding effects."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.nn.masks import last_valid, lengths_to_mask


class Scores(NamedTuple):
    """What a path collects between its steps: float start [T], transitions [from, to], end [T]."""

    start: Tensor
    transitions: Tensor
    end: Tensor


def viterbi(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The best-scoring path of each row, for any scores: a CRF's, or a softmax tagger's with rules.

    Among equal scores the lowest tag wins, at the last step first and then backwards, whatever
    stands beside the row in the batch.

    Args:
        emissions: Score of each tag at each step, float [batch, len, T].
        scores: Start, transition and end scores; -inf forbids.
        lengths: Valid steps, int64 [batch], each at least 1.

    Returns:
        tags, int64 [batch, len], 0 at padding; path scores (not normalised), float [batch].
        A row without any allowed path scores -inf and has tags 0.

    Viterbi 1967; Rabiner 1989, section III.B.
    """
    tags, path_scores = viterbi_nbest(emissions, scores, lengths, 1)
    return tags.squeeze(1), path_scores.squeeze(1)


def viterbi_nbest(
    emissions: Tensor, scores: Scores, lengths: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """The `n` best-scoring different paths of each row, best first; arguments as in `viterbi`.

    A state is a tag with a rank: the r-th best path that ends in that tag. With n = 1 this is the
    plain Viterbi algorithm.

    Returns:
        tags, int64 [batch, n, len], 0 at padding; path scores (not normalised), float [batch, n].
        Where fewer than n paths are allowed the rest score -inf and have tags 0.
    """
    mask = lengths_to_mask(lengths, emissions.shape[1])
    emissions = emissions.masked_fill(~mask.unsqueeze(-1), 0.0).transpose(0, 1)  # [len, batch, T]
    _, batch, num_tags = emissions.shape
    to_from = scores.transitions.T.contiguous().unsqueeze(-1)  # [to, from, 1]
    best = emissions.new_full((batch, num_tags, n), float("-inf"))
    best[:, :, 0] = scores.start + emissions[0]
    bests, pointers = [best], []
    for emission in emissions[1:].unbind(0):
        arrivals = (best.unsqueeze(1) + to_from).flatten(2)  # [batch, to, from * n]
        best, pointer = _take_best(arrivals, n)  # [batch, to, n]
        best = best + emission.unsqueeze(-1)
        bests.append(best)
        pointers.append(pointer.flatten(1))  # [batch, to * n]
    ends = last_valid(torch.stack(bests, dim=1), lengths) + scores.end.unsqueeze(-1)
    path_scores, state = _take_best(ends.flatten(1), n)  # [batch, n]
    tags = _trace_back(pointers, state, mask) // n  # [batch, n, len]
    found = mask.unsqueeze(1) & (path_scores != float("-inf")).unsqueeze(-1)
    return tags.masked_fill(~found, 0), path_scores


def _take_best(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The `n` highest along the last dim and where they stand, the lower index first when equal."""
    if n == 1:
        highest = scores.max(dim=-1, keepdim=True)
        return highest.values, highest.indices
    ordered = scores.sort(dim=-1, descending=True, stable=True)  # topk shuffles equal scores
    return ordered.values[..., :n], ordered.indices[..., :n]


def _trace_back(pointers: list[Tensor], state: Tensor, mask: Tensor) -> Tensor:
    """States along each path, int64 [batch, n, len], from the last states [batch, n]."""
    path = [state]
    if pointers:
        stacked = torch.stack(pointers)  # [len - 1, batch, T * n]
        # A padding step points at itself, so that a row's last state waits until its own last step.
        itself = torch.arange(stacked.shape[-1], device=stacked.device)
        stacked = torch.where(mask.T[1:].unsqueeze(-1), stacked, itself)
        for pointer in reversed(stacked.unbind(0)):
            state = pointer.gather(1, state)
            path.append(state)
    return torch.stack(path[::-1], dim=-1)
