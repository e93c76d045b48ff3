"""What a data set is like: what is wrong with it, and what a person should know before training on it. Torch-free."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqkit.errors import DataError
from seqkit.task import Splits, Task

BINS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Where the bins of a histogram of lengths begin."""


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        faults: What is wrong, each with its file and line.
        notes: What the reader says, and what is unusual but may be meant.
        splits: A row of facts for each split.
        lengths: A row for each bin of lengths, with the number of examples of each split.
        labels: A row for each label, with how often each split has it.
        train: The training examples.
    """

    faults: list[str]
    notes: list[str] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    lengths: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    train: Sequence[Any] = ()


def examine(task: Task[Any, Any], config: Any) -> Examination:
    """Looks through the data that `config.data` names."""
    try:
        splits = task.read(config)
    except DataError as error:
        return Examination(list(task.faults(config, None)) or [str(error)])
    faults = list(task.faults(config, splits))
    limit = getattr(config.data, "max_tokens", 0)
    parts = {name: getattr(splits, name) for name in ("train", "dev", "test")}
    parts = {name: part for name, part in parts.items() if part}
    words = {name: [tuple(task.words(e)) for e in part] for name, part in parts.items()}
    return Examination(
        faults,
        [*splits.notes, *_shared(words)],
        [_facts(name, words[name], words.get("train", []), limit) for name in parts],
        _histogram(words),
        _balance(task, splits),
        splits.train,
    )


def _facts(
    name: str, rows: Sequence[tuple[str, ...]], train: Sequence[tuple[str, ...]], limit: int
) -> dict[str, Any]:
    """Numbers of one split, whose examples are rows of words."""
    lengths = sorted(len(row) for row in rows)
    total = max(1, sum(lengths))
    known = {word for row in train for word in row}
    unknown = sum(word not in known for row in rows for word in row)
    facts: dict[str, Any] = {
        "split": name, "examples": len(rows), "words": sum(lengths),
        "median": statistics.median(lengths), "longest": lengths[-1],
        "twice or more": len(rows) - len(set(rows)), "unknown words": f"{unknown / total:.1%}",
    }  # fmt: skip
    if limit:
        cut = sum(max(0, length - limit) for length in lengths)
        facts[f"beyond {limit}"] = f"{cut / total:.1%}"
    return facts


def _histogram(words: dict[str, list[tuple[str, ...]]]) -> list[dict[str, Any]]:
    rows = []
    for low, high in zip((0, *BINS), (*BINS, None), strict=True):
        counts = {
            name: sum(low <= len(row) and (high is None or len(row) < high) for row in part)
            for name, part in words.items()
        }
        if any(counts.values()):
            last = "or more" if high is None else f"to {high - 1}"
            rows.append({"words": f"{low} {last}" if high != low + 1 else str(low), **counts})
    return rows


def _balance(task: Task[Any, Any], splits: Splits[Any]) -> list[dict[str, Any]]:
    parts = {name: getattr(splits, name) for name in ("train", "dev", "test")}
    counts = {
        name: Counter(label for example in part for label in task.labels(example))
        for name, part in parts.items()
        if part
    }
    known = sorted({label for part in counts.values() for label in part})
    return [
        {"label": label, **{name: part[label] for name, part in counts.items()}} for label in known
    ]


def _shared(words: dict[str, list[tuple[str, ...]]]) -> Iterable[str]:
    """Says which examples that are scored have been learned from."""
    known = set(words.get("train", ()))
    for name in ("dev", "test"):
        rows = words.get(name, [])
        if found := sum(row in known for row in rows):
            yield f"{found:,} of {len(rows):,} {name} examples stand in train too, word for word."
