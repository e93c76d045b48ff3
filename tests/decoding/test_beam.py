from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.decoding import DecodingOptions

from .toy import IDS, ToyModel, all_sentences, no_unk, ranked, run

FULL_WIDTH = 200
seeds = st.integers(0, 10_000)
alphas = st.sampled_from([0.0, 0.6, 1.0, 2.0])


def as_pairs(nbest):
    return [(hyp.tokens, pytest.approx(hyp.score, abs=1e-4)) for hyp in nbest]


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds,
    alpha=alphas,
    max_len=st.integers(1, 20),
    ngram=st.integers(0, 2),
    min_len=st.integers(0, 4),
)
def test_a_beam_of_one_is_greedy(
    seed: int, alpha: float, max_len: int, ngram: int, min_len: int
) -> None:
    rules = {
        "length_penalty": alpha,
        "max_len": max_len,
        "min_len": min(min_len, max_len - 1),
        "no_repeat_ngram": ngram,
    }
    beam = run(ToyModel(seed), range(4), DecodingOptions(beam_size=1, **rules))
    greedy = run(ToyModel(seed), range(4), DecodingOptions(method="greedy", **rules))
    assert beam == greedy


@settings(max_examples=25, deadline=None)
@given(seed=seeds, alpha=alphas, max_len=st.integers(1, 4), nbest=st.integers(1, 8))
def test_a_full_beam_finds_what_exhaustive_search_finds(
    seed: int, alpha: float, max_len: int, nbest: int
) -> None:
    model = ToyModel(seed)
    options = DecodingOptions(
        beam_size=FULL_WIDTH, nbest=nbest, max_len=max_len, length_penalty=alpha
    )
    for row, found in enumerate(run(model, range(4), options)):
        expected = ranked(all_sentences(model, row, max_len, no_unk), alpha)[:nbest]
        assert expected == as_pairs(found)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, alpha=alphas, min_len=st.integers(0, 3), ngram=st.integers(0, 3))
def test_a_full_beam_is_exhaustive_search_under_all_rules(
    seed: int, alpha: float, min_len: int, ngram: int
) -> None:
    def allowed(tokens: list[int], token: int) -> bool:
        if token == IDS.eos_idx:
            return len(tokens) >= min_len
        ngrams = [tuple(tokens[i : i + ngram]) for i in range(len(tokens) - ngram + 1)]
        return not ngram or (*tokens, token)[-ngram:] not in ngrams

    model = ToyModel(seed, vocab_size=8)
    options = DecodingOptions(
        beam_size=1_000,
        nbest=20,
        max_len=4,
        min_len=min_len,
        length_penalty=alpha,
        no_repeat_ngram=ngram,
        forbid_unk=False,
    )
    for row, found in enumerate(run(model, range(2), options)):
        expected = ranked(all_sentences(model, row, 4, allowed), alpha)[:20]
        assert expected == as_pairs(found)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, alpha=alphas, beam_size=st.integers(1, 12))
def test_no_narrower_beam_scores_above_the_full_one(
    seed: int, alpha: float, beam_size: int
) -> None:
    model = ToyModel(seed)
    narrow = DecodingOptions(beam_size=beam_size, max_len=4, length_penalty=alpha)
    full = DecodingOptions(beam_size=FULL_WIDTH, max_len=4, length_penalty=alpha)
    for [few], [all_] in zip(run(model, range(4), narrow), run(model, range(4), full), strict=True):
        assert (few.finished, few.score) <= (all_.finished, all_.score + 1e-5)


