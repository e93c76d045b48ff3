"""Strict entity scores by hand, and against seqeval (whose import is slow, so it stays in here)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import DataError
from seqkit.metrics import entity_scores

tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"])
tagged_pairs = st.lists(
    st.lists(st.tuples(tags, tags), min_size=1, max_size=7), min_size=1, max_size=6
)


@given(corpus=tagged_pairs)
@settings(max_examples=150, deadline=None)
def test_scores_equal_seqeval_s_strict_iob2_on_any_tags(
    corpus: list[list[tuple[str, str]]],
) -> None:
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2, Entities

    gold = [[pair[0] for pair in sentence] for sentence in corpus]
    predicted = [[pair[1] for pair in sentence] for sentence in corpus]
    types = sorted(Entities(gold, IOB2).unique_tags | Entities(predicted, IOB2).unique_tags)
    options = {"scheme": IOB2, "zero_division": 0}
    micro = precision_recall_fscore_support(gold, predicted, average="micro", **options)
    each = precision_recall_fscore_support(gold, predicted, average=None, **options)

    scores = entity_scores(gold, predicted)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(tuple(micro[:3]))
    assert scores.support == micro[3]
    assert list(scores.per_type) == types
    for label, precision, recall, f1, support in zip(types, *each, strict=True):
        found = scores.per_type[label]
        assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))
        assert found.support == support


def test_an_entity_with_a_wrong_end_or_type_is_no_hit() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]]
    predicted = [["B-PER", "O", "O", "B-ORG", "B-LOC"]]
    scores = entity_scores(gold, predicted)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert scores.support == 3
    assert list(scores.per_type) == ["LOC", "ORG", "PER"]
    location = scores.per_type["LOC"]
    assert (location.precision, location.recall, location.support) == (1.0, 0.5, 2)
    assert scores.per_type["ORG"].support == 0


def test_a_predicted_i_without_its_b_is_no_entity() -> None:
    scores = entity_scores([["B-PER", "I-PER"]], [["I-PER", "I-PER"]])
    assert scores.f1 == 0.0
    assert scores.per_type["PER"].precision == 0.0


def test_the_same_span_in_another_sentence_is_no_hit() -> None:
    scores = entity_scores([["B-PER"], ["O"]], [["O"], ["B-PER"]])
    assert scores.f1 == 0.0


def test_no_entity_anywhere_scores_zero_without_types() -> None:
    scores = entity_scores([["O", "O"]], [["O", "O"]])
    assert (scores.precision, scores.recall, scores.f1, scores.support) == (0.0, 0.0, 0.0, 0)
    assert scores.per_type == {}


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"]], [["O"], ["O"]], "1 sentences of gold tags but 2 sentences of predicted tags"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "Sentence 1 has 2 gold tags but 1 predicted"),
        ([["S-PER"]], [["O"]], "Tag 0 is 'S-PER'; scheme 'bio' allows O, B-LABEL, I-LABEL"),
        ([], [], "No sentences of gold tags"),
    ],
)
def test_faulty_input_is_named(
    gold: list[list[str]], predicted: list[list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        entity_scores(gold, predicted)
