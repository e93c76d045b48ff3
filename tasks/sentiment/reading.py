"""Reading of reviews: tables, folders a label, archives of such folders, the built-in sample. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.data.label_folders import LabelledText, read_label_archive, read_label_folders
from seqkit.data.readers import (
    read_table,
    table_from_dataframe,
)
from seqkit.data.splits import SPLIT_NAMES, complete, read_splits
from seqkit.task import Splits

from .config import SentimentData

ARCHIVES = (".tar.gz", ".tgz", ".tar")
TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Review:
    """A text, its label, and what it is about where that is known."""

    text: str
    label: str
    topic: str = ""


def read_reviews(data: SentimentData, seed: int) -> Splits[Review]:
    """The reviews that `data` names, with a dev part drawn by `seed` where there is none."""
    if data.names_nothing:
        return _sample()
    path = Path(data.path) if data.path else None
    if path and (path.name.endswith(ARCHIVES) or _has_label_folders(path)):
        return complete(_read_label_splits(path), data.dev_fraction, seed, _topics)
    columns = (data.text_column, data.label_column)
    return read_splits(
        data, lambda file: _reviews(read_table(file, columns), columns), suffixes=TABLES, seed=seed
    )


def read_review_frame(data: SentimentData, frame: Any, seed: int) -> Splits[Review]:
    """All rows of a DataFrame as training data, a dev part drawn from them by `seed`."""
    columns = (data.text_column, data.label_column)
    reviews = _reviews(table_from_dataframe(frame, columns), columns)
    return complete(Splits(train=reviews, source="DataFrame"), data.dev_fraction, seed)


def _sample() -> Splits[Review]:
    from .sample import make_sample

    splits = {name: [Review(*pair) for pair in pairs] for name, pairs in make_sample().items()}
    return Splits.of(splits, "built-in sample")


def _reviews(rows: Sequence[dict[str, str]], columns: tuple[str, str]) -> list[Review]:
    return [Review(row[columns[0]], row[columns[1]]) for row in rows]


def _has_label_folders(path: Path) -> bool:
    """Whether a folder holds split folders (`train/pos/*.txt`) or label folders (`pos/*.txt`) and no tables."""
    if not path.is_dir() or any(
        file.name.removesuffix(".gz").endswith(TABLES)
        for file in path.iterdir()
        if "train" in file.name
    ):
        return False
    return any(child.is_dir() for child in path.iterdir())


def _read_label_splits(path: Path) -> Splits[Review]:
    if path.is_dir():
        folders = {
            n: path / w for n, words in SPLIT_NAMES.items() for w in words if (path / w).is_dir()
        }
        if not folders:
            return Splits(train=_labelled(read_label_folders(path)), source=str(path))
        splits = {name: _labelled(read_label_folders(folder)) for name, folder in folders.items()}
        return Splits.of(splits, str(path))
    texts = read_label_archive(path, "train", "test")
    return Splits.of({name: _labelled(part) for name, part in texts.items()}, str(path))


def _labelled(texts: Sequence[LabelledText]) -> list[Review]:
    return [Review(*text) for text in texts]


def _topics(reviews: Sequence[Review]) -> list[int]:
    """A number for each topic, so that no film has reviews on both sides; reviews without one stand alone."""
    numbers: dict[str, int] = {}
    return [
        numbers.setdefault(review.topic or f"review {i}", len(numbers))
        for i, review in enumerate(reviews)
    ]
