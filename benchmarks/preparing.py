"""Shares of the data sets, read once for both sides of a row, and our side of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from processes import Side
from row import MissingError, Setup

from seqkit.config import from_dict, merge
from seqkit.errors import SeqkitError
from seqkit.registry import get_task
from seqkit.task import Splits

Settings = dict[str, Any]
"""Section by section, as in YAML."""


def recipe(task: str, name: str, **over: Any) -> Settings:
    """The settings of a recipe, with others over them."""
    return merge(get_task(task).recipe(name), over)


def config_of(task: str, settings: Settings) -> Any:
    """The settings, checked and complete."""
    return from_dict(get_task(task).Config, settings)


def read(task: str, settings: Settings, path: Path) -> Splits[Any]:
    """The data at a path.

    Raises:
        MissingError: if it cannot be read.
    """
    try:
        return get_task(task).read(config_of(task, at(path, settings)))
    except SeqkitError as error:
        raise MissingError(str(error)) from error


def at(path: Path, settings: Settings) -> Settings:
    """The settings with data at that path."""
    return merge(settings, {"data": {"path": str(path)}})


def spread(examples: Sequence[Any], count: int) -> list[Any]:
    """So many examples at even distances, or all where there are fewer."""
    count = min(count, len(examples))
    return [examples[i * len(examples) // count] for i in range(count)]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a text file."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def seqkit_training(
    setup: Setup, task: str, settings: Settings, quality: str, units: int, *options: str
) -> Side:
    """Our side of a row on training.

    Args:
        setup: What the row is measured with.
        task: What is trained.
        settings: How, and with which data.
        quality: Column of the history that tells the quality.
        units: Units of work of an epoch.
        options: Further options of sides/seqkit_training.py.
    """
    path = setup.work / "settings.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    arguments = [
        task, "--settings", path, "--out", setup.work / "run", "--quality", quality, *options,
    ]  # fmt: skip
    return Side(setup, "seqkit_training", arguments, units)


def seqkit_prediction(
    setup: Setup, task: str, settings: Settings, inputs: Sequence[Any], units: int
) -> Side:
    """Our side of a row on answers, after an epoch of training, in batches as large as in training."""
    path = setup.work / "settings.json"
    over = {"training": {"epochs": 1}}
    path.write_text(json.dumps(merge(settings, over)), encoding="utf-8")
    write_lines(setup.work / "inputs.jsonl", [json.dumps(text) for text in inputs])
    arguments = [
        task, "--settings", path, "--inputs", setup.work / "inputs.jsonl",
        "--out", setup.work / "run", "--batch-size", str(settings["training"]["batch_size"]),
    ]  # fmt: skip
    return Side(setup, "seqkit_prediction", arguments, units)
