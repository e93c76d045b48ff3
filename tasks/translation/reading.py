"""Sentence pairs out of line-aligned files and tables. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.readers import (
    JSON_SUFFIXES,
    SEPARATORS,
    iter_lines,
    read_parallel,
    read_table,
    suffix_of,
    table_from_dataframe,
)
from seqkit.data.splits import complete, split_files, split_off_groups
from seqkit.data.tokens import split_words
from seqkit.errors import DataError
from seqkit.task import Splits

from .config import TranslationData

TABLES = (*SEPARATORS, *JSON_SUFFIXES)


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation."""

    src: str
    tgt: str


class PairReader:
    """Reads what one data section names.

    Args:
        data: The section.
        seed: Chooses the pairs that are set apart.

    Attributes:
        notes: What the user should know, such as pairs left out.
    """

    def __init__(self, data: TranslationData, seed: int) -> None:
        self.data = data
        self.seed = seed
        self.langs = (data.src_lang, data.tgt_lang)
        self.columns = (data.src_column or data.src_lang, data.tgt_column or data.tgt_lang)
        self.notes: list[str] = []

    def read(self) -> Splits[Pair]:
        """The splits in the files of `data`.

        Raises:
            DataError: if a file is missing, of no known format, or not what its format says.
        """
        files = self._files()
        splits = {name: self.read_pairs(path) for name, path in files.items()}
        source = self.data.path or ", ".join(str(path) for path in files.values())
        return self._finished(Splits.of(splits, source))

    def read_frame(self, frame: Any) -> Splits[Pair]:
        """The pairs in a pandas DataFrame, as training data."""
        pairs = self._stripped(table_from_dataframe(frame, self.columns), self.columns, "DataFrame")
        return self._finished(Splits(train=pairs, source="DataFrame"))

    def read_pairs(self, path: Path) -> list[Pair]:
        """The pairs of one table, or of the two line-aligned files that `path` stands for."""
        files = self._aligned(path)
        if files is None:
            return self._read_table(path)
        src, tgt = files
        pairs, blank = read_parallel(src, tgt)
        self._note_blank(blank, f"{src.name} and {tgt.name}")
        return [Pair(*pair) for pair in pairs]

    def aligned_files(self) -> list[tuple[Path, Path]]:
        """All files whose lines are aligned, two by two; tables are left out."""
        pairs = (self._aligned(path) for path in self._files().values())
        return [pair for pair in pairs if pair]

    def _files(self) -> dict[str, Path]:
        """The file of each split; in a folder, line-aligned files go before tables."""
        data = self.data
        if data.path and not Path(data.path).exists():
            data = dataclasses.replace(data, path=None, train=data.path)  # files named by a prefix
        folder = Path(data.path) if data.path else None
        ending = f".{data.src_lang}"
        if folder and folder.is_dir():
            names = [file.name.removesuffix(".gz") for file in folder.iterdir()]
            if any(name.endswith(ending) for name in names):
                return split_files(data, (ending,))
        return split_files(data, (ending, *TABLES))

    def _aligned(self, path: Path) -> tuple[Path, Path] | None:
        """The two line-aligned files that a path stands for; None for a table."""
        stem = self._stem(path)
        if stem is None:
            return None
        src, tgt = (_existing(path, f"{stem}.{lang}") for lang in self.langs)
        return src, tgt

    def _stem(self, path: Path) -> str | None:
        """What the names of two line-aligned files share before the language; None for a table."""
        if not path.exists():
            return path.name
        name = path.name.removesuffix(".gz")
        for lang in self.langs:
            if name.endswith(f".{lang}"):
                return name[: -len(lang) - 1]
        if name.lower().endswith(TABLES):
            return None
        raise DataError(
            f"{path}: cannot tell its format. Expected a table ({', '.join(TABLES)}) or a file ending "
            f"in a language, .{self.langs[0]} or .{self.langs[1]} (`data.src_lang`, `data.tgt_lang`)."
        )

    def _read_table(self, path: Path) -> list[Pair]:
        columns, has_header = self.columns, not self.columns[0].isdigit()
        if has_header and self._lacks_header(path):
            columns, has_header = ("0", "1"), False
            self.notes.append(
                f"{path.name}: its first row names neither {self.langs[0]!r} nor {self.langs[1]!r}, so it is "
                "read without header, the first column as source and the second as target."
            )
        return self._stripped(read_table(path, columns, has_header=has_header), columns, str(path))

    def _lacks_header(self, path: Path) -> bool:
        """Whether a table has to do without names: none was given and its first row holds none."""
        suffix = suffix_of(path)
        if suffix not in SEPARATORS or self.data.src_column or self.data.tgt_column:
            return False
        names = next(iter_lines(path)).split(SEPARATORS[suffix])
        return not {name.strip(' "') for name in names} & set(self.langs)

    def _stripped(
        self, rows: Sequence[dict[str, str]], columns: tuple[str, str], where: str
    ) -> list[Pair]:
        """The rows with text on both sides."""
        src, tgt = columns
        pairs = [Pair(row[src].strip(), row[tgt].strip()) for row in rows]
        kept = [pair for pair in pairs if pair.src and pair.tgt]
        if not kept:
            raise DataError(f"{where}: no row has text in both columns, {src!r} and {tgt!r}.")
        self._note_blank(len(pairs) - len(kept), where)
        return kept

    def _note_blank(self, count: int, where: str) -> None:
        if count:
            self.notes.append(f"{where}: {count:,} pairs left out, because a side is blank.")

    def _finished(self, splits: Splits[Pair]) -> Splits[Pair]:
        """Sets apart what is missing and leaves out training pairs that are too long."""
        data = self.data
        if data.test_fraction and splits.train and not splits.test:
            groups = shared_sentences(splits.train)
            rest, test = split_off_groups(splits.train, groups, data.test_fraction, self.seed)
            splits = dataclasses.replace(splits, train=rest, test=test)
            self.notes.append(f"No test data: {len(test):,} training pairs are set apart.")
        splits = complete(splits, data.dev_fraction, self.seed, shared_sentences)
        train = self._short_enough(splits.train, splits.source)
        return dataclasses.replace(splits, train=train, notes=(*self.notes, *splits.notes))

    def _short_enough(self, pairs: Sequence[Pair], source: str) -> Sequence[Pair]:
        limit = self.data.max_tokens
        if not limit:
            return pairs
        cut = list if self.data.units == "char" else split_words
        kept = [pair for pair in pairs if max(len(cut(pair.src)), len(cut(pair.tgt))) <= limit]
        if pairs and not kept:
            raise DataError(
                f"{source}: every training pair is longer than `data.max_tokens` ({limit})."
            )
        if len(kept) < len(pairs):
            self.notes.append(
                f"{len(pairs) - len(kept):,} of {len(pairs):,} training pairs are longer than "
                f"`data.max_tokens` ({limit}) and left out."
            )
        return kept


