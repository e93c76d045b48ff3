"""Text to ids and back, in every unit, and through a run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.codecs import UNITS, Codec, PieceCodec, VocabularyCodec, build_codec, load_codec
from seqkit.data.vocabulary import Vocabulary
from seqkit.errors import DataError, RunError, UnknownNameError

TEXTS = [
    "The boats aren't late today.",
    "Nobody said the boats were late!",
    "We waited, and waited; the tide was out.",
    "Today the tide is in, and the boats are out.",
]
every_unit = pytest.mark.parametrize("units", UNITS)


def built(units: str, *, vocab_size: int = 0, lowercase: bool = False) -> Codec:
    size = vocab_size or (60 if units in ("bpe", "unigram") else 0)
    return build_codec(units, TEXTS, vocab_size=size, lowercase=lowercase, joined=True)


@pytest.mark.parametrize("units", ["word", "char", "bpe", "unigram"])
def test_decoding_gives_the_text_back(units: str) -> None:
    codec = built(units)
    for text in TEXTS:
        assert codec.decode(codec.encode(text)) == text


@every_unit
def test_ids_stand_for_the_tokens_and_stay_in_range(units: str) -> None:
    codec = built(units)
    for text in TEXTS:
        ids = codec.encode(text)
        assert len(ids) == len(codec.tokens(text)) > 0
        assert all(4 <= index < len(codec) for index in ids)  # nothing unknown, no special


@every_unit
def test_what_training_never_saw_is_unknown(units: str) -> None:
    ids = built(units).encode("中文")
    assert Vocabulary.unk_idx in ids


@every_unit
def test_an_empty_text_has_no_ids_and_no_ids_are_an_empty_text(units: str) -> None:
    codec = built(units)
    assert codec.encode("") == [] and codec.decode([]) == ""


@every_unit
def test_lowercase_drops_case_in_training_and_in_use(units: str) -> None:
    codec = built(units, lowercase=True)
    assert codec.encode("THE BOATS") == codec.encode("the boats")
    assert Vocabulary.unk_idx not in codec.encode("THE BOATS")
    assert codec.decode(codec.encode("The boats")) == "the boats"


@every_unit
def test_a_saved_codec_comes_back_the_same(units: str, tmp_path: Path) -> None:
    codec = built(units, lowercase=True)
    codec.save(tmp_path, "text")
    again = load_codec(tmp_path, "text")
    assert type(again) is type(codec) and len(again) == len(codec)
    for text in [*TEXTS, "A boat: unseen 中文"]:
        assert again.encode(text) == codec.encode(text)
        assert again.decode(again.encode(text)) == codec.decode(codec.encode(text))


def test_plain_words_are_joined_by_spaces() -> None:
    codec = build_codec("word", TEXTS, vocab_size=0)
    assert codec.decode(codec.encode(TEXTS[0])) == "The boats aren ' t late today ."


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_codec_of_characters_loses_nothing_it_has_seen(text: str) -> None:
    codec = build_codec("char", [text], vocab_size=0)
    assert codec.decode(codec.encode(text)) == text


@given(st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_any_text_has_ids_and_every_id_has_a_text(text: str) -> None:
    for codec in CODECS:
        ids = codec.encode(text)
        assert all(0 <= index < len(codec) for index in ids)
        assert isinstance(codec.decode(ids), str)
        assert len(codec.tokens(text)) == len(ids)


CODECS = [built(units) for units in UNITS]


@pytest.mark.parametrize("vocab_size", [5, 9])
def test_a_vocabulary_keeps_to_its_size(vocab_size: int) -> None:
    codec = built("word", vocab_size=vocab_size)
    assert len(codec) == vocab_size
    assert "the" in codec.tokens("the") and 1 not in codec.encode("the")


def test_rare_units_are_left_out() -> None:
    codec = build_codec("word_only", TEXTS, vocab_size=0, min_count=3, lowercase=True)
    assert isinstance(codec, VocabularyCodec)
    assert set(codec.vocabulary.ordinary()) == {"the", "boats"}


@pytest.mark.parametrize("units", ["bpe", "unigram"])
def test_pieces_use_the_ids_of_the_vocabulary_for_the_specials(units: str) -> None:
    codec = built(units)
    assert isinstance(codec, PieceCodec)
    pieces = codec._pieces
    specials = (pieces.pad_id(), pieces.unk_id(), pieces.bos_id(), pieces.eos_id())
    assert specials == (0, 1, 2, 3)


def test_bpe_dropout_cuts_in_other_ways_that_its_seed_decides() -> None:
    codec = built("bpe")
    assert isinstance(codec, PieceCodec)
    plain = [codec.encode(text) for text in TEXTS]
    assert codec.encode_with_dropout(TEXTS, 0.0, seed=1) == plain
    drawn = codec.encode_with_dropout(TEXTS, 0.3, seed=1)
    assert sum(map(len, drawn)) > sum(map(len, plain))
    assert [codec.decode(ids) for ids in drawn] == [codec.decode(ids) for ids in plain]
    assert codec.encode_with_dropout(TEXTS, 0.3, seed=1) == drawn
    assert codec.encode_with_dropout(TEXTS, 0.3, seed=2) != drawn


@pytest.mark.parametrize("units", ["bpe", "unigram"])
def test_more_pieces_than_the_text_can_fill_are_not_an_error(units: str) -> None:
    codec = build_codec(units, TEXTS, vocab_size=0)
    assert codec.decode(codec.encode(TEXTS[0])) == TEXTS[0]


@pytest.mark.parametrize("units", ["bpe", "unigram"])
def test_text_that_pieces_cannot_be_learned_from_is_a_data_error(units: str) -> None:
    with pytest.raises(DataError, match="No text to learn sentencepiece units from"):
        build_codec(units, ["", "  "], vocab_size=100)
    with pytest.raises(DataError, match=f"sentencepiece cannot learn 5 {units} units"):
        build_codec(units, TEXTS, vocab_size=5)


def test_unknown_units_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown units 'words'.*Did you mean 'word'"):
        build_codec("words", TEXTS, vocab_size=0)


@pytest.mark.parametrize(
    "meta", ["", "[]", "3", "{}", '{"units": "word"}', '{"units": "runes", "lowercase": true}']
)
def test_a_damaged_codec_is_named(meta: str, tmp_path: Path) -> None:
    built("word").save(tmp_path, "text")
    (tmp_path / "text.units.json").write_text(meta, encoding="utf-8")
    with pytest.raises(RunError, match="text: not a readable tokeniser"):
        load_codec(tmp_path, "text")


@pytest.mark.parametrize("model", [b"", b"no model at all"])
def test_a_damaged_model_of_pieces_is_named(model: bytes, tmp_path: Path) -> None:
    built("bpe").save(tmp_path, "text")
    (tmp_path / "text.model").write_bytes(model)
    with pytest.raises(RunError, match="text: not a readable tokeniser"):
        load_codec(tmp_path, "text")


@pytest.mark.parametrize("missing", ["text.units.json", "text.json"])
def test_a_missing_part_is_named(missing: str, tmp_path: Path) -> None:
    built("word").save(tmp_path, "text")
    (tmp_path / missing).unlink()
    with pytest.raises(RunError, match="not a readable"):
        load_codec(tmp_path, "text")


def test_the_folder_holds_plain_json(tmp_path: Path) -> None:
    built("word").save(tmp_path, "text")
    meta = json.loads((tmp_path / "text.units.json").read_text(encoding="utf-8"))
    assert meta == {"units": "joined", "lowercase": False}