def test_a_beam_finds_the_better_sentence_that_greedy_passes_by() -> None:
    model = ToyModel(0, num_rows=1, vocab_size=6)
    model.logits[:] = torch.tensor([0.0, 0.0, 0.4, 0.0, 0.3, 0.3]).log()
    start, after_4, after_5 = (model.contexts(path)[-1] for path in ([], [4], [5]))
    model.logits[0, start] = torch.tensor([0.0, 0.0, 0.05, 0.0, 0.55, 0.4]).log()
    model.logits[0, after_4] = torch.tensor([0.0, 0.0, 0.4, 0.0, 0.3, 0.3]).log()
    model.logits[0, after_5] = torch.tensor([0.0, 0.0, 0.9, 0.0, 0.05, 0.05]).log()
    [[greedy]] = run(model, [0], DecodingOptions(method="greedy", max_len=5))
    [[beam]] = run(model, [0], DecodingOptions(beam_size=2, max_len=5, length_penalty=0.0))
    assert greedy.tokens == [4]
    assert beam.tokens == [5]
    assert beam.log_prob == pytest.approx(torch.tensor(0.4 * 0.9).log().item(), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    seed=seeds,
    alpha=alphas,
    beam_size=st.integers(1, 6),
    nbest=st.integers(1, 6),
    limits=st.lists(st.integers(1, 12), min_size=4, max_size=4),
)
def test_a_sentence_is_decoded_alike_whatever_stands_beside_it(
    seed: int, alpha: float, beam_size: int, nbest: int, limits: list[int]
) -> None:
    model = ToyModel(seed)
    options = DecodingOptions(
        beam_size=beam_size,
        nbest=min(nbest, beam_size),
        max_len=10,
        length_penalty=alpha,
        no_repeat_ngram=2,
    )
    together = run(model, range(4), options, max_lens=torch.tensor(limits))
    alone = [run(model, [row], options, max_lens=[limits[row]])[0] for row in range(4)]
    backwards = run(model, [3, 2, 1, 0], options, max_lens=limits[::-1])
    assert together == alone
    assert together == backwards[::-1]


@settings(max_examples=25, deadline=None)
@given(seed=seeds, alpha=alphas, max_len=st.integers(2, 10))
def test_an_nbest_list_is_sorted_distinct_and_scored_as_the_model_scores(
    seed: int, alpha: float, max_len: int
) -> None:
    model = ToyModel(seed)
    options = DecodingOptions(beam_size=6, nbest=6, max_len=max_len, length_penalty=alpha)
    for row, nbest in enumerate(run(model, range(4), options)):
        assert len({tuple(hyp.tokens) for hyp in nbest}) == len(nbest) == 6
        ranks = [(hyp.finished, hyp.score) for hyp in nbest]
        assert ranks == sorted(ranks, reverse=True)
        for hyp in nbest:
            steps = [*hyp.tokens, IDS.eos_idx] if hyp.finished else hyp.tokens
            contexts = model.contexts(hyp.tokens)[: len(steps)]
            expected = [
                model.log_probs(row, context)[token]
                for context, token in zip(contexts, steps, strict=True)
            ]
            assert hyp.token_log_probs == pytest.approx(expected, abs=1e-5)
            assert hyp.log_prob == pytest.approx(sum(expected), abs=1e-4)


def test_attention_follows_each_hypothesis_through_the_beam() -> None:
    model = ToyModel(11)
    options = DecodingOptions(beam_size=5, nbest=5, max_len=8)
    outputs = run(model, range(4), options, return_attention=True)
    assert max(len(hyp.tokens) for nbest in outputs for hyp in nbest) > 2
    for row, nbest in enumerate(outputs):
        for hyp in nbest:
            contexts = model.contexts(hyp.tokens)[: len(hyp.tokens)]
            assert torch.equal(hyp.attention, model.attn[row, contexts])
    assert run(model, [0], options)[0][0].attention is None


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_search_stops_once_no_live_hypothesis_can_win(alpha: float) -> None:
    model = ToyModel(0, num_rows=1)
    model.logits[:] = 0.0
    model.logits[..., IDS.eos_idx] = 12.0
    options = DecodingOptions(beam_size=5, max_len=50, length_penalty=alpha)
    [[hyp]] = run(model, [0], options)
    assert hyp.tokens == []
    assert model.num_row_steps == 1


def test_search_goes_on_while_the_length_penalty_lets_a_longer_sentence_win() -> None:
    model = ToyModel(0, num_rows=1, vocab_size=5)
    model.logits[:] = torch.tensor([0.0, 0.0, 0.02, 0.0, 0.98]).log()
    model.logits[0, model.contexts([])[-1]] = torch.tensor([0.0, 0.0, 0.5, 0.0, 0.5]).log()
    model.logits[0, model.contexts([4] * 8)[-1]] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).log()
    settings_ = {"beam_size": 9, "max_len": 20}
    [[plain]] = run(model, [0], DecodingOptions(length_penalty=0.0, **settings_))
    [[normalised]] = run(model, [0], DecodingOptions(length_penalty=1.0, **settings_))
    assert plain.tokens == []
    assert normalised.tokens == [4] * 8


