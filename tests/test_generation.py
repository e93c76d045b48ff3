"""What an n-best list becomes as an answer."""

from __future__ import annotations

import math

import pytest
import torch

from seqkit.data.codecs import VocabularyCodec, unit_names
from seqkit.data.vocabulary import Vocabulary
from seqkit.decoding import Hypothesis
from seqkit.generation import confidence, sentence_prediction, with_source_tokens

CODEC = VocabularyCodec(Vocabulary(["le", "chat", "\uffed."]), "joined", lowercase=False)
ATTENTION = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])


def hypothesis(tokens: list[int], log_probs: list[float], attention: bool = True) -> Hypothesis:
    finished = len(log_probs) > len(tokens)
    looks = ATTENTION[: len(tokens)] if attention else None
    return Hypothesis(tokens, sum(log_probs), sum(log_probs) / 2, log_probs, looks, finished)


BEST = hypothesis([4, 5, 6], [-0.1, -0.2, -0.3, -0.4])
SECOND = hypothesis([5, 6], [-1.0, -1.0, -1.0])


def test_the_best_hypothesis_is_the_answer_and_heads_the_alternatives() -> None:
    answer = sentence_prediction([BEST, SECOND], CODEC, src_len=2)
    assert answer.output == answer.text == "le chat."
    assert [a.output for a in answer.alternatives] == ["le chat.", "chat."]
    assert answer.score == pytest.approx(-1.0)
    assert answer.alternatives[0].score == answer.score
    assert answer.detail["normalized_score"] == pytest.approx(-0.5)
    assert answer.detail["tokens"] == ["le", "chat", "."]


def test_confidence_is_the_mean_probability_of_a_token_with_the_end_mark() -> None:
    assert confidence(BEST) == pytest.approx(math.exp(-0.25))
    cut = hypothesis([4, 5], [-0.5, -0.5])
    assert confidence(cut) == pytest.approx(math.exp(-0.5))


def test_attention_is_cut_to_the_real_steps_of_the_source() -> None:
    answer = with_source_tokens(sentence_prediction([BEST], CODEC, src_len=2), ["the", "cat"])
    assert answer.detail["attention"] == [[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]
    assert answer.detail["src_tokens"] == ["the", "cat"]


def test_without_attention_the_answer_has_no_word_of_it() -> None:
    plain = hypothesis([4], [-0.1, -0.1], attention=False)
    answer = with_source_tokens(sentence_prediction([plain], CODEC, src_len=2), ["the", "cat"])
    assert set(answer.detail) == {"normalized_score", "tokens"}


def test_special_units_are_named() -> None:
    assert unit_names(CODEC, [1, 4, 6, 3]) == ["<unk>", "le", ".", "<eos>"]