def shared_sentences(pairs: Sequence[Pair]) -> list[int]:
    """For each pair the number of its group: pairs that share a sentence, directly or by others.

    Split by these groups, no sentence of either language stands in two splits.

    >>> shared_sentences([Pair("Hi.", "Salut !"), Pair("Go!", "Va !"), Pair("Bye.", "Salut !")])
    [0, 1, 0]
    """
    leader = list(range(len(pairs)))
    first_with: dict[tuple[int, str], int] = {}
    for index, pair in enumerate(pairs):
        for side, text in enumerate((pair.src, pair.tgt)):
            one = _leader_of(leader, first_with.setdefault((side, text), index))
            other = _leader_of(leader, index)
            leader[max(one, other)] = min(one, other)
    return [_leader_of(leader, index) for index in range(len(pairs))]


def _leader_of(leader: list[int], index: int) -> int:
    """First pair of the group, the way to it made shorter for the next time."""
    while leader[index] != index:
        leader[index] = leader[leader[index]]
        index = leader[index]
    return index


def _existing(given: Path, name: str) -> Path:
    """The file of that name beside `given`, plain or packed."""
    for candidate in (given.with_name(name), given.with_name(f"{name}.gz")):
        if candidate.is_file():
            return candidate
    raise DataError(
        f"{given}: no file {given.with_name(name)}, nor one with .gz; line-aligned files are named "
        "PREFIX.LANGUAGE after `data.src_lang` and `data.tgt_lang`."
    )
