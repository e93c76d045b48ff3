"""Tagged sentences from CoNLL columns, CSV, JSON lines and DataFrames. Torch-free.

Every reader gives the tags as they stand in the file, with the place of each; `checked` then finds
the scheme out, refuses what breaks it, and converts to BIO.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.readers import JSON_SUFFIXES, iter_lines, json_rows, separated_rows, suffix_of
from seqkit.data.tag_schemes import PREFIXES, TagError, check_tags, to_bio
from seqkit.errors import DataError, did_you_mean

from .config import NerData

DOCUMENT_START = "-DOCSTART-"
BLANKS = re.compile(r"[ \t]+")
"""What separates columns unless said: not every Unicode space, since tweets have such in tokens."""

SENTENCE, TOKEN, TAG = "sentence", "token", "tag"
USUAL_NAMES = {
    SENTENCE: ("sentence", "sentence #", "sentence_id", "sentence id", "sent_id", "id"),
    TOKEN: ("token", "tokens", "word", "words"),
    TAG: ("tag", "tags", "ner_tag", "ner_tags", "ner", "label", "labels"),
}
"""Names that columns and keys go by, in any case, where the settings name none."""


@dataclass(frozen=True)
class Sentence:
    """Tokens and their BIO tags."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class RawSentence:
    """Tokens, their tags in the file's own scheme, where each stands, for people, and the number of the document."""

    tokens: list[str]
    tags: list[str]
    places: list[str]
    document: int = 0


def read_file(path: Path, data: NerData) -> list[Sentence]:
    """The sentences of a file: `.csv` a table, `.json` and its kin JSON, all else CoNLL columns.

    Raises:
        DataError: naming file and line, if the file cannot be read so or a tag breaks the scheme.
    """
    if is_columns(path):
        raw = _read_conll(path, data)
    else:
        raw = _read_csv(path, data) if suffix_of(path) == ".csv" else _read_json(path, data)
    return checked(raw, data, str(path))


def is_columns(path: Path) -> bool:
    """Whether a file holds CoNLL columns: it is no table and no JSON."""
    return suffix_of(path) not in (".csv", *JSON_SUFFIXES)


def joined(
    sentences: Sequence[Sentence], documents: Sequence[int], join_tokens: int
) -> list[Sentence]:
    """Neighbouring sentences of a document as one passage, so that each is read in its context.

    Args:
        sentences: In the order of the text.
        documents: Number of each one's document.
        join_tokens: Tokens of a passage at most; a longer sentence stays alone. 0 leaves all as they are.

    >>> short = Sentence(("Ada", "met"), ("B-PER", "O"))
    >>> [len(passage.tokens) for passage in joined([short] * 4, [0, 0, 0, 1], 5)]
    [4, 2, 2]
    """
    passages: list[list[Sentence]] = []
    room, current = 0, -1
    for sentence, document in zip(sentences, documents, strict=True):
        if document != current or len(sentence.tokens) > room:
            passages.append([])
            room, current = join_tokens, document
        passages[-1].append(sentence)
        room -= len(sentence.tokens)
    return [
        Sentence(tuple(t for s in parts for t in s.tokens), tuple(t for s in parts for t in s.tags))
        for parts in passages
    ]


def read_tokens(path: Path) -> Iterator[list[str]]:
    """The sentences of a CoNLL file without regard to tags: the first column of each."""
    for _, rows in _conll_sentences(path, None):
        yield [columns[0] for _, columns in rows]


def read_frame(frame: Any, data: NerData) -> list[Sentence]:
    """The sentences of a pandas DataFrame: a row a token, or a row a sentence with lists.

    Raises:
        DataError: if a column is missing or a value does not fit.
    """
    names = [str(name) for name in frame.columns]
    columns = {kind: _find(kind, names, data, "DataFrame") for kind in (TOKEN, TAG)}
    values = {kind: frame.iloc[:, names.index(name)].tolist() for kind, name in columns.items()}
    places = [f"DataFrame: row {row}" for row in range(len(frame))]
    if values[TOKEN] and not isinstance(values[TOKEN][0], str):
        lists = zip(places, values[TOKEN], values[TAG], strict=True)
        return checked((_listed(*row) for row in lists), data, "DataFrame")
    sentence = _find(SENTENCE, names, data, "DataFrame")
    series = frame.iloc[:, names.index(sentence)]
    ids = ["" if gap else str(v) for v, gap in zip(series, series.isna(), strict=True)]
    rows = zip(places, ids, values[TOKEN], values[TAG], strict=True)
    return checked(_grouped(rows), data, "DataFrame")


