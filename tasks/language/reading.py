"""Plain text out of lines, tables and label folders, cut into pieces. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.data.label_folders import LabelledText, read_label_archive, read_label_folders
from seqkit.data.readers import iter_lines, read_table, table_from_dataframe
from seqkit.data.splits import complete, read_splits, split_files, split_off_groups
from seqkit.task import Splits

from .blocks import TextBlocks
from .config import LanguageData

ARCHIVES = (".tar.gz", ".tgz", ".tar")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
SUFFIXES = (".txt", *TABLES)
_BREAK = re.compile(r"<br\s*/?>")


def read_texts(data: LanguageData, seed: int) -> Splits[str]:
    """The texts that `data` names, in pieces, with a dev part drawn by `seed` where there is none."""
    if data.names_nothing:
        from .sample import make_sample

        return Splits.of(make_sample(), "built-in sample")
    path = Path(data.path) if data.path else None
    if path and (path.name.endswith(ARCHIVES) or (path / "train").is_dir()):
        return _in_pieces(_label_splits(path, data.dev_fraction, seed), data.max_words)
    files = split_files(data, SUFFIXES)
    train = files.get("train")
    if train and train.name.endswith(".txt") and _size(train) >= data.stream_above:
        return _streamed(data, files, seed)
    splits = read_splits(
        data, lambda file: _read(file, data.text_column), suffixes=SUFFIXES, seed=seed
    )
    return _in_pieces(splits, data.max_words)


def read_text_frame(data: LanguageData, frame: Any, seed: int) -> Splits[str]:
    """All rows of a DataFrame as training data, a dev part drawn from them by `seed`."""
    rows = table_from_dataframe(frame, [data.text_column])
    texts = [row[data.text_column] for row in rows]
    splits = complete(Splits(train=texts, source="DataFrame"), data.dev_fraction, seed)
    return _in_pieces(splits, data.max_words)


def cleaned(text: str) -> str:
    """The text on one line, without the line breaks of web pages."""
    return " ".join(_BREAK.sub(" ", text).split())


def _read(file: Path, column: str) -> list[str]:
    if file.name.removesuffix(".gz").endswith(TABLES):
        return [row[column] for row in read_table(file, [column])]
    return [line for line in iter_lines(file) if line.strip()]


def _size(file: Path) -> float:
    """Of a file, in megabytes; 0 where there is none."""
    return file.stat().st_size / 1e6 if file.is_file() else 0.0


def _streamed(data: LanguageData, files: Mapping[str, Path], seed: int) -> Splits[str]:
    """Splits whose training part stays on disk; the others are read into memory."""

    def cut(lines: Iterable[str]) -> Iterable[str]:
        return _pieces(lines, data.max_words)

    parts: dict[str, Sequence[str]] = {
        name: list(cut(_read(file, data.text_column)))
        for name, file in files.items()
        if name != "train"
    }
    parts["train"] = train = TextBlocks.of(files["train"], cut)
    notes = [f"{train.path}: read from disk while training."]
    if not parts.get("dev"):
        parts["train"], dev = train.split(data.dev_fraction, seed)
        parts["dev"] = dev
        notes.append(
            f"No dev data: {len(dev)} of {len(train)} texts are set apart to choose the best epoch."
        )
    return Splits.of(parts, data.path or str(train.path), notes)


def _label_splits(path: Path, dev_fraction: float, seed: int) -> Splits[str]:
    """The training part alone: what will be tested must not be read before."""
    labelled: Sequence[LabelledText] = (
        read_label_folders(path / "train")
        if path.is_dir()
        else read_label_archive(path, "train")["train"]
    )
    topics: dict[str, int] = {}
    groups = [
        topics.setdefault(text.topic or str(i), len(topics)) for i, text in enumerate(labelled)
    ]
    train, dev = split_off_groups(labelled, groups, dev_fraction, seed)
    note = (
        f"The train part of {path}; {len(dev)} of its texts are set apart to choose the best epoch."
    )
    return Splits([t.text for t in train], [t.text for t in dev], (), str(path), (note,))


def _in_pieces(splits: Splits[str], max_words: int) -> Splits[str]:
    train, dev, test = (
        list(_pieces(texts, max_words)) for texts in (splits.train, splits.dev, splits.test)
    )
    return Splits(train, dev, test, splits.source, splits.notes)


def _pieces(texts: Iterable[str], max_words: int) -> Iterable[str]:
    for text in texts:
        words = cleaned(text).split(" ")
        for start in range(0, len(words), max_words):
            yield " ".join(words[start : start + max_words])
