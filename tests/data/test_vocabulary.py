"""Tokens and their ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.vocabulary import SPECIALS, Vocabulary
from seqkit.errors import RunError

SENTENCES = [["b", "a", "b"], ["c", "a", "b"], ["d"]]


def test_the_specials_have_the_first_ids() -> None:
    vocabulary = Vocabulary.build(SENTENCES)
    ids = (vocabulary.pad_idx, vocabulary.unk_idx, vocabulary.bos_idx, vocabulary.eos_idx)
    assert ids == (0, 1, 2, 3)
    assert tuple(vocabulary.tokens[:4]) == SPECIALS


def test_the_most_frequent_come_first_and_ties_by_the_alphabet() -> None:
    assert Vocabulary.build(SENTENCES).tokens[4:] == ["b", "a", "c", "d"]


def test_rare_tokens_are_left_out() -> None:
    assert Vocabulary.build(SENTENCES, min_count=2).tokens[4:] == ["b", "a"]


@pytest.mark.parametrize(("max_size", "kept"), [(0, 4), (1, 0), (3, 0), (4, 0), (5, 1), (99, 4)])
def test_the_largest_size_counts_the_specials(max_size: int, kept: int) -> None:
    assert len(Vocabulary.build(SENTENCES, max_size=max_size)) == 4 + kept


def test_a_special_in_the_text_gets_no_second_id() -> None:
    vocabulary = Vocabulary.build([["<pad>", "<unk>", "x"]])
    assert vocabulary.tokens == [*SPECIALS, "x"]


@given(st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=5), max_size=5))
def test_known_tokens_come_back_and_unknown_ones_are_unk(sentences: list[list[str]]) -> None:
    vocabulary = Vocabulary.build(sentences)
    for sentence in sentences:
        assert vocabulary.words(vocabulary.ids(sentence)) == sentence
    assert vocabulary.ids(["a token that is in no sentence"]) == [vocabulary.unk_idx]
    assert all(vocabulary.tokens[i] == token for token, i in vocabulary.ordinary().items())
    assert len(vocabulary.ordinary()) == len(vocabulary) - len(SPECIALS)


def test_membership_is_of_known_tokens() -> None:
    vocabulary = Vocabulary(["x"])
    assert "x" in vocabulary and "<pad>" in vocabulary and "y" not in vocabulary


def test_a_saved_vocabulary_comes_back(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["é", "\u2028", '"', "\n"])
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json").tokens == vocabulary.tokens


@pytest.mark.parametrize("content", ['{"a": 1}', '["a", 1]', "nothing", "", "3"])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "v.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=r"v\.json: not a"):
        Vocabulary.load(tmp_path / "v.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"v\.json: not a readable vocabulary"):
        Vocabulary.load(tmp_path / "v.json")
