"""Every fault of files of CoNLL columns, where reading for training stops at the first. Torch-free."""

from __future__ import annotations

import codecs
import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqkit.data.readers import decoded, opened_bytes
from seqkit.data.tag_schemes import OUTSIDE, PREFIXES, TagError, check_tags
from seqkit.errors import DataError

from .config import NerData
from .reading import BLANKS, DOCUMENT_START

LONG = 300
"""Tokens from which on a blank line is missing rather than a sentence long."""

RARE, TIMES = 3, 50
"""A label that stands so seldom is misspelt if another looks like it and stands so many times more often."""

INVISIBLE = ("Cc", "Cf", "Zl", "Zp")
"""Unicode categories of signs that nobody sees: control signs, marks of direction, spaces without width."""

JOINERS = "\u200c\u200d"
"""Invisible too, but part of how some scripts and emoji are spelt."""


class Place(NamedTuple):
    """A line of one of the files, both counted from 0 and 1; faults are told in this order."""

    file: int
    line: int


@dataclass
class Row:
    """A token's line: where it stands, its columns, and its tag as far as it can be read as one."""

    place: Place
    columns: list[str]
    tag: str = OUTSIDE


Faults = list[tuple[Place, str]]


def column_faults(files: Sequence[Path], data: NerData) -> Iterator[str]:
    """The faults of some files, which are judged by what most of their lines have in common.

    Args:
        files: Files of CoNLL columns.
        data: Their columns, separator and scheme.
    """
    faults: Faults = []
    sentences: list[list[Row]] = []
    for number, path in enumerate(files):
        try:
            sentences += _sentences(path, number, data.separator, faults)
        except DataError as error:
            yield str(error)
    rows = [row for sentence in sentences for row in sentence]
    width, fits = _width(rows, data)
    if rows and not fits:
        yield f"{files[0]}: most lines have {width} columns, too few for a token and a tag apart from it."
        return
    for row in rows:
        faults += _cell_faults(row, width, data)
    faults += _label_faults(rows)
    schemes = list(PREFIXES) if data.scheme == "auto" else [data.scheme]
    by_scheme: list[Faults] = [_scheme_faults(sentences, scheme) for scheme in schemes]
    fewest: Faults = min(by_scheme, key=len)
    faults += fewest
    faults += [
        (
            sentence[0].place,
            f"a sentence of {len(sentence)} tokens begins; is a blank line missing?",
        )
        for sentence in sentences
        if len(sentence) > LONG
    ]
    for place, what in sorted(faults):
        yield f"{files[place.file]}: line {place.line}: {what}"


def _sentences(
    path: Path, number: int, separator: str | None, faults: Faults
) -> Iterator[list[Row]]:
    """The sentences of a file; what is wrong with the lines as text is added to the faults."""
    rows: list[Row] = []
    for place, line in _lines(path, number, faults):
        if line.strip(" \t") and not line.strip():
            hidden = _names(line)
            faults.append((place, f"looks blank but holds {hidden}; blank lines end sentences."))
            line = ""
        if line.strip(" \t") and not line.startswith(DOCUMENT_START):
            columns = line.split(separator) if separator else BLANKS.split(line.strip(" \t"))
            rows.append(Row(place, columns))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _lines(path: Path, number: int, faults: Faults) -> Iterator[tuple[Place, str]]:
    """The lines of a file that are text."""
    with opened_bytes(path) as file:
        for line, raw in enumerate(file, start=1):
            place = Place(number, line)
            try:
                text = decoded(raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw, path, line)
            except DataError as error:
                faults.append((place, str(error).partition(f"line {line}: ")[2]))
                continue
            yield place, text.removesuffix("\n").removesuffix("\r")


def _width(rows: Sequence[Row], data: NerData) -> tuple[int, bool]:
    """The number of columns that most lines have, and whether the wanted ones are among them."""
    width = Counter(len(row.columns) for row in rows).most_common(1)[0][0] if rows else 0
    wanted = (data.token_column, data.tag_column)
    inside = all(-width <= column < width for column in wanted)
    return width, inside and wanted[0] % width != wanted[1] % width


