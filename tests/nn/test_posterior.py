"""The marginals of a CRF, against enumeration of all paths and against float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from torch import Tensor

from seqkit.nn.crf import CRF

from .crf_paths import cases, enumerated, few


@few
@given(cases())
def test_marginals_are_the_shares_of_the_paths_through_a_tag(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    expected = torch.zeros_like(emissions)
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        for path, prob in zip(paths, scores.softmax(0).detach(), strict=True):
            for step, tag in enumerate(path):
                expected[row, step, tag] += prob
    torch.testing.assert_close(crf.marginals(emissions, lengths).detach(), expected)


def test_marginals_of_a_long_row_still_sum_to_one() -> None:
    crf = CRF(5)
    emissions = 20 * torch.arange(2 * 800 * 5).sin().view(2, 800, 5)
    lengths = torch.tensor([800, 300])
    marginals = crf.marginals(emissions, lengths)
    torch.testing.assert_close(marginals[0].sum(-1), torch.ones(800))
    torch.testing.assert_close(marginals[1, :300].sum(-1), torch.ones(300))
    assert (marginals[1, 300:] == 0).all()


@few
@given(cases(constrained=True))
def test_decoding_with_marginals_gives_what_each_alone_gives(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs, marginals = crf.decode_with_marginals(emissions, lengths, 2)
    best, best_log_probs = crf.decode_nbest(emissions, lengths, 2)
    assert torch.equal(tags, best)
    torch.testing.assert_close(log_probs, best_log_probs)
    torch.testing.assert_close(marginals, crf.marginals(emissions, lengths).detach())


@pytest.mark.parametrize("gap", [50.0, 500.0, 1e5])
def test_marginals_are_exact_however_unlikely_what_is_allowed(gap: float) -> None:
    crf = CRF(3, torch.tensor([[1, 0, 0], [0, 1, 1], [0, 1, 1]]).bool())
    emissions = torch.zeros(2, 30, 3)
    emissions[:, :14, 0] = gap  # what is likeliest at first can only be followed by itself,
    emissions[:, 14:, 1] = gap  # and what is likeliest later only come after others
    lengths = torch.tensor([30, 20])
    _, log_probs, marginals = crf.decode_with_marginals(emissions, lengths, 1)
    expected = crf.double().marginals(emissions.double(), lengths).detach()
    torch.testing.assert_close(marginals, expected.float())
    assert log_probs.isfinite().all()