def test_search_stops_once_as_many_hypotheses_have_finished_as_the_beam_is_wide() -> None:
    model = ToyModel(0, num_rows=1, vocab_size=5)
    model.logits[:] = torch.tensor([0.0, 0.0, 0.6, 0.0, 0.4]).log()
    options = DecodingOptions(beam_size=3, nbest=3, max_len=50, length_penalty=2.0)
    [nbest] = run(model, [0], options)
    assert sorted(hyp.tokens for hyp in nbest) == [[], [4], [4, 4]]
    assert model.num_row_steps <= 1 + 3 + 3


def test_a_hypothesis_that_ends_leaves_its_place_in_the_beam_to_the_next_best() -> None:
    model = ToyModel(0, num_rows=1, vocab_size=6)
    model.logits[:] = torch.tensor([0.0, 0.0, 0.34, 0.0, 0.33, 0.33]).log()
    model.logits[0, model.contexts([])[-1]] = torch.tensor([0.0, 0.0, 0.5, 0.0, 0.3, 0.2]).log()
    model.logits[0, model.contexts([5])[-1]] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).log()
    options = DecodingOptions(beam_size=2, nbest=2, max_len=9, length_penalty=0.0)
    [nbest] = run(model, [0], options)
    assert [hyp.tokens for hyp in nbest] == [[], [5]]


def test_an_empty_batch_gives_no_lists() -> None:
    assert run(ToyModel(0), [], DecodingOptions()) == []


@settings(max_examples=20, deadline=None)
@given(seed=seeds, alpha=alphas, max_len=st.integers(1, 4), beta=st.sampled_from([0.2, 1.0, 5.0]))
def test_a_full_beam_ranks_by_length_and_coverage(
    seed: int, alpha: float, max_len: int, beta: float
) -> None:
    model = ToyModel(seed)
    model.attn = model.attn / 3
    model.attn[..., -1] = 0.0  # padding
    options = DecodingOptions(
        beam_size=FULL_WIDTH, max_len=max_len, length_penalty=alpha, coverage_penalty=beta, nbest=3
    )
    for row, found in enumerate(run(model, range(4), options)):
        expected = []
        for tokens, log_prob, finished in all_sentences(model, row, max_len, no_unk):
            steps = len(tokens) + finished
            received = model.attn[row, model.contexts(tokens)[:steps]].sum(dim=0).tolist()[:-1]
            covered = beta * sum(math.log(min(share, 1.0)) for share in received)
            score = log_prob / ((5 + steps) / 6) ** alpha + covered
            expected.append((not finished, -score, tokens))
        best = [(tokens, pytest.approx(-loss, abs=1e-4)) for _, loss, tokens in sorted(expected)]
        assert [(hyp.tokens, hyp.score) for hyp in found] == best[:3]
        assert all(hyp.attention is None for hyp in found)


def test_a_coverage_penalty_prefers_the_sentence_that_looked_everywhere() -> None:
    class Reader(ToyModel):
        """Token 4 looks at the first place alone, token 5, a little less likely, at all."""

        def step(self, tokens, state):
            logits = torch.full((len(tokens), 7), -20.0)
            start = tokens == IDS.bos_idx
            logits[start, 4], logits[start, 5] = 1.0, 0.9
            logits[~start, IDS.eos_idx] = 5.0
            narrow = torch.tensor([0.98, 0.01, 0.01])
            attn = torch.where((tokens == 5).unsqueeze(1), torch.full((3,), 1 / 3), narrow)
            return logits, state, attn

    def best(beta: float) -> list[int]:
        [[hyp]] = run(
            Reader(0), [0], DecodingOptions(beam_size=3, max_len=4, coverage_penalty=beta)
        )
        return hyp.tokens

    assert best(0.0) == [4]
    assert best(0.2) == [5]
