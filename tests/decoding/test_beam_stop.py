"""When a search may stop: not while something far better than all that has ended is still alive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from seqkit.decoding import DecodingOptions, SpecialIds, decode

IDS = SpecialIds(pad_idx=0, bos_idx=1, eos_idx=2, unk_idx=3)
SENTENCE = [4, 5, 6, 7, 8, 9, 2]
VOCAB = 10


@dataclass(frozen=True)
class Place:
    """Steps done by each row, int64 [rows], and whether it has left the sentence, bool [rows]."""

    steps: Tensor
    lost: Tensor

    def select(self, rows: Tensor) -> Place:
        return Place(self.steps[rows], self.lost[rows])


class Sure:
    """Knows one sentence, each token with probability 0.98; off its way it ends as surely at once."""

    def step(self, tokens: Tensor, state: Place) -> tuple[Tensor, Place, None]:
        way = torch.tensor([IDS.bos_idx, *SENTENCE])
        lost = state.lost | (tokens != way[state.steps])
        wanted = torch.where(lost, IDS.eos_idx, way[(state.steps + 1).clamp(max=len(SENTENCE))])
        probs = torch.full((len(tokens), VOCAB), 0.02 / (VOCAB - 1))
        probs[torch.arange(len(tokens)), wanted] = 0.98
        return probs.log(), Place((state.steps + 1).clamp(max=len(SENTENCE)), lost), None


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("beam_size", [1, 2, 3, 5, 6])
def test_poor_sentences_that_end_early_do_not_stop_the_search(
    beam_size: int, penalty: float
) -> None:
    options = DecodingOptions(beam_size=beam_size, length_penalty=penalty, max_len=30)
    start = Place(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.bool))
    [[best]] = decode(Sure(), start, 1, IDS, options)
    assert best.finished and best.tokens == SENTENCE[:-1]
