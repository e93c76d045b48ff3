"""Readers of text that all tasks share: lines, tables, parallel files, label folders. Torch-free.

Every fault of a file is a `DataError` that names the file and, where there is one, the line. Files
are UTF-8, with or without a byte-order mark; a name that ends in `.gz` is unpacked as it is read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import numbers
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

from seqkit.errors import DataError, did_you_mean

StrPath = str | os.PathLike[str]

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
HALF = re.compile("[\ud800-\udfff]")
"""Half a character: a surrogate without the other one."""


def read_lines(path: StrPath) -> list[str]:
    """All lines of a text file, without line ends; `iter_lines` says what is a line or an error."""
    return list(iter_lines(path))


def iter_lines(path: StrPath) -> Iterator[str]:
    r"""The lines of a text file one by one, in memory that does not grow with the file.

    A line ends at `"\n"` and nowhere else: U+2028, U+0085 or a form feed inside a sentence must not
    shift the lines of a parallel corpus against each other. One `"\r"` before the `"\n"` is
    dropped.

    Args:
        path: A UTF-8 file, plain or `.gz`.

    Yields:
        Each line without its line end; empty lines too.

    Raises:
        DataError: when the first line is asked for, if the file is missing, a directory, empty or
            cannot be opened; at a later line, if that is not UTF-8 or the `.gz` is damaged.
    """
    with opened_bytes(path) as file:
        first = file.readline().removeprefix(codecs.BOM_UTF8)
        if not first:
            raise DataError(f"{path}: the file is empty.")
        for number, raw in enumerate(chain([first], file), start=1):
            yield decoded(raw, path, number).removesuffix("\n").removesuffix("\r")


def read_parallel(src_path: StrPath, tgt_path: StrPath) -> tuple[list[tuple[str, str]], int]:
    """Sentence pairs of two files in which line N of one translates line N of the other.

    Returns:
        The (src, tgt) pairs in the files' order, surrounding blanks removed; and the number of
        pairs left out because one side at least is blank.

    Raises:
        DataError: if the numbers of lines differ, if no pair is left, or if a file cannot be read.
    """
    src_lines, tgt_lines = read_lines(src_path), read_lines(tgt_path)
    if len(src_lines) != len(tgt_lines):
        raise DataError(
            f"{src_path} has {len(src_lines)} lines and {tgt_path} has {len(tgt_lines)}; "
            "line N of one must be the translation of line N of the other."
        )
    stripped = [(src.strip(), tgt.strip()) for src, tgt in zip(src_lines, tgt_lines, strict=True)]
    pairs = [(src, tgt) for src, tgt in stripped if src and tgt]
    if not pairs:
        raise DataError(f"{src_path} and {tgt_path}: no line has text in both files.")
    return pairs, len(stripped) - len(pairs)


def read_table(
    path: StrPath,
    columns: Sequence[str],
    *,
    separator: str | None = None,
    has_header: bool = True,
) -> list[dict[str, str]]:
    """The named columns of a table, one dict a row.

    The suffix (before `.gz`) decides: `.csv` is separated by commas; `.tsv` and `.txt` by tabs;
    `.jsonl` and `.ndjson` hold one JSON object a line; `.json` holds that or one list of objects.
    Fields of comma-like files may stand in double quotes and then hold line ends. In files
    separated by tabs a quote is a plain character, because corpora have many that open and never
    close.

    Args:
        path: The file.
        columns: Names to keep, or `"0"`, `"1"`, ... if there is no header. JSON: the keys.
        separator: One character that replaces the suffix's own; a file of any suffix is then a
            separated one.
        has_header: True if the first row names the columns. JSON has no header and ignores it.

    Returns:
        Rows in the file's order, each with exactly the keys `columns`. All values are text: JSON
        numbers and booleans as JSON writes them. Empty fields stay `""`; rows in which every field
        is blank are left out.

    Raises:
        DataError: if a column is missing (with the columns found), a row has too few or too many
            fields, a JSON value is null, a list or an object, the table has no row, or the file
            cannot be read.
    """
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise DataError(f"{path}: the separator must be one character, got {separator!r}.")
    suffix = suffix_of(path)
    if separator is None and suffix in JSON_SUFFIXES:
        rows = _json_table(path, columns)
    elif separator is not None or suffix in SEPARATORS:
        rows = _separated_table(path, columns, separator or SEPARATORS[suffix], has_header)
    else:
        raise DataError(
            f"{path}: cannot tell the table's format from the suffix {suffix!r}. "
            f"Known: {', '.join((*SEPARATORS, *JSON_SUFFIXES))}, each also with .gz."
        )
    if not rows:
        raise DataError(f"{path}: the table has no rows.")
    return rows


def table_from_dataframe(frame: Any, columns: Sequence[str]) -> list[dict[str, str]]:
    """The named columns of a pandas DataFrame, as `read_table` returns those of a file.

    Columns are compared as text, so that the column 0 of a frame without header answers to `"0"`.

    Raises:
        DataError: if a column is missing, a value is missing or neither text nor number, or there
            is no row.
    """
    names = [str(name) for name in frame.columns]
    found = {column: frame.iloc[:, _position(column, names, "DataFrame")] for column in columns}
    if len(frame) == 0:
        raise DataError("DataFrame: the table has no rows.")
    texts = {
        column: [
            _as_text(None if missing else value, column, f"DataFrame: row {row}")
            for row, (value, missing) in enumerate(
                zip(series.tolist(), series.isna().tolist(), strict=True)
            )
        ]
        for column, series in found.items()
    }
    return [{column: texts[column][row] for column in columns} for row in range(len(frame))]


@contextmanager
def opened_bytes(path: StrPath) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked; a fault that the system or gzip finds becomes a `DataError`."""
    try:
        packed = str(path).lower().endswith(".gz")
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            yield cast(IO[bytes], file)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a directory, expected a file.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None