def checked(sentences: Iterable[RawSentence], data: NerData, source: str) -> list[Sentence]:
    """The sentences with their tags in BIO, neighbours joined where `data.join_tokens` says so.

    Args:
        sentences: What a reader gives.
        data: Its `scheme` is one of `PREFIXES`, or `auto`: the first of them that all tags obey.
        source: Where the sentences come from, for people.

    Raises:
        DataError: if there is no sentence; at the first tag that breaks the scheme, or for `auto`
            the scheme that holds longest.
    """
    raw = list(sentences)
    if not raw:
        raise DataError(f"{source}: no sentence in it.")
    scheme: str = data.scheme
    if scheme == "auto":
        scheme = _detect(raw)
    elif fault := _first_fault(raw, scheme):
        raise DataError(fault[1])
    each = [Sentence(tuple(s.tokens), tuple(to_bio(s.tags, scheme))) for s in raw]
    return joined(each, [s.document for s in raw], data.join_tokens)


def _detect(raw: Sequence[RawSentence]) -> str:
    faults = {}
    for scheme in PREFIXES:
        fault = _first_fault(raw, scheme)
        if fault is None:
            return scheme
        faults[scheme] = fault
    nearest = max(faults, key=lambda name: (faults[name][0], len(PREFIXES[name])))
    raise DataError(f"{faults[nearest][1]} No scheme fits all tags; {nearest} fits longest.")


def _first_fault(raw: Sequence[RawSentence], scheme: str) -> tuple[tuple[int, int], str] | None:
    """(sentence and tag, message) of the first tag that breaks the scheme."""
    for number, sentence in enumerate(raw):
        try:
            check_tags(sentence.tags, scheme)
        except TagError as error:
            return (number, error.index), f"{sentence.places[error.index]}: {error}"
    return None


def _read_conll(path: Path, data: NerData) -> Iterator[RawSentence]:
    expected = 0
    for document, rows in _conll_sentences(path, data.separator):
        for place, columns in rows:
            expected = expected or _checked_width(columns, data, place)
            if len(columns) != expected:
                raise DataError(
                    f"{place}: {len(columns)} columns, expected {expected} as in the lines before; "
                    f"columns are separated by {_separator_name(data.separator)}."
                )
        tokens = [columns[data.token_column] for _, columns in rows]
        tags = [columns[data.tag_column] for _, columns in rows]
        for (place, _), token, tag in zip(rows, tokens, tags, strict=True):
            _check_cell(token, tag, place)
        yield RawSentence(tokens, tags, [place for place, _ in rows], document)


def _conll_sentences(
    path: Path, separator: str | None
) -> Iterator[tuple[int, list[tuple[str, list[str]]]]]:
    """Each sentence's document, and (place, columns) of its tokens; a blank line or a document line ends one."""
    document = 0
    rows: list[tuple[str, list[str]]] = []
    for number, line in enumerate(iter_lines(path), start=1):
        starts = line.startswith(DOCUMENT_START)
        if line.strip(" \t") and not starts:
            columns = line.split(separator) if separator else BLANKS.split(line.strip(" \t"))
            rows.append((f"{path}: line {number}", columns))
        elif rows:
            yield document, rows
            rows = []
        document += starts
    if rows:
        yield document, rows


def _checked_width(columns: Sequence[str], data: NerData, place: str) -> int:
    """The number of columns, once both wanted ones are there and differ."""
    width = len(columns)
    for name in ("token_column", "tag_column"):
        index = getattr(data, name)
        if not -width <= index < width:
            raise DataError(
                f"{place}: {width} columns separated by {_separator_name(data.separator)}, "
                f"but `data.{name}` is {index}."
            )
    if data.token_column % width == data.tag_column % width:
        raise DataError(
            f"{place}: {width} columns separated by {_separator_name(data.separator)}, so that "
            f"`data.token_column` {data.token_column} and `data.tag_column` {data.tag_column} "
            "are the same; each line needs a token and a tag."
        )
    return width


