"""Text cut into words and put together again."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqkit.data.tokens import (
    JOINER,
    iter_words,
    join_words,
    split_joined,
    split_words,
    split_words_only,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's fine.", ["It", "'", "s", "fine", "."]),
        ("déjà-vu, 3 fois !", ["déjà", "-", "vu", ",", "3", "fois", "!"]),
        ("!?", ["!", "?"]),
        (" \t\n", []),
        ("你好 world", ["你好", "world"]),
    ],
)
def test_words_and_signs_are_cut_apart(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's fine.", ["It's", "fine"]),
        ("rock 'n' roll", ["rock", "n", "roll"]),
        ("l’été", ["l’été"]),
        ("...", []),
    ],
)
def test_words_only_keeps_apostrophes_inside(text: str, words: list[str]) -> None:
    assert split_words_only(text) == words


@given(st.text())
def test_spans_are_the_words_in_order_and_leave_only_spaces_out(text: str) -> None:
    spans = list(iter_words(text))
    assert [text[start:end] for start, end in spans] == split_words(text)
    assert "".join(split_words(text)) == "".join(text.split())


@given(st.text())
@example(JOINER)
@example(f"a {JOINER}b")
def test_joining_gives_the_text_back_but_for_runs_of_spaces(text: str) -> None:
    joined = join_words(split_joined(text))
    assert joined == " ".join(text.replace(JOINER, "\u25a0").split())
    assert split_joined(joined) == split_joined(text)


def test_only_what_touched_the_one_before_is_marked() -> None:
    assert split_joined("L'eau !") == ["L", f"{JOINER}'", f"{JOINER}eau", "!"]


def test_joining_copes_with_any_order_of_tokens() -> None:
    assert join_words([f"{JOINER}a", "b", f"{JOINER}c"]) == "a bc"
    assert join_words([]) == ""
