"""Kinds of entity errors, by hand, and that none is counted twice or forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.tag_schemes import Span, bio_spans
from seqkit.errors import DataError
from seqkit.metrics import entity_scores
from seqkit.metrics.entity_errors import KINDS, entity_errors

TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=6, max_size=6)


@pytest.mark.parametrize(
    ("gold", "found", "kinds"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", []),
        ("B-PER I-PER O", "B-LOC I-LOC O", ["type"]),
        ("B-PER I-PER O", "B-PER O O", ["boundary"]),
        ("B-PER I-PER O", "B-LOC O O", ["type and boundary"]),
        ("B-PER I-PER O", "O O O", ["missed"]),
        ("O O O", "O O B-LOC", ["spurious"]),
        ("B-PER I-PER O", "O O B-PER", ["missed", "spurious"]),
        ("B-PER I-PER I-PER", "B-PER B-PER O", ["boundary", "spurious"]),
    ],
)
def test_each_kind_is_what_a_reader_would_call_it(gold: str, found: str, kinds: list[str]) -> None:
    assert [error.kind for error in entity_errors([gold.split()], [found.split()])] == kinds


def test_the_partner_of_the_right_type_is_preferred() -> None:
    errors = entity_errors([["B-PER", "I-PER", "O"]], [["B-LOC", "B-PER", "O"]])
    assert (errors[0].kind, errors[0].predicted) == ("boundary", Span(1, 2, "PER"))
    assert (errors[1].kind, errors[1].predicted) == ("spurious", Span(0, 1, "LOC"))


def test_an_error_knows_its_sentence() -> None:
    (error,) = entity_errors([["O"], ["B-PER"]], [["O"], ["O"]])
    assert (error.sentence, error.gold, error.predicted) == (1, Span(0, 1, "PER"), None)


@given(pairs=st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=4))
def test_every_entity_that_strict_scores_count_as_wrong_stands_in_one_error(
    pairs: list[tuple[list[str], list[str]]],
) -> None:
    gold, found = ([pair[side] for pair in pairs] for side in (0, 1))
    errors = entity_errors(gold, found)
    right = round(entity_scores(gold, found).recall * sum(len(bio_spans(tags)) for tags in gold))
    assert sum(e.gold is not None for e in errors) == sum(map(len, map(bio_spans, gold))) - right
    assert (
        sum(e.predicted is not None for e in errors) == sum(map(len, map(bio_spans, found))) - right
    )
    assert {error.kind for error in errors} <= set(KINDS)


def test_unequal_numbers_of_sentences_are_an_error() -> None:
    with pytest.raises(DataError, match="1 sentences of gold tags but 2"):
        entity_errors([["O"]], [["O"], ["O"]])
