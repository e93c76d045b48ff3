"""Rules that hold for every way of decoding."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from seqkit.decoding import DecodingOptions, SpecialIds, decode
from seqkit.decoding.constraints import allowed_log_probs
from seqkit.errors import ConfigError, SeqkitError, ShapeError

from .toy import IDS, ToyModel, run

METHODS = ["beam", "greedy", "sample"]
every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_padding_start_and_unknown_are_never_produced(method: str) -> None:
    model = ToyModel(1)
    model.logits[..., [IDS.pad_idx, IDS.bos_idx, IDS.unk_idx]] += 6.0
    outputs = run(model, range(4), DecodingOptions(method=method, max_len=12, min_len=6, seed=1))
    tokens = {token for nbest in outputs for hyp in nbest for token in hyp.tokens}
    assert tokens
    assert not tokens & {IDS.pad_idx, IDS.bos_idx, IDS.unk_idx, IDS.eos_idx}


@every_method
def test_the_unknown_token_comes_where_it_is_allowed(method: str) -> None:
    model = ToyModel(1)
    model.logits[..., IDS.unk_idx] += 20.0
    model.logits[..., IDS.eos_idx] = -math.inf
    options = DecodingOptions(method=method, max_len=4, forbid_unk=False, seed=1)
    for [hyp] in run(model, range(4), options):
        assert hyp.tokens == [IDS.unk_idx] * 4
        assert not hyp.finished


@every_method
def test_no_sentence_ends_before_the_least_length(method: str) -> None:
    model = ToyModel(2)
    model.logits[..., IDS.eos_idx] += 12.0
    options = DecodingOptions(method=method, max_len=10, min_len=4, seed=1)
    for [hyp] in run(model, range(4), options):
        assert len(hyp.tokens) == 4
        assert hyp.finished


@every_method
def test_each_row_is_cut_at_its_own_limit_and_at_the_common_one(method: str) -> None:
    model = ToyModel(2)
    model.logits[..., IDS.eos_idx] = -math.inf
    options = DecodingOptions(method=method, max_len=5, seed=1)
    outputs = run(model, range(4), options, max_lens=torch.tensor([1, 3, 5, 9]))
    assert [len(hyp.tokens) for [hyp] in outputs] == [1, 3, 5, 5]
    assert not any(hyp.finished for [hyp] in outputs)
    assert all(len(hyp.token_log_probs) == len(hyp.tokens) for [hyp] in outputs)


@every_method
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_comes_twice(method: str, size: int) -> None:
    model = ToyModel(4, vocab_size=6)
    free = DecodingOptions(method=method, max_len=30, min_len=20, seed=1)
    assert all(repeats(hyp.tokens, size) for [hyp] in run(model, range(4), free))
    options = replace(free, no_repeat_ngram=size)
    for [hyp] in run(model, range(4), options):
        assert not repeats(hyp.tokens, size)
        assert len(hyp.tokens) >= size


def repeats(tokens: list[int], size: int) -> bool:
    ngrams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return len(set(ngrams)) < len(ngrams)


@every_method
def test_a_sentence_that_no_token_can_continue_ends_before_the_least_length(method: str) -> None:
    model = ToyModel(4, vocab_size=6)
    options = DecodingOptions(method=method, max_len=9, min_len=5, no_repeat_ngram=1, seed=1)
    for [hyp] in run(model, range(4), options):
        assert sorted(hyp.tokens) == [4, 5]
        assert hyp.finished


def test_ngram_rule_forbids_exactly_the_tokens_that_complete_a_known_ngram() -> None:
    tokens = torch.tensor([[4, 5, 4, 6, 4], [4, 4, 4, 4, 4], [4, 5, 6, 7, 8]])
    options = DecodingOptions(no_repeat_ngram=2)
    log_probs = allowed_log_probs(torch.zeros(3, 9), tokens, IDS, options)
    forbidden = [set(row.isneginf().nonzero().flatten().tolist()) for row in log_probs]
    always = {IDS.pad_idx, IDS.bos_idx, IDS.unk_idx}
    assert forbidden == [always | {5, 6}, always | {4}, always]


def test_allowed_tokens_keep_their_log_probability_and_the_logits_stay_as_they_are() -> None:
    logits = torch.randn(2, 7, dtype=torch.float64)
    before = logits.clone()
    log_probs = allowed_log_probs(
        logits, torch.empty(2, 0, dtype=torch.int64), IDS, DecodingOptions()
    )
    assert torch.equal(logits, before)
    assert log_probs.dtype == torch.float32
    expected = torch.log_softmax(logits, dim=-1).float()
    kept = [2, 4, 5, 6]
    torch.testing.assert_close(log_probs[:, kept], expected[:, kept])


@every_method
def test_weights_that_are_not_numbers_give_an_error_that_says_so(method: str) -> None:
    model = ToyModel(0)
    model.logits[:] = math.nan
    with pytest.raises(SeqkitError, match="Row 0 of the batch cannot be decoded"):
        run(model, range(4), DecodingOptions(method=method, max_len=5, seed=1))


@every_method
def test_the_state_that_was_given_can_be_used_again(method: str) -> None:
    model = ToyModel(8)
    state = model.state(range(4))
    options = DecodingOptions(method=method, max_len=8, seed=3)
    first = decode(model, state, 4, IDS, options)
    assert decode(model, state, 4, IDS, options) == first


@every_method
def test_no_gradients_are_kept(method: str) -> None:
    model = ToyModel(8)
    model.logits.requires_grad_()
    model.attn.requires_grad_()
    options = DecodingOptions(method=method, max_len=8, min_len=2, seed=3)
    for [hyp] in run(model, range(4), options, return_attention=True):
        assert not hyp.attention.requires_grad


def test_special_tokens_may_have_any_ids() -> None:
    ids = SpecialIds(pad_idx=6, bos_idx=5, eos_idx=4, unk_idx=0)
    model = ToyModel(9)
    outputs = decode(model, model.state(range(4)), 4, ids, DecodingOptions(max_len=6))
    tokens = {token for nbest in outputs for hyp in nbest for token in hyp.tokens}
    assert tokens
    assert tokens <= {1, 2, 3}


@pytest.mark.parametrize("name", ["max_lens", "row_ids"])
def test_limits_and_ids_of_another_number_of_rows_are_refused(name: str) -> None:
    with pytest.raises(ShapeError, match=rf"{name}: expected shape \[4\], received \[3\]"):
        run(ToyModel(0), range(4), DecodingOptions(), **{name: torch.tensor([5, 5, 5])})


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_lens must be at least 1 token, got 0 in row 2"):
        run(ToyModel(0), range(4), DecodingOptions(), max_lens=[3, 3, 0, 3])
