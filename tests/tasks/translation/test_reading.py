"""Where sentence pairs come from: line-aligned files, tables with and without header, frames."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from seqkit.tasks.translation import TranslationConfig, TranslationTask
from seqkit.tasks.translation.reading import Pair, shared_sentences

from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError
from seqkit.task import Splits

ENGLISH = [f"Cat {i} sleeps." for i in range(10)]
FRENCH = [f"Le chat {i} dort." for i in range(10)]
PAIRS = [Pair(*pair) for pair in zip(ENGLISH, FRENCH, strict=True)]


def read(**data: Any) -> Splits[Pair]:
    values = {key: str(value) if isinstance(value, Path) else value for key, value in data.items()}
    return TranslationTask().read(from_dict(TranslationConfig, {"data": values}))


def write(path: Path, lines: list[str]) -> Path:
    text = "".join(f"{line}\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def write_parallel(folder: Path, name: str, suffix: str = "") -> None:
    write(folder / f"{name}.en{suffix}", ENGLISH)
    write(folder / f"{name}.fr{suffix}", FRENCH)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_line_aligned_files_is_read_by_language(tmp_path: Path, suffix: str) -> None:
    for name in ("train", "val", "test_2016_flickr"):
        write_parallel(tmp_path, name, suffix)
    splits = read(path=tmp_path)
    assert splits.train == splits.dev == splits.test == PAIRS
    back = read(path=tmp_path, src_lang="fr", tgt_lang="en")
    assert back.test[0] == Pair(FRENCH[0], ENGLISH[0])


@pytest.mark.parametrize("name", ["corpus", "corpus.en", "corpus.fr"])
@pytest.mark.parametrize("setting", ["path", "train"])
def test_files_are_named_by_what_they_share_or_by_one_of_them(
    tmp_path: Path, name: str, setting: str
) -> None:
    write_parallel(tmp_path, "corpus")
    splits = read(**{setting: tmp_path / name, "dev_fraction": 0.2})
    assert len(splits.train) == 8 and len(splits.dev) == 2
    assert sorted([*splits.train, *splits.dev], key=lambda p: p.src) == PAIRS


def test_files_of_unequal_length_are_an_error_with_both_lengths(tmp_path: Path) -> None:
    write(tmp_path / "train.en", ENGLISH)
    write(tmp_path / "train.fr", FRENCH[:-1])
    with pytest.raises(DataError, match=r"train\.en has 10 lines and .*train\.fr has 9"):
        read(path=tmp_path)


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.en", ENGLISH)
    with pytest.raises(DataError, match=r"no file .*train\.fr, nor one with \.gz"):
        read(path=tmp_path)


def test_a_name_that_is_no_file_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*nowhere\.en"):
        read(path=tmp_path / "nowhere")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot tell its format.*\.en or \.fr"):
        read(path=write(tmp_path / "train.de", ENGLISH))


def as_table(separator: str) -> list[str]:
    return [separator.join(pair) for pair in zip(ENGLISH, FRENCH, strict=True)]


def as_json() -> list[str]:
    return [f'{{"en": "{en}", "fr": "{fr}"}}' for en, fr in zip(ENGLISH, FRENCH, strict=True)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("train.tsv", lambda: ["en\tfr", *as_table("\t")]),
        (
            "train.csv",
            lambda: ["fr,en", *(f"{fr},{en}" for en, fr in zip(ENGLISH, FRENCH, strict=True))],
        ),
        ("train.csv.gz", lambda: ['"en","fr"', *as_table(",")]),
        ("train.jsonl", as_json),
        ("train.txt", lambda: as_table("\t")),
    ],
)
def test_tables_name_their_columns_by_language(
    tmp_path: Path, name: str, lines: Callable[[], list[str]]
) -> None:
    splits = read(train=write(tmp_path / name, lines()), dev=tmp_path / name)
    assert splits.train == PAIRS


def test_columns_may_have_other_names_or_numbers(tmp_path: Path) -> None:
    named = write(
        tmp_path / "named.tsv", ["id\tsource\ttarget", *(f"1\t{r}" for r in as_table("\t"))]
    )
    assert read(test=named, src_column="source", tgt_column="target").test == PAIRS
    bare = write(tmp_path / "bare.tsv", as_table("\t"))
    swapped = read(test=bare, src_column="1", tgt_column="0", src_lang="fr", tgt_lang="en")
    assert swapped.test[0] == Pair(FRENCH[0], ENGLISH[0])


def test_a_table_without_header_is_noted(tmp_path: Path) -> None:
    splits = read(test=write(tmp_path / "fra.txt", as_table("\t")))
    assert "read without header" in splits.notes[0]


def test_a_missing_column_is_an_error_with_those_found(tmp_path: Path) -> None:
    table = write(tmp_path / "train.tsv", ["en\tde", *as_table("\t")])
    with pytest.raises(DataError, match=r"no column 'fr'. Found: 'en', 'de'"):
        read(path=table)


def test_blank_sides_are_left_out_and_counted(tmp_path: Path) -> None:
    table = write(tmp_path / "t.tsv", ["en\tfr", *as_table("\t"), "Alone.\t "])
    splits = read(test=table)
    assert splits.test == PAIRS and "1 pairs left out" in splits.notes[0]
    with pytest.raises(DataError, match="no row has text in both columns"):
        read(test=write(tmp_path / "blank.tsv", ["en\tfr", "Alone.\t "]))


def test_long_training_pairs_are_left_out_but_test_pairs_stay(tmp_path: Path) -> None:
    table = write(tmp_path / "t.tsv", ["en\tfr", *as_table("\t"), "One two three four five.\tUn."])
    splits = read(train=table, dev=table, test=table, max_tokens=5)
    assert splits.train == PAIRS and len(splits.dev) == len(splits.test) == 11
    assert "1 of 11 training pairs are longer than `data.max_tokens` (5)" in splits.notes[0]
    with pytest.raises(DataError, match="every training pair is longer"):
        read(train=table, dev=table, max_tokens=1)


def test_no_sentence_of_either_language_is_in_two_splits(tmp_path: Path) -> None:
    rows = [f"English {i // 3}.\tFrench {i // 2}." for i in range(0, 300, 2)]
    rows += [f"Other {i}.\tAutre {i // 4}." for i in range(100)]
    splits = read(path=write(tmp_path / "t.txt", rows), dev_fraction=0.1, test_fraction=0.2)
    parts = [splits.train, splits.dev, splits.test]
    assert sum(len(part) for part in parts) == len(rows)
    assert 50 <= len(splits.test) <= 60 and 19 <= len(splits.dev) <= 26
    for side in ("src", "tgt"):
        texts = [{getattr(pair, side) for pair in part} for part in parts]
        assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])


def test_pairs_that_all_hang_together_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="so none can be set apart"):
        read(path=write(tmp_path / "t.txt", [f"Hi.\tSalut {i}." for i in range(5)]))


def test_groups_join_through_other_pairs() -> None:
    pairs = [Pair("a", "x"), Pair("b", "y"), Pair("c", "z"), Pair("b", "x"), Pair("x", "a")]
    assert shared_sentences(pairs) == [0, 0, 2, 0, 4]


def test_a_frame_is_read_by_its_columns() -> None:
    pandas = pytest.importorskip("pandas")
    task, config = TranslationTask(), TranslationConfig()
    frame = pandas.DataFrame({"en": ENGLISH, "fr": FRENCH})
    splits = task.read_frame(config, frame)
    assert sorted([*splits.train, *splits.dev], key=lambda p: p.src) == PAIRS
    assert task.input_column(config) == "en"


def test_without_data_there_is_the_sample() -> None:
    splits = read()
    assert splits.source == "built-in sample" and splits.train and splits.dev and splits.test


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("data", {"tgt_lang": "en"}, "`data.tgt_lang` must not be `data.src_lang`"),
        ("data", {"src_column": "0"}, "must be two names or two numbers"),
        ("data", {"test_fraction": 0.95}, "must leave something to train on"),
        ("data", {"joint": False}, "`model.tie` three_way .* needs `data.joint` to be true"),
        ("data", {"units": "words"}, r"`data.units` must be one of .* Did you mean 'word'"),
        (
            "model",
            {"label_smoothing": 1.0},
            "`model.label_smoothing` must be at least 0 and below 1",
        ),
        (
            "model",
            {"cell": "transformer", "decoder_size": 30},
            "`model.decoder_size` must be a multiple",
        ),
        ("model", {"sampling_end": 2.0}, "`model.sampling_end` must be at least 0 and at most 1"),
        ("decoding", {"beam_size": 0}, "decoding.beam_size must be at least 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    section: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(TranslationConfig, {section: values})


def test_every_recipe_is_a_valid_config() -> None:
    task = TranslationTask()
    assert "multi30k-gru" in task.recipe_names()
    for name in task.recipe_names():
        config = from_dict(TranslationConfig, task.recipe(name))
        assert config.data.path is None


def test_real_line_aligned_and_tabbed_corpora_are_read(real_data: Path) -> None:
    splits = read(path=real_data / "multi30k")
    assert [len(splits.get(name)) for name in ("train", "dev", "test")] == [29000, 1014, 1000]
    tatoeba = read(path=real_data / "tatoeba" / "fra.txt.gz", dev_fraction=0.01)
    train, dev = ({pair.src for pair in part} for part in (tatoeba.train, tatoeba.dev))
    assert len(tatoeba.train) + len(tatoeba.dev) == 167130 and not train & dev