def _cell_faults(row: Row, width: int, data: NerData) -> Iterator[tuple[Place, str]]:
    """The faults of a token and its tag; a tag without one is noted in the row."""
    if len(row.columns) != width:
        yield row.place, f"{len(row.columns)} columns, {width} in most lines."
        return
    token, tag = row.columns[data.token_column], row.columns[data.tag_column]
    if not token.strip():
        yield row.place, "the token is empty."
    elif hidden := _names(token):
        yield row.place, f"the token {token!r} holds {hidden}, which nobody sees."
    prefix, _, label = tag.partition("-")
    if tag == OUTSIDE or (prefix in ("B", "I", "E", "S") and label):
        row.tag = tag
    elif tag.strip() in ("o", "0", "Ｏ", "О"):  # the last two are wide and Cyrillic
        yield row.place, f"the tag {tag!r} looks like O, and is not."
    elif not tag.strip():
        yield row.place, "the tag is empty."
    else:
        known = "O, or B, I, E or S with a dash and a label"
        yield row.place, f"{tag!r} is no tag: it should be {known}."


def _label_faults(rows: Iterable[Row]) -> Iterator[tuple[Place, str]]:
    """Labels that are misspelt, as far as one can tell."""
    places: dict[str, list[Place]] = {}
    for row in rows:
        if row.tag != OUTSIDE:
            places.setdefault(row.tag.partition("-")[2], []).append(row.place)
    for label, where in places.items():
        usual = [name for name in places if len(places[name]) >= TIMES * len(where)]
        if len(where) > RARE or not usual:
            continue
        folded = {name.casefold(): name for name in usual}
        near = difflib.get_close_matches(label.casefold(), folded, n=1, cutoff=0.6)
        if near:
            meant = folded[near[0]]
            for place in where:
                yield (
                    place,
                    (
                        f"the label {label!r} stands {_times(len(where))} in all, "
                        f"{meant!r} {len(places[meant]):,} times; is it meant?"
                    ),
                )


def _scheme_faults(sentences: Iterable[Sequence[Row]], scheme: str) -> Faults:
    """Tags that break a scheme; each is taken for the beginning of an entity then, and reading goes on."""
    faults = []
    for sentence in sentences:
        tags = [row.tag for row in sentence]
        for _ in tags:
            try:
                check_tags(tags, scheme)
                break
            except TagError as error:
                place = sentence[error.index].place
                faults.append((place, f"{tags[error.index]} {_why(error, tags, scheme)}"))
                tags = _mended(tags, error.index, scheme)
    return faults


def _why(error: TagError, tags: Sequence[str], scheme: str) -> str:
    before = tags[error.index - 1] if error.index else "the start of a sentence"
    what = {
        "form": "is no tag of",
        "order": f"cannot follow {before} in",
        "end": "cannot end a sentence in",
    }
    return f"{what[error.reason]} the scheme {scheme}, which the others follow."


def _mended(tags: Sequence[str], index: int, scheme: str) -> list[str]:
    """The tags with a faulty one made fit: where it stands the entity begins, or with BIOES there is none."""
    label = tags[index].partition("-")[2]
    start = {"bio": f"B-{label}", "iob1": f"I-{label}", "bioes": OUTSIDE}[scheme]
    fitting = OUTSIDE if tags[index] == start else start
    before = list(tags[:index])
    if scheme == "bioes" and before and before[-1][0] in "BI":
        before[-1] = OUTSIDE  # an entity whose end was the faulty tag
    return [*before, fitting, *tags[index + 1 :]]


def _names(text: str) -> str:
    """The signs of a text that nobody sees, by their code points; empty where there are none."""
    hidden = [
        sign
        for sign in text
        if (unicodedata.category(sign) in INVISIBLE and sign not in JOINERS)
        or (sign.isspace() and sign not in " \t")
    ]
    return ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(hidden))


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
