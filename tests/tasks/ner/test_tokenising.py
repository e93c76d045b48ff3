"""Raw text into tokens with offsets, and tags back into entities."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqkit.tasks.ner.entities import entities_of, marked
from seqkit.tasks.ner.features import MAX_CHARS, case_class, normal_form, shortened
from seqkit.tasks.ner.tokenising import iter_tokens

from seqkit.data.tag_schemes import Span, spans_to_bio

PIECES = st.sampled_from(
    [
        "U.N.",
        "don't",
        " ",
        "1996-08-30",
        "@a",
        "#b",
        "http://x.y/z.",
        "a@b.c",
        "'",
        ".",
        "हिन्दी",
        "\n",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Ada met Bo.", "Ada|met|Bo|."),
        ("The U.N. and U.S.-led talks.", "The|U.N.|and|U.S.-led|talks|."),
        ("On 1996-08-30, 2:30 or 1,000.50%.", "On|1996-08-30|,|2:30|or|1,000.50|%|."),
        ("I don't; it's O'Neil's.", "I|do|n't|;|it|'s|O'Neil|'s|."),
        ("I DON’T, IT’S", "I|DO|N’T|,|IT|’S"),
        ("well-known AT&T (S&P)", "well-known|AT&T|(|S&P|)"),
        ("Mr. J. R. Smith of Acme Inc. left.", "Mr.|J.|R.|Smith|of|Acme|Inc.|left|."),
        ("@ada #tag see https://x.org/a?b=1.", "@ada|#tag|see|https://x.org/a?b=1|."),
        ("Wait... what -- ada@x.org!", "Wait|...|what|--|ada@x.org|!"),
        ("हिन्दी भाषा।", "हिन्दी|भाषा|।"),
        ("", ""),
        (" \n\t", ""),
    ],
)
def test_text_is_cut_as_the_usual_data_is(text: str, tokens: str) -> None:
    assert "|".join(text[start:end] for start, end in iter_tokens(text)) == tokens


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_tokens_cover_every_character_but_blanks_once_and_in_order(text: str) -> None:
    last = 0
    for start, end in iter_tokens(text):
        assert last <= start < end and not text[last:start].strip()
        assert not any(c.isspace() for c in text[start:end])
        last = end
    assert not text[last:].strip()


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.data())
def test_entities_are_slices_of_the_text_in_order(text: str, data: st.DataObject) -> None:
    offsets = list(iter_tokens(text))
    cuts = data.draw(st.sets(st.integers(0, len(offsets))).map(sorted))
    spans = [Span(a, b, "X") for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    found = entities_of(text, offsets, spans_to_bio(spans, len(offsets)), [0.5] * len(offsets))
    assert len(found) == len(spans)
    last = 0
    for entity, span in zip(found, spans, strict=True):
        assert last <= entity["start"] < entity["end"]
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert (entity["start"], entity["end"]) == (
            offsets[span.start][0],
            offsets[span.end - 1][1],
        )
        last = entity["end"]


def test_an_entity_is_as_sure_as_its_least_sure_tag() -> None:
    (entity,) = entities_of("a b c", [(0, 1), (2, 3), (4, 5)], ["B-X", "I-X", "O"], [0.9, 0.4, 0.1])
    assert entity["confidence"] == 0.4


def test_the_marked_text_is_one_line() -> None:
    text = "Ada\nLovelace  met Bo."
    entities = [{"start": 0, "end": 12, "type": "PER"}, {"start": 18, "end": 20, "type": "PER"}]
    assert marked(text, entities) == "[Ada Lovelace PER] met [Bo PER]."


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_features_exist_for_every_word(word: str) -> None:
    assert case_class(word) in ("lower", "upper", "title", "mixed", "numeric", "digit", "other")
    assert normal_form(word) == normal_form(normal_form(word))
    short = shortened(word)
    assert len(short) == min(len(word), MAX_CHARS)
    assert (short[0], short[-1]) == (word[0], word[-1])
