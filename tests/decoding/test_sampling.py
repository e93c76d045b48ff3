from __future__ import annotations

import random
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.decoding import DecodingOptions
from seqkit.decoding.sampling import draw_tokens

from .toy import IDS, ToyModel, all_sentences, no_unk, run

NUM_DRAWS = 20_000


def chi_square(counts: Counter[object], expected: dict[object, float]) -> float:
    """Pearson's statistic: around the number of outcomes, give or take the root of twice that."""
    return sum((counts[key] - mean) ** 2 / mean for key, mean in expected.items())


def assert_frequencies_match(counts: Counter[object], probs: dict[object, float]) -> None:
    assert set(counts) <= set(probs)
    expected = {key: prob * NUM_DRAWS for key, prob in probs.items()}
    freedom = len(probs) - 1
    assert chi_square(counts, expected) < freedom + 6 * (2 * freedom) ** 0.5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_sampling_from_the_likeliest_token_alone_is_greedy(seed: int) -> None:
    greedy = run(ToyModel(seed), range(4), DecodingOptions(method="greedy", max_len=8))
    one_token = DecodingOptions(method="sample", top_k=1, max_len=8)
    tiny_mass = DecodingOptions(method="sample", top_p=1e-6, max_len=8)
    freezing = DecodingOptions(method="sample", temperature=1e-40, max_len=8)
    for options in (one_token, tiny_mass, freezing):
        assert run(ToyModel(seed), range(4), options) == greedy


@pytest.mark.parametrize(
    ("settings_", "kept", "power"),
    [
        ({}, [2, 4, 5, 6], 1.0),
        ({"temperature": 0.5}, [2, 4, 5, 6], 2.0),
        ({"temperature": 2.0}, [2, 4, 5, 6], 0.5),
        ({"top_k": 2}, [4, 6], 1.0),
        ({"top_k": 50}, [2, 4, 5, 6], 1.0),
        ({"top_p": 0.75}, [4, 5, 6], 1.0),
        ({"top_p": 0.65}, [4, 6], 1.0),
        ({"top_k": 3, "top_p": 0.7}, [4, 6], 1.0),
    ],
)
def test_tokens_are_drawn_as_often_as_their_probability_says(settings_, kept, power) -> None:
    probs = torch.tensor([0.0, 0.0, 0.1, 0.0, 0.4, 0.2, 0.3])
    generator = random.Random(17)
    numbers = torch.tensor([generator.random() for _ in range(NUM_DRAWS)])
    options = DecodingOptions(method="sample", **settings_)
    tokens = draw_tokens(probs.log().expand(NUM_DRAWS, -1), numbers, options)
    weights = {token: probs[token].item() ** power for token in kept}
    total = sum(weights.values())
    expected = {token: weight / total for token, weight in weights.items()}
    assert_frequencies_match(Counter(tokens.tolist()), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), top_p=st.floats(0.01, 0.999), sharpness=st.floats(0.1, 10))
def test_the_nucleus_of_a_large_vocabulary_is_that_of_a_full_sort(
    seed: int, top_p: float, sharpness: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    log_probs = (sharpness * torch.randn(6, 700, generator=generator)).log_softmax(dim=-1)
    numbers = torch.rand(6, generator=generator)
    tokens = draw_tokens(log_probs, numbers, DecodingOptions(method="sample", top_p=top_p))
    ranked, order = log_probs.double().exp().sort(dim=-1, descending=True)
    before = ranked.cumsum(dim=-1) - ranked
    nucleus = ranked.masked_fill(before >= top_p, 0.0).cumsum(dim=-1)
    for row, token in enumerate(tokens.tolist()):
        rank = int((order[row] == token).nonzero())
        drawn = float(numbers[row]) * float(nucleus[row, -1])
        start = float(nucleus[row, rank - 1]) if rank else 0.0
        assert start - 1e-5 <= drawn <= float(nucleus[row, rank]) + 1e-5


@pytest.mark.parametrize("number", [0.0, 1.0])
def test_numbers_at_the_ends_draw_a_token_that_has_a_probability(number: float) -> None:
    log_probs = torch.tensor([[0.0, 0.0, 0.5, 0.0, 0.5, 0.0]]).log()
    for settings_ in ({}, {"top_k": 4}, {"top_p": 0.9}):
        options = DecodingOptions(method="sample", **settings_)
        [token] = draw_tokens(log_probs, torch.tensor([number]), options).tolist()
        assert token in (2, 4)


def test_whole_sentences_are_drawn_as_often_as_their_probability_says() -> None:
    model = ToyModel(6, num_rows=1, scale=1.0)
    model.logits[..., [IDS.pad_idx, IDS.bos_idx, IDS.unk_idx]] = float("-inf")
    options = DecodingOptions(method="sample", nbest=1000, max_len=2, seed=5)
    rows = run(model, [0] * (NUM_DRAWS // 1000), options)
    counts = Counter(tuple(hyp.tokens) for samples in rows for hyp in samples)
    sentences = all_sentences(model, 0, 2, no_unk)
    probs = {tuple(tokens): 2.718281828**log_prob for tokens, log_prob, _ in sentences}
    assert sum(probs.values()) == pytest.approx(1, abs=1e-4)
    assert_frequencies_match(counts, probs)


def test_the_same_seed_gives_the_same_samples_and_another_gives_others() -> None:
    model = ToyModel(7, scale=0.5)

    def sample(seed: int | None):
        return run(
            model, range(4), DecodingOptions(method="sample", nbest=3, max_len=20, seed=seed)
        )

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)
    assert sample(None) != sample(None)


def test_a_row_gets_the_same_samples_whatever_stands_beside_it() -> None:
    model = ToyModel(7, scale=0.5)
    options = DecodingOptions(method="sample", nbest=2, max_len=20, seed=1)
    limits = [20, 3, 11, 6]
    together = run(model, range(4), options, max_lens=limits)
    for row in range(4):
        [alone] = run(model, [row], options, max_lens=[limits[row]], row_ids=[row])
        assert alone == together[row]
    backwards = run(
        model, [3, 2, 1, 0], options, max_lens=limits[::-1], row_ids=torch.tensor([3, 2, 1, 0])
    )
    assert backwards[::-1] == together


def test_rows_and_samples_are_drawn_independently() -> None:
    model = ToyModel(7, scale=0.5)
    options = DecodingOptions(method="sample", nbest=4, max_len=20, min_len=10, seed=1)
    outputs = run(model, [0, 0], options)
    assert len({tuple(hyp.tokens) for nbest in outputs for hyp in nbest}) == 8


def test_samples_come_best_first_and_state_the_models_own_log_probability() -> None:
    model = ToyModel(7, scale=0.5)
    options = DecodingOptions(method="sample", nbest=5, max_len=6, temperature=2.0, top_k=3, seed=1)
    for row, samples in enumerate(run(model, range(4), options)):
        ranks = [(hyp.finished, hyp.score) for hyp in samples]
        assert ranks == sorted(ranks, reverse=True)
        for hyp in samples:
            steps = [*hyp.tokens, IDS.eos_idx] if hyp.finished else hyp.tokens
            contexts = model.contexts(hyp.tokens)[: len(steps)]
            expected = [
                model.log_probs(row, context)[token]
                for context, token in zip(contexts, steps, strict=True)
            ]
            assert hyp.token_log_probs == pytest.approx(expected, abs=1e-5)
