"""The best paths of a CRF, against enumeration of all of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqkit.nn.crf import CRF
from seqkit.nn.viterbi import Scores, viterbi, viterbi_nbest

from .crf_paths import cases, enumerated, few


@few
@given(cases(constrained=True), st.integers(1, 6))
def test_nbest_lists_the_best_allowed_paths_in_order(
    case: tuple[CRF, Tensor, Tensor, Tensor], n: int
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode_nbest(emissions, lengths, n)
    assert tags.shape == (*lengths.shape, n, emissions.shape[1])
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        order = scores.argsort(descending=True)[:n].tolist()
        found = len(order)
        expected = [list(paths[index]) for index in order]
        assert tags[row, :found, : lengths[row]].tolist() == expected
        torch.testing.assert_close(log_probs[row, :found], scores.log_softmax(0)[order].detach())
        assert (log_probs[row, found:] == float("-inf")).all()
        assert (tags[row, found:] == 0).all()
        assert (tags[row, :, lengths[row] :] == 0).all()


@few
@given(cases(constrained=True), st.integers(2, 4))
def test_decoding_is_the_first_of_the_nbest(
    case: tuple[CRF, Tensor, Tensor, Tensor], n: int
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode(emissions, lengths)
    best_tags, best_log_probs = crf.decode_nbest(emissions, lengths, n)
    assert torch.equal(tags, best_tags[:, 0])
    assert torch.equal(log_probs, best_log_probs[:, 0])


@few
@given(cases())
def test_the_decoded_score_is_the_log_probability_of_the_path(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode(emissions, lengths)
    expected = crf.log_likelihood(emissions, tags, lengths).detach().clamp(max=0)
    torch.testing.assert_close(log_probs, expected)


@few
@given(cases(constrained=True))
def test_a_row_decodes_alike_alone_and_in_a_batch(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    emissions = emissions.round()  # many equal scores
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.round_()
    tags, _ = crf.decode(emissions, lengths)
    nbest, _ = crf.decode_nbest(emissions, lengths, 3)
    for row, length in enumerate(lengths.tolist()):
        alone = emissions[row : row + 1, :length], lengths[row : row + 1]
        assert torch.equal(crf.decode(*alone)[0][0], tags[row, :length])
        assert torch.equal(crf.decode_nbest(*alone, 3)[0][0], nbest[row, :, :length])


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("num_tags", [2, 9, 33])
def test_equal_scores_go_to_the_lowest_tags(batch: int, num_tags: int) -> None:
    emissions = torch.zeros(batch, 4, num_tags)
    emissions[:, :, 0] = -1.0  # all tags from 1 on are equal
    scores = Scores(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags))
    tags, _ = viterbi(emissions, scores, torch.full((batch,), 4))
    assert (tags == 1).all()
    nbest, _ = viterbi_nbest(emissions, scores, torch.full((batch,), 4), 3)
    assert (nbest == nbest[:1]).all()
    assert (nbest[:, 0] == 1).all()


def test_no_emission_is_strong_enough_for_a_forbidden_transition() -> None:
    allowed = torch.tensor([[True, False], [True, True]])
    crf = CRF(2, allowed)
    emissions = torch.tensor([[[1e6, 0.0], [0.0, 1e6], [0.0, 1e6]]])
    tags, _ = crf.decode(emissions, torch.tensor([3]))
    assert tags.tolist() == [[1, 1, 1]]
