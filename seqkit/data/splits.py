"""Which file is which split, the same rules for every task that reads files. Torch-free."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from seqkit.errors import DataError
from seqkit.settings import DataConfig
from seqkit.task import Splits, split_off

T = TypeVar("T")

SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "valid", "validation", "val", "testa"),
    "test": ("test", "testb"),
}
"""What files and folders of each split are called."""


def find_splits(folder: Path, suffixes: Sequence[str] = ()) -> dict[str, Path]:
    """The split files in a folder, such as `train.csv`, `eng.testa.gz` or `wnut17train.conll`; a split may be absent.

    Args:
        folder: Where to look; sub-folders are left alone.
        suffixes: Endings that count (with or without `.gz`); none means all.

    Raises:
        DataError: if two files answer to one split.
    """
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        name = file.name.removesuffix(".gz")
        if not file.is_file() or (suffixes and not name.endswith(tuple(suffixes))):
            continue
        parts = re.split(r"[^a-z]+", name.lower())
        for split, words in SPLIT_NAMES.items():
            if any(word in parts for word in words):
                if split in found:
                    raise DataError(f"{folder}: both {found[split].name} and {file.name} could be the {split} split; "
                                    f"name the files with --data.{split}.")  # fmt: skip
                found[split] = file
    return found


def read_splits(
    data: DataConfig,
    read: Callable[[Path], Sequence[T]],
    *,
    suffixes: Sequence[str] = (),
    seed: int = 1,
) -> Splits[T]:
    """Reads the files that `data` names, and sets a dev split apart where there is none.

    Args:
        data: `path` (a folder of split files, or one file), or `train`, `dev` and `test`.
        read: Reads one file into examples.
        suffixes: Endings of split files in a folder.
        seed: Chooses the examples set apart.

    Raises:
        DataError: if a file is missing, or a folder holds no train and no test file.
    """
    files = split_files(data, suffixes)
    splits = {name: read(file) for name, file in files.items()}
    source = data.path or ", ".join(str(file) for file in files.values())
    return complete(Splits.of(splits, source), data.dev_fraction, seed)


def split_files(data: DataConfig, suffixes: Sequence[str] = ()) -> dict[str, Path]:
    """The file of each split that `data` names, directly or by a folder; one file alone is for training.

    Raises:
        DataError: if `data.path` is missing, or a folder without files that are named after splits.
    """
    files = {name: Path(p) for name in SPLIT_NAMES if (p := getattr(data, name))}
    if data.path is None:
        return files
    path = Path(data.path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder.")
    files = {**(find_splits(path, suffixes) if path.is_dir() else {"train": path}), **files}
    if not files:
        endings = f" ending in {', '.join(suffixes)}" if suffixes else ""
        raise DataError(
            f"{path}: no file{endings} is named after a split, such as train, dev or test."
        )
    return files


def complete(
    splits: Splits[T],
    dev_fraction: float,
    seed: int,
    groups: Callable[[Sequence[T]], Sequence[int]] | None = None,
) -> Splits[T]:
    """The splits, with a part of the training examples as dev where there is none.

    Args:
        splits: Those there are.
        dev_fraction: Share of the training examples that is drawn, 0 to 1.
        seed: Chooses them.
        groups: Numbers the groups of examples that must not be torn apart, one number an example.
    """
    if splits.dev or not splits.train:
        return splits
    if len(splits.train) < 2:
        raise DataError(
            f"{splits.source}: {len(splits.train)} example; two at least are needed to train and to choose."
        )
    if groups is None:
        rest, dev = split_off(splits.train, dev_fraction, seed)
    else:
        rest, dev = split_off_groups(splits.train, groups(splits.train), dev_fraction, seed)
    note = f"No dev data: {len(dev)} of {len(splits.train)} training examples are set apart to choose the best epoch."
    return Splits(rest, dev, splits.test, splits.source, (*splits.notes, note))


def split_off_groups(
    examples: Sequence[T], groups: Sequence[int], share: float, seed: int
) -> tuple[list[T], list[T]]:
    """(rest, drawn): as `split_off`, but whole groups are drawn, until they hold the share wanted.

    Args:
        examples: Any examples.
        groups: The group of each example.
        share: Share of the examples that is wanted, 0 to 1; the last group may carry it over.
        seed: Chooses the groups.

    Raises:
        DataError: if all examples are of one group.
    """
    sizes = Counter(groups)
    if len(sizes) < 2:
        raise DataError(
            f"{len(examples)} examples share sentences with each other, so none can be set apart."
        )
    order = list(sizes)
    random.Random(seed).shuffle(order)
    drawn: set[int] = set()
    missing = max(1, round(len(examples) * share))
    for group in order[:-1]:
        if missing <= 0:
            break
        drawn.add(group)
        missing -= sizes[group]
    pairs = list(zip(examples, groups, strict=True))
    return [e for e, g in pairs if g not in drawn], [e for e, g in pairs if g in drawn]
