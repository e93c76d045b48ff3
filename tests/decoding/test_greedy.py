from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.decoding import DecodingOptions

from .toy import IDS, ToyModel, run


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), max_len=st.integers(1, 8))
def test_each_token_is_the_likeliest_that_is_allowed(seed: int, max_len: int) -> None:
    model = ToyModel(seed)
    options = DecodingOptions(method="greedy", max_len=max_len, length_penalty=0.5)
    for row, [hyp] in enumerate(run(model, range(4), options)):
        steps = [*hyp.tokens, IDS.eos_idx] if hyp.finished else hyp.tokens
        assert hyp.finished or len(steps) == max_len
        for token, context, log_prob in zip(
            steps, model.contexts(hyp.tokens), hyp.token_log_probs, strict=False
        ):
            log_probs = model.log_probs(row, context)
            open_tokens = [t for t in range(7) if t not in (IDS.pad_idx, IDS.bos_idx, IDS.unk_idx)]
            assert token == max(open_tokens, key=log_probs.__getitem__)
            assert log_prob == pytest.approx(log_probs[token], abs=1e-5)
        assert len(hyp.token_log_probs) == len(steps)
        assert hyp.log_prob == pytest.approx(sum(hyp.token_log_probs), abs=1e-5)
        assert hyp.score == pytest.approx(hyp.log_prob / math.sqrt((5 + len(steps)) / 6), abs=1e-5)


def test_rows_that_have_ended_are_no_longer_computed() -> None:
    model = ToyModel(3)
    options = DecodingOptions(method="greedy", max_len=30)
    outputs = run(model, range(4), options)
    lengths = [len(hyp.token_log_probs) for [hyp] in outputs]
    assert len(set(lengths)) > 1
    assert model.num_row_steps == sum(lengths)


def test_the_models_own_scores_count_even_where_a_token_is_forbidden() -> None:
    model = ToyModel(0, num_rows=1)
    model.logits[..., IDS.unk_idx] = 50.0
    [[hyp]] = run(model, [0], DecodingOptions(method="greedy", max_len=1))
    assert IDS.unk_idx not in hyp.tokens
    assert hyp.log_prob < -40


def test_attention_is_that_of_each_token() -> None:
    model = ToyModel(5)
    options = DecodingOptions(method="greedy", max_len=6)
    for row, [hyp] in enumerate(run(model, range(4), options, return_attention=True)):
        contexts = model.contexts(hyp.tokens)[: len(hyp.tokens)]
        assert torch.equal(hyp.attention, model.attn[row, contexts])
