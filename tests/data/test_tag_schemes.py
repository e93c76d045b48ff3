"""Tag schemes: every set of entities survives every scheme, and what breaks one is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.tag_schemes import (
    PREFIXES,
    Span,
    bio_spans,
    check_tags,
    detect_scheme,
    from_bio,
    spans_to_bio,
    to_bio,
)
from seqkit.errors import DataError, UnknownNameError

# The table in the module's docstring.
SAME_ENTITIES = {
    "iob1": ["I-PER", "I-PER", "O", "I-ORG", "B-ORG"],
    "bio": ["B-PER", "I-PER", "O", "B-ORG", "B-ORG"],
    "bioes": ["B-PER", "E-PER", "O", "S-ORG", "S-ORG"],
}


@st.composite
def sentences_with_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Entities of 1 to 3 tokens, with 0 to 2 tokens between them, and the sentence's length."""
    spans = []
    length = 0
    for _ in range(draw(st.integers(0, 4))):
        start = length + draw(st.integers(0, 2))
        length = start + draw(st.integers(1, 3))
        spans.append(Span(start, length, draw(st.sampled_from(["PER", "LOC", "half-open"]))))
    return spans, length + draw(st.integers(0, 2))


@given(sentence=sentences_with_spans())
@settings(max_examples=80, deadline=None)
def test_spans_to_tags_and_back_gives_the_same_spans(sentence: tuple[list[Span], int]) -> None:
    spans, length = sentence
    tags = spans_to_bio(reversed(spans), length)
    assert len(tags) == length
    check_tags(tags, "bio")
    assert bio_spans(tags) == spans


@pytest.mark.parametrize("scheme", PREFIXES)
@given(sentence=sentences_with_spans())
@settings(max_examples=80, deadline=None)
def test_bio_to_any_scheme_and_back_gives_the_same_tags(
    scheme: str, sentence: tuple[list[Span], int]
) -> None:
    bio = spans_to_bio(*sentence)
    tags = from_bio(bio, scheme)
    check_tags(tags, scheme)
    assert to_bio(tags, scheme) == bio


@pytest.mark.parametrize("scheme", PREFIXES)
@given(corpus=st.lists(sentences_with_spans(), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_scheme_that_wrote_a_corpus_is_detected_if_it_has_an_entity(
    scheme: str, corpus: list[tuple[list[Span], int]]
) -> None:
    sentences = [from_bio(spans_to_bio(*sentence), scheme) for sentence in corpus]
    has_entity = any(spans for spans, _ in corpus)
    assert detect_scheme(sentences) == (scheme if has_entity else "bio")


@given(tags=st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "I-B", "E-B"]), max_size=5))
@settings(max_examples=200, deadline=None)
def test_whatever_passes_the_check_comes_back_unchanged_through_bio(tags: list[str]) -> None:
    for scheme in PREFIXES:
        try:
            check_tags(tags, scheme)
        except DataError:
            with pytest.raises(DataError):
                to_bio(tags, scheme)
        else:
            assert from_bio(to_bio(tags, scheme), scheme) == tags


@pytest.mark.parametrize("scheme", PREFIXES)
def test_one_sentence_in_each_scheme_is_what_the_docstring_shows(scheme: str) -> None:
    assert to_bio(SAME_ENTITIES[scheme], scheme) == SAME_ENTITIES["bio"]
    assert from_bio(SAME_ENTITIES["bio"], scheme) == SAME_ENTITIES[scheme]


def test_neighbours_of_different_types_need_no_b_in_iob1() -> None:
    assert from_bio(["B-PER", "B-LOC"], "iob1") == ["I-PER", "I-LOC"]
    assert to_bio(["I-PER", "I-LOC"], "iob1") == ["B-PER", "B-LOC"]


def test_spans_are_read_strictly_so_a_stray_i_makes_none() -> None:
    assert bio_spans(["I-PER", "O", "B-LOC", "I-PER", "I-LOC"]) == [Span(2, 3, "LOC")]


def test_a_label_may_hold_a_hyphen() -> None:
    assert bio_spans(["B-creative-work", "I-creative-work"]) == [Span(0, 2, "creative-work")]


def test_an_empty_sentence_is_well_formed() -> None:
    assert to_bio([], "bioes") == []
    assert bio_spans([]) == []


@pytest.mark.parametrize(
    ("tags", "scheme", "message"),
    [
        (["O", "I-PER"], "bio", "Tag 1 'I-PER' cannot follow 'O' in scheme 'bio'"),
        (["I-PER"], "bio", "Tag 0 'I-PER' cannot follow the start of the sentence"),
        (["B-PER", "I-LOC"], "bio", "Tag 1 'I-LOC' cannot follow 'B-PER'"),
        (["O", "B-PER"], "iob1", "Tag 1 'B-PER' cannot follow 'O' in scheme 'iob1'"),
        (["I-LOC", "B-PER"], "iob1", "Tag 1 'B-PER' cannot follow 'I-LOC'"),
        (["B-PER", "O"], "bioes", "Tag 1 'O' cannot follow 'B-PER' in scheme 'bioes'"),
        (["S-PER", "E-PER"], "bioes", "Tag 1 'E-PER' cannot follow 'S-PER'"),
        (["O", "B-PER", "I-PER"], "bioes", "Tag 2 'I-PER' cannot be the last of a sentence"),
        (["O", "PER"], "bio", "Tag 1 is 'PER'; scheme 'bio' allows O, B-LABEL, I-LABEL"),
        (["B-"], "bio", "Tag 0 is 'B-'"),
        (["S-PER"], "iob1", "Tag 0 is 'S-PER'; scheme 'iob1' allows O, B-LABEL, I-LABEL"),
        (["L-PER"], "bioes", "allows O, B-LABEL, I-LABEL, E-LABEL, S-LABEL"),
    ],
)
def test_the_first_tag_that_breaks_a_scheme_is_named(
    tags: list[str], scheme: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        check_tags(tags, scheme)


def test_tags_of_no_scheme_are_refused_with_the_fault_under_each() -> None:
    with pytest.raises(DataError) as refusal:
        detect_scheme([["O"], ["B-PER", "O", "I-PER"]])
    message = str(refusal.value)
    assert "bio: sentence 1: Tag 2 'I-PER' cannot follow 'O'" in message
    assert "iob1: sentence 1: Tag 0 'B-PER' cannot follow the start" in message
    assert "bioes: sentence 1: Tag 1 'O' cannot follow 'B-PER'" in message


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 4, "PER")], "does not fit a sentence of 3 tokens"),
        ([Span(1, 1, "PER")], "does not fit"),
        ([Span(-1, 1, "PER")], "does not fit"),
        ([Span(0, 1, "")], "a label"),
        ([Span(0, 2, "PER"), Span(1, 3, "LOC")], "overlaps another span"),
    ],
)
def test_spans_that_cannot_be_tags_are_named(spans: list[Span], message: str) -> None:
    with pytest.raises(DataError, match=message):
        spans_to_bio(spans, 3)


@pytest.mark.parametrize("convert", [to_bio, from_bio, check_tags])
def test_an_unknown_scheme_is_answered_with_the_known_ones(convert) -> None:
    with pytest.raises(UnknownNameError, match=r"'bioe'\. Known: bio, bioes, iob1\. Did you mean"):
        convert([], "bioe")
