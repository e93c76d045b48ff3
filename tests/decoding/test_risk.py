"""Minimum Bayes risk: agreement is chrF, and the sentence in the middle of the samples wins."""

from __future__ import annotations

import pytest
import sacrebleu
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit.config import from_dict
from seqkit.decoding.risk import ORDER, expected_agreement, sentence_chrf
from seqkit.metrics.ngrams import ngram_counts
from seqkit.registry import get_task

TEXTS = [
    "the cat sat on the mat",
    "a cat sat on a mat",
    "the cat sat",
    "dogs bark",
    "the cat sat on the mat",
]


@pytest.mark.parametrize("reference", TEXTS)
@pytest.mark.parametrize("candidate", TEXTS)
def test_agreement_is_sacrebleus_chrf(candidate: str, reference: str) -> None:
    profiles = [ngram_counts("".join(text.split()), ORDER) for text in (candidate, reference)]
    wanted = sacrebleu.sentence_chrf(candidate, [reference]).score / 100
    assert sentence_chrf(*profiles) == pytest.approx(wanted, abs=1e-4)


def test_a_text_that_others_are_like_agrees_most() -> None:
    found = expected_agreement(TEXTS)
    assert found[0] == found[4] == max(found) and found[3] == min(found)
    assert expected_agreement(["alone"]) == [1.0] and expected_agreement([]) == []


@given(st.lists(st.text(alphabet="ab ", max_size=6), min_size=2, max_size=5))
def test_agreement_is_a_share_and_alike_texts_have_the_same(texts: list[str]) -> None:
    found = expected_agreement(texts)
    assert all(0 <= value <= 1 for value in found)
    assert len({value for text, value in zip(texts, found, strict=True) if text == texts[0]}) == 1


def test_translations_by_least_risk_do_not_depend_on_the_batch_and_repeat() -> None:
    task = get_task("translation")
    values = {"model": {"hidden_size": 8, "emb_size": 8}, "data": {"units": "word"},
              "decoding": {"method": "mbr", "mbr_samples": 6, "nbest": 2, "max_len": 8}}  # fmt: skip
    config = from_dict(task.Config, values)
    torch.manual_seed(0)
    train = task.read(config).train[:40]
    pipeline = task.fit(config, train)
    pipeline.model.eval()
    items = [pipeline.encode_input(pair.src) for pair in train[:4]]
    together = pipeline.predict(items, pipeline.collate(items))
    alone = [pipeline.predict([item], pipeline.collate([item]))[0] for item in items]
    assert [p.output for p in together] == [p.output for p in alone]
    for answer in together:
        assert len({a.output for a in answer.alternatives}) == len(answer.alternatives) <= 2
        assert 0 <= answer.detail["normalized_score"] <= 1