def _separator_name(separator: str | None) -> str:
    return "blanks or tabs" if separator is None else repr(separator)


def _check_cell(token: object, tag: object, place: str) -> None:
    for what, value in ((TOKEN, token), (TAG, tag)):
        if not isinstance(value, str):
            raise DataError(f"{place}: the {what} must be text, got {value!r}.")
        if not value.strip():
            raise DataError(f"{place}: the {what} is empty.")


def _read_csv(path: Path, data: NerData) -> Iterator[RawSentence]:
    separator = data.separator or ","
    if len(separator) != 1:
        raise DataError(f"{path}: the separator of a CSV file is one character, got {separator!r}.")
    rows = separated_rows(path, separator)
    line, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    kinds = (SENTENCE, TOKEN, TAG)
    wanted = [names.index(_find(kind, names, data, f"{path}: line {line}")) for kind in kinds]

    def cells() -> Iterator[tuple[str, str, str, str]]:
        for number, fields in rows:
            if len(fields) != len(names):
                raise DataError(
                    f"{path}: line {number}: {len(fields)} columns, expected {len(names)} "
                    f"({', '.join(names)})."
                )
            sentence, token, tag = (fields[index].strip() for index in wanted)
            yield f"{path}: line {number}", sentence, token, tag

    return _grouped(cells())


def _grouped(rows: Iterable[tuple[str, str, str, str]]) -> Iterator[RawSentence]:
    """Sentences of (place, sentence id, token, tag); an empty id goes on with the sentence before."""
    current, sentence = "", RawSentence([], [], [])
    for place, name, token, tag in rows:
        _check_cell(token, tag, place)
        if not (name or current):
            raise DataError(
                f"{place}: no sentence is named yet; the first row of each must name it."
            )
        if name and name != current:
            if sentence.tokens:
                yield sentence
            current, sentence = name, RawSentence([], [], [])
        sentence.tokens.append(token)
        sentence.tags.append(tag)
        sentence.places.append(place)
    if sentence.tokens:
        yield sentence


def _read_json(path: Path, data: NerData) -> Iterator[RawSentence]:
    for place, row in json_rows(path):
        keys = [_find(kind, list(row), data, place) for kind in (TOKEN, TAG)]
        if row[keys[0]] != []:
            yield _listed(place, *(row[key] for key in keys))


def _listed(place: str, tokens: Any, tags: Any) -> RawSentence:
    """A sentence given as two lists."""
    for what, value in ((TOKEN, tokens), (TAG, tags)):
        if isinstance(value, (str, dict)) or not isinstance(value, Iterable):
            raise DataError(f"{place}: {what}s must be a list of texts, got {value!r}.")
    tokens, tags = list(tokens), list(tags)
    if len(tokens) != len(tags):
        raise DataError(
            f"{place}: {len(tokens)} tokens but {len(tags)} tags; each needs the other."
        )
    places = [f"{place}: token {index}" for index in range(len(tokens))]
    for cell in zip(tokens, tags, places, strict=True):
        _check_cell(*cell)
    return RawSentence(tokens, tags, places)


def _find(kind: str, names: Sequence[str], data: NerData, place: str) -> str:
    """The column or key of that kind: as the settings name it, else the first of the usual names."""
    setting: str | None = getattr(data, f"{kind}_key")
    found = ", ".join(repr(name) for name in names) or "none"
    if setting is not None:
        if setting not in names:
            hint = did_you_mean(setting, names)
            raise DataError(f"{place}: no column or key {setting!r}. Found: {found}.{hint}")
        return setting
    for usual in USUAL_NAMES[kind]:
        for name in names:
            if name.lower() == usual:
                return name
    raise DataError(
        f"{place}: which column is the {kind}? Found: {found}. Say so with `data.{kind}_key`."
    )
