from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.label_folders import read_label_archive, read_label_folders
from seqkit.data.readers import (
    iter_lines,
    read_lines,
    read_parallel,
    read_table,
    table_from_dataframe,
)
from seqkit.errors import DataError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


# Lines


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_end_at_newlines_only(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, "one\u2028still one\ntwo\x85\x0c\x1c\u2029\r\n\nfour\rfour")
    assert read_lines(path) == ["one\u2028still one", "two\x85\x0c\x1c\u2029", "", "four\rfour"]


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1))
def test_lines_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    content = b"\xef\xbb\xbf" + "".join(line + "\n" for line in lines).encode("utf-8")
    assert read_lines(written(tmp_path_factory.mktemp("lines"), "a.txt", content)) == lines


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert read_lines(written(tmp_path, "a.txt", b"\xef\xbb\xbfone\ntwo")) == ["one", "two"]


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "latin.txt", b"un\n\xe9t\xe9\n")
    with pytest.raises(DataError, match=r"latin\.txt: line 2: not UTF-8 \(byte 0xe9\)"):
        read_lines(path)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.txt: the file is empty"):
        read_lines(written(tmp_path, "a.txt", content))


def test_a_missing_file_and_a_directory_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.txt: no such file"):
        read_lines(tmp_path / "nothing.txt")
    with pytest.raises(DataError, match="is a directory"):
        read_lines(tmp_path)


def test_a_damaged_gzip_file_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(bytes(range(97, 123)) * 1000)
    for name, data in {"plain.gz": b"no gzip at all", "cut.gz": whole[:-20]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name}: not a complete gzip file"):
            read_lines(tmp_path / name)


def test_iterating_over_a_large_file_keeps_one_part_of_it_in_memory(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "0123456789\n" * 100_000)
    tracemalloc.start()
    count = sum(1 for _ in iter_lines(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 500_000 < path.stat().st_size


# Parallel files


def test_parallel_files_give_pairs_and_the_number_of_blank_ones(tmp_path: Path) -> None:
    src = written(tmp_path, "a.en", "Yes.\n\nNo.\n \nGo.\n")
    tgt = written(tmp_path, "a.fr.gz", "Oui.\nBon.\nNon.\n\nVa.")
    assert read_parallel(src, tgt) == ([("Yes.", "Oui."), ("No.", "Non."), ("Go.", "Va.")], 2)


def test_parallel_files_of_unequal_length_are_an_error_with_both_numbers(tmp_path: Path) -> None:
    src, tgt = written(tmp_path, "a.en", "a\nb\nc\n"), written(tmp_path, "a.fr", "a\nb\n")
    with pytest.raises(DataError, match=r"a\.en has 3 lines and .*a\.fr has 2"):
        read_parallel(src, tgt)


def test_parallel_files_without_one_pair_are_an_error(tmp_path: Path) -> None:
    src, tgt = written(tmp_path, "a.en", "a\n\n"), written(tmp_path, "a.fr", "\nb\n")
    with pytest.raises(DataError, match="no line has text in both files"):
        read_parallel(src, tgt)


# Tables

ROWS = [{"text": 'He said "no", twice', "label": "1"}, {"text": "fine", "label": "0"}]
CSV = 'id,text,label\n7,"He said ""no"", twice",1\n\n8,fine,0\n'
TSV = 'id\ttext\tlabel\n7\tHe said "no", twice\t1\n8\tfine\t0\n'
JSONL = (
    '{"text": "He said \\"no\\", twice", "label": 1, "id": null}\n{"text": "fine", "label": 0}\n'
)
JSON_LIST = json.dumps(ROWS, indent=2)


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("a.tsv", TSV),
        ("A.TXT", TSV),
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL),
        ("a.json", JSONL),
        ("a.json", JSON_LIST),
    ],
)
def test_every_format_gives_the_same_rows(
    tmp_path: Path, name: str, content: str, packed: str
) -> None:
    assert read_table(written(tmp_path, name + packed, content), ["text", "label"]) == ROWS


def test_a_quoted_field_may_hold_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,label\n"two\nlines",pos\n')
    assert read_table(path, ["text"]) == [{"text": "two\nlines"}]


def test_a_quote_that_never_closes_takes_no_rows_from_a_tab_separated_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"open\t1\nnext\t0\n')
    assert [row["text"] for row in read_table(path, ["text"])] == ['"open', "next"]


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "Go.\tVa !\nHi.\tSalut !\n")
    rows = read_table(path, ["1", "0"], has_header=False)
    assert rows == [{"1": "Va !", "0": "Go."}, {"1": "Salut !", "0": "Hi."}]


def test_a_separator_can_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, "a.dat", "text;label\nyes, please;1\n")
    assert read_table(path, ["text"], separator=";") == [{"text": "yes, please"}]
    with pytest.raises(DataError, match="must be one character, got ';;'"):
        read_table(path, ["text"], separator=";;")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "Text,label\na,1\n", r"line 1: no column 'text'. Found: 'Text', 'label'\. Did"),
        ("a.csv", "text,text\na,1\n", r"line 1: 2 columns are named 'text'"),
        ("a.csv", "text,label\na,1\nb, c,1\n", r"line 3: 3 fields .* expected 2 \(text, label\)"),
        ("a.csv", 'text,label\na,1\n"b\nb",1\nc\n', r"line 5: 1 fields"),
        ("a.csv", 'text,label\na,1\n"b,1\nc,1\n', r"line 3: not a valid row"),
        ("a.csv", "text,label\n", r"a\.csv: the table has no rows"),
        ("a.csv", "\n\n", r"no column 'text'. Found: none"),
        ("a.xls", "text\na\n", r"cannot tell the table's format from the suffix '\.xls'"),
        ("a.jsonl", '{"text": "a"}\n{"texts": "b"}\n', r"line 2: no key 'text'. Found: 'texts'"),
        ("a.jsonl", '{"text": "a"}\n\n{"text": }\n', r"line 3: not valid JSON \(.*, column 10\)"),
        ("a.jsonl", '{"text": null}\n', r"line 1: 'text' is missing \(null\)"),
        ("a.jsonl", '{"text": ["a"]}\n', r"line 1: 'text' is a list"),
        ("a.jsonl", '{"text": "\\ud800"}\n', r"line 1: 'text' holds half a character"),
        ("a.jsonl", '["text"]\n', r"line 1: expected a JSON object, got list"),
        ("a.jsonl", "\n", r"a\.jsonl: the table has no rows"),
        ("a.json", '[{"text": "a"}, 3]', r"item 2: expected a JSON object, got int"),
        ("a.json", '\n[{"text": "a"},\n}]', r"a\.json: line 3: not valid JSON"),
        ("a.json", "[]", r"a\.json: the table has no rows"),
    ],
)
def test_a_faulty_table_is_named_with_its_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, name, content), ["text"])