def decoded(raw: bytes, where: StrPath, line: int) -> str:
    """`raw`, which starts at the given line (counted from 1) of the file `where`, as text."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        byte = raw[error.start]
        raise DataError(f"{where}: line {line}: not UTF-8 (byte 0x{byte:02x}).") from None


def suffix_of(path: StrPath) -> str:
    """The ending of a file's name in lower case, that before `.gz` where it is packed."""
    return Path(str(path).lower().removesuffix(".gz")).suffix


def _separated_table(
    path: StrPath, columns: Sequence[str], separator: str, has_header: bool
) -> list[dict[str, str]]:
    rows = separated_rows(path, separator)
    line, first = next(rows, (1, []))
    names = [name.strip() for name in first] if has_header else [str(i) for i in range(len(first))]
    where = f"{path}: line {line}"
    positions = {column: _position(column, names, where) for column in columns}
    table = []
    body = rows if has_header else chain([(line, first)], rows)
    for number, fields in body:
        if len(fields) != len(names):
            raise DataError(
                f"{path}: line {number}: {len(fields)} fields separated by {separator!r}, "
                f"expected {len(names)} ({', '.join(names)})."
            )
        table.append({column: fields[position] for column, position in positions.items()})
    return table


def separated_rows(path: StrPath, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of each row that is not blank, a header among them."""
    # The line end goes back on: csv needs it to keep the line ends inside quoted fields.
    lines = (line + "\n" for line in iter_lines(path))
    if separator == "\t":
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {line}: not a valid row ({error}).") from None


def _json_table(path: StrPath, columns: Sequence[str]) -> list[dict[str, str]]:
    table = []
    for where, row in json_rows(path):
        for column in columns:
            if column not in row:
                raise DataError(_missing("key", column, list(row), where))
        table.append({column: _as_text(row[column], column, where) for column in columns})
    return table


def json_rows(path: StrPath) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place in the file, object) of each row: a JSON object a line, or one list of objects."""
    items = _json_list(path) if _holds_json_list(path) else _json_lines(path)
    for where, item in items:
        if not isinstance(item, dict):
            raise DataError(f"{where}: expected a JSON object, got {type(item).__name__}.")
        yield where, item


def _holds_json_list(path: StrPath) -> bool:
    first = next((line for line in iter_lines(path) if line.strip()), "")
    return suffix_of(path) == ".json" and first.lstrip().startswith("[")


def _json_list(path: StrPath) -> Iterator[tuple[str, Any]]:
    text = "\n".join(iter_lines(path))
    for number, item in enumerate(_parsed(text, path, 1), start=1):
        yield f"{path}: item {number}", item


def _json_lines(path: StrPath) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(iter_lines(path), start=1):
        if line.strip():
            yield f"{path}: line {number}", _parsed(line, path, number)


def _parsed(text: str, path: StrPath, line: int) -> Any:
    """The JSON value in `text`, which starts at the given line (counted from 1) of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        raise DataError(
            f"{path}: line {line}: not valid JSON ({error.msg}, column {error.colno})."
        ) from None
    except (ValueError, RecursionError) as error:  # too many digits, too many brackets
        raise DataError(f"{path}: line {line}: not valid JSON ({error}).") from None


def _position(column: str, names: Sequence[str], where: str) -> int:
    """Where `column` stands in `names`; once and only once, or it is an error."""
    if column not in names:
        raise DataError(_missing("column", column, names, where))
    if names.count(column) > 1:
        raise DataError(f"{where}: {names.count(column)} columns are named {column!r}.")
    return names.index(column)


def _missing(kind: str, column: str, names: Sequence[str], where: str) -> str:
    found = ", ".join(repr(name) for name in names) or "none"
    return f"{where}: no {kind} {column!r}. Found: {found}." + did_you_mean(column, names)


def _as_text(value: object, column: str, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, numbers.Number)):
        text = str(value)
        if HALF.search(text):
            raise DataError(f"{where}: {column!r} holds half a character (a lone surrogate).")
        return text
    kind = "missing (null)" if value is None else f"a {type(value).__name__}"
    raise DataError(f"{where}: {column!r} is {kind}, expected text or a number.")
