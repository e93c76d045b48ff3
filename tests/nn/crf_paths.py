"""Small CRFs with all their paths written out, for tests to compare with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.nn.crf import CRF

few = settings(max_examples=25, deadline=None)


@st.composite
def cases(draw: st.DrawFn, constrained: bool = False) -> tuple[CRF, Tensor, Tensor, Tensor]:
    """A CRF in float64 with random scores; emissions, gold tags and lengths of a small batch."""
    num_tags, batch, max_len = draw(st.tuples(*[st.integers(1, 4)] * 3))
    lengths = torch.tensor(draw(st.lists(st.integers(1, max_len), min_size=batch, max_size=batch)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def coin(*shape: int) -> Tensor | None:
        return normal(*shape) < 0.5 if constrained else None

    crf = CRF(num_tags, coin(num_tags, num_tags), coin(num_tags), coin(num_tags)).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(normal(*parameter.shape))
    emissions = 2 * normal(batch, max_len, num_tags)
    tags = torch.randint(num_tags, (batch, max_len), generator=generator)
    return crf, emissions, tags, lengths


def is_allowed(crf: CRF, path: tuple[int, ...]) -> bool:
    inner = all(bool(crf.allowed[pair]) for pair in itertools.pairwise(path))
    return inner and bool(crf.allowed_start[path[0]]) and bool(crf.allowed_end[path[-1]])


def score_of(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> Tensor:
    """Score of one path on one row, written out from the definition."""
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    for step, tag in enumerate(path):
        score = score + emissions[step, tag]
    for pair in itertools.pairwise(path):
        score = score + crf.transitions[pair]
    return score


def enumerated(
    crf: CRF, emissions: Tensor, lengths: Tensor
) -> Iterator[tuple[list[tuple[int, ...]], Tensor]]:
    """All allowed paths of each row with their scores [paths]."""
    for row, length in zip(emissions, lengths.tolist(), strict=True):
        paths = list(itertools.product(range(crf.num_tags), repeat=length))
        paths = [path for path in paths if is_allowed(crf, path)]
        scores = [score_of(crf, row, path) for path in paths]
        yield paths, torch.stack(scores) if scores else row.new_empty(0)