def test_json_numbers_and_booleans_become_text(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"a": 1, "b": 0.5, "c": true, "d": false}\n')
    rows = read_table(path, ["a", "b", "c", "d"])
    assert rows == [{"a": "1", "b": "0.5", "c": "true", "d": "false"}]


# DataFrames


def test_a_dataframe_gives_the_rows_of_the_file_it_was_read_from(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = written(tmp_path, "a.csv", CSV)
    assert table_from_dataframe(pandas.read_csv(path), ["text", "label"]) == ROWS
    unnamed = pandas.DataFrame([["Go.", True], ["Hi.", False]])
    assert table_from_dataframe(unnamed, ["1"]) == [{"1": "true"}, {"1": "false"}]


def test_a_faulty_dataframe_is_an_error() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", None], "label": [1.0, float("nan")]})
    with pytest.raises(DataError, match=r"no column 'texts'. Found: 'text', 'label'. Did you mean"):
        table_from_dataframe(frame, ["texts"])
    for column in frame.columns:
        with pytest.raises(DataError, match=f"row 1: '{column}' is missing"):
            table_from_dataframe(frame, [column])
    with pytest.raises(DataError, match="no rows"):
        table_from_dataframe(frame[:0], ["text"])


# Label folders

FILES = {
    "pos/1_9.txt": "Lovely.\n",
    "pos/0_8.txt": "\ufeffGood.",
    "pos/notes.md": "not a text",
    "pos/._1_9.txt": "hidden twin",
    "neg/0_2.txt": "Bad.\nReally.",
    "unsup/0_0.txt": "Unknown.",
    "urls_pos.txt": "http://film/a",
}
TEXTS = [("Bad.\nReally.", "neg", ""), ("Good.", "pos", "http://film/a"), ("Lovely.", "pos", "")]


def packed(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, text in files.items():
            data = text.encode("utf-8")
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_folders_and_archives_give_the_same_labelled_texts(tmp_path: Path) -> None:
    for name, text in FILES.items():
        written(tmp_path / "train", name, text)
    assert read_label_folders(tmp_path / "train") == TEXTS
    files = {f"./set/train/{name}": text for name, text in FILES.items()}
    files["./set/test/pos/1_9.txt"] = "Other."
    for archive in ("a.tar.gz", "a.tar"):
        path = packed(tmp_path / archive, files)
        wanted = {"train": TEXTS, "test": [("Other.", "pos", "")]}
        assert read_label_archive(path, "train", "test") == wanted
        assert read_label_archive(path, "train") == {"train": TEXTS}


def test_an_unknown_split_is_an_error_with_those_there_are(tmp_path: Path) -> None:
    files = {"set/train/pos/1.txt": "a", "set/test/pos/1.txt": "b", "set/test/urls_pos.txt": "c"}
    path = packed(tmp_path / "a.tar.gz", files)
    with pytest.raises(DataError, match=r"no split 'trian' .* Found: test, train. Did you .*train"):
        read_label_archive(path, "trian")


def test_faulty_label_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_label_folders(tmp_path / "nothing")
    with pytest.raises(DataError, match="no label folder"):
        read_label_folders(tmp_path)
    written(tmp_path, "pos/1.txt", b"fine\nna\xefve")
    with pytest.raises(DataError, match=r"1\.txt: line 2: not UTF-8 \(byte 0xef\)"):
        read_label_folders(tmp_path)
    written(tmp_path, "pos/1.txt", " \n")
    with pytest.raises(DataError, match=r"1\.txt: the file is empty"):
        read_label_folders(tmp_path)


def test_faulty_archives_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_label_archive(tmp_path / "nothing.tar.gz", "train")
    plain = written(tmp_path, "plain.tar", "no archive at all" * 100)
    with pytest.raises(DataError, match=r"plain\.tar: not a complete tar archive"):
        read_label_archive(plain, "train")
    noise = "".join(chr(33 + i * i % 89) for i in range(100_000))
    whole = packed(tmp_path / "whole.tar.gz", {"train/pos/1.txt": noise}).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.tar\.gz: not a complete tar archive"):
        read_label_archive(tmp_path / "cut.tar.gz", "train")


@pytest.mark.skipif("SEQKIT_DATA" not in os.environ, reason="SEQKIT_DATA names no data folder")
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_large_movie_review_archive_gives_25000_balanced_reviews(split: str) -> None:
    path = Path(os.environ["SEQKIT_DATA"]) / "imdb" / "aclImdb.tar.gz"
    texts = read_label_archive(path, split)[split]
    assert [text.label for text in texts] == ["neg"] * 12_500 + ["pos"] * 12_500
    assert all(text.topic.startswith("http") for text in texts)
