"""A run is a folder: settings, preprocessing, weights, scores and history; nothing else is needed to use it.

Torch-free. `manifest.json` names the files that prediction needs with their sums, so that a missing or altered
one is an error with a name and not a wrong answer; the weights carry their own sum (`weights.py`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seqkit
from seqkit.config import dump_yaml, from_dict, read_yaml, to_dict
from seqkit.errors import ConfigError, RunError
from seqkit.files import read_json, replacing, sha256, write_text
from seqkit.limits import Limits
from seqkit.pipeline import Scores
from seqkit.registry import get_task
from seqkit.task import Task

FORMAT = 1
"""Version of the folder's layout; a newer one is refused, older ones load for ever."""

CONFIG, MANIFEST, WEIGHTS, METRICS = (
    "config.yaml",
    "manifest.json",
    "model.safetensors",
    "metrics.json",
)
HISTORY, CARD, PREPROCESSING = "history.csv", "README.md", "preprocessing"
CURVES, FLOW = "curves.png", "gradient_flow.png"
CHECKPOINTS, FAULTS, TENSORBOARD = "checkpoint", "faults", "tensorboard"


@dataclass(frozen=True)
class Run:
    """An existing run folder whose settings and preprocessing are whole.

    Attributes:
        path: The folder.
        task: Its task.
        config: The settings it was trained with.
    """

    path: Path
    task: Task[Any, Any]
    config: Any

    @property
    def weights(self) -> Path:
        """File of the best epoch's weights."""
        return self.path / WEIGHTS

    @property
    def preprocessing(self) -> Path:
        """Folder of vocabularies, tokenisers and labels."""
        return self.path / PREPROCESSING

    def is_of(self, config: Any) -> bool:
        """Whether it was begun with these settings, before data decided any of them."""
        return bool(read_json(self.path / MANIFEST).get("asked") == settings_sum(config))

    def facts(self) -> dict[str, str]:
        """What a page about the run begins with."""
        task = f"{self.task.name}, {self.task.summary}"
        return {"Run": str(self.path), "Task": task, "Cell": str(self.config.model.cell)}

    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds; empty where training has not ended."""
        path = self.path / METRICS
        values = read_json(path) if path.is_file() else {}
        if not isinstance(values, dict):
            raise RunError(f"{path}: not a run's scores.")
        return values


def open_run(path: str | Path, limits: Limits | None = None) -> Run:
    """The run in a folder, its files checked against the manifest.

    Args:
        path: The folder.
        limits: How large a file of it may be.

    Raises:
        RunError: if the folder is no run, a file is missing, altered, too large or a link that leads outside the
            folder, or the format is newer than this seqkit.
    """
    path = Path(path)
    _check_folder(path, limits or Limits())
    manifest = _read_manifest(path)
    for name, digest in manifest["files"].items():
        _check_file(path, name, digest)
    task = get_task(manifest["task"])
    return Run(path, task, _read_settings(path / CONFIG, task))


def prepare_folder(path: Path, *, overwrite: bool = False) -> Path:
    """Makes the folder of a new run.

    Raises:
        RunError: if it holds something already (unless that is a run and `overwrite` is set), or cannot be made.
    """
    try:
        occupied = path.exists() and (not path.is_dir() or any(path.iterdir()))
        is_run = path.is_dir() and _is_run(path)
        if occupied and not (overwrite and is_run):
            allowed = "choose another --out" + (", or add --overwrite" if is_run else "")
            raise RunError(f"{path}: exists and is not empty; {allowed}.")
        path.mkdir(parents=True, exist_ok=True)
        with replacing(path / MANIFEST):
            pass  # finds a folder that cannot be written to, early
        (path / MANIFEST).unlink()
        for old in (METRICS, HISTORY, WEIGHTS, CARD, CONFIG, CURVES, FLOW):
            (path / old).unlink(missing_ok=True)
        for old in (PREPROCESSING, CHECKPOINTS, FAULTS, TENSORBOARD):
            shutil.rmtree(path / old, ignore_errors=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error}).") from error
    return path


def _is_run(path: Path) -> bool:
    """Whether a folder is a run, or what is left of one that was stopped before its training began."""
    begun = (CONFIG, PREPROCESSING)
    return (path / MANIFEST).is_file() or all(
        entry.name in begun or entry.name.startswith(f".{MANIFEST}") for entry in path.iterdir()
    )


def next_run_name(task: str, parent: Path = Path("runs")) -> Path:
    """The first free name of the form `runs/sentiment-1`."""
    number = 1
    while (parent / f"{task}-{number}").exists():
        number += 1
    return parent / f"{task}-{number}"


def write_settings(path: Path, task: str, config: Any, asked: Any) -> None:
    """Writes the settings and, over all files that prediction needs, the manifest; preprocessing is there already.

    Args:
        path: The run folder.
        task: Its task.
        config: Settings as data has completed them.
        asked: Settings as they were given.
    """
    write_text(path / CONFIG, dump_yaml(to_dict(config)))
    files = [path / CONFIG, *sorted((path / PREPROCESSING).rglob("*"))]
    sums = {file.relative_to(path).as_posix(): sha256(file) for file in files if file.is_file()}
    manifest = {"format": FORMAT, "task": task, "seqkit": seqkit.__version__,
                "asked": settings_sum(asked), "files": sums}  # fmt: skip
    write_text(path / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def settings_sum(config: Any) -> str:
    """A sum over all settings, equal for equal ones."""
    return hashlib.sha256(dump_yaml(to_dict(config)).encode("utf-8")).hexdigest()


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Writes scores with what is needed to read them."""
    _write_json(path / METRICS, metrics)


def write_scores(
    path: Path, scores: Scores, data: str, split: str, versions: Mapping[str, str]
) -> None:
    """Writes the scores of one evaluation with what they depend on."""
    values = {"data": data, "split": split, "scores": scores.values, "signature": scores.signature,
              "tables": scores.tables, "versions": dict(versions)}  # fmt: skip
    _write_json(path, values)


def write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a row for each epoch so far."""
    table = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path / HISTORY, table.getvalue())


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _read_settings(file: Path, task: Task[Any, Any]) -> Any:
    """The settings in a run's file; whatever is wrong with them is a RunError that names it."""
    try:
        values = read_yaml(file)
    except ConfigError as error:
        raise RunError(str(error)) from None
    try:
        return from_dict(task.Config, values)
    except ConfigError as error:
        raise RunError(f"{file}: {error}") from None


def _check_folder(path: Path, limits: Limits) -> None:
    """Raises RunError if what is read of a run lies outside its folder or is too large."""
    home, parts = path.resolve(), (PREPROCESSING, CHECKPOINTS)
    read = [path / name for name in (MANIFEST, CONFIG, WEIGHTS, METRICS, *parts)]
    for file in (*read, *(file for part in parts for file in (path / part).rglob("*"))):
        try:
            inside = file.resolve().is_relative_to(home)
        except (OSError, RuntimeError):  # a link to itself
            inside = False
        if not inside:
            raise RunError(f"{file}: a link to a file outside the run, which is not followed.")
        limits.check_file(file)


def _check_file(path: Path, name: str, digest: object) -> None:
    """Raises RunError unless the run in `path` has the file with that sum."""
    file = path / name
    try:
        if not file.resolve().is_relative_to(path.resolve()):
            raise RunError(f"{path / MANIFEST}: names a file outside the run, {name!r}.")
        if not file.is_file():
            raise RunError(f"{file}: missing; this run cannot be used without it.")
        if sha256(file) != digest:
            raise RunError(
                f"{file}: has changed since seqkit wrote it; restore it, or train again."
            )
    except (OSError, ValueError):  # no rights to read it, or no name that a file can have
        raise RunError(
            f"{path / MANIFEST}: names a file that cannot be read, {name[:80]!r}."
        ) from None


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder.")
    file = path / MANIFEST
    if not file.is_file():
        found = ", ".join(sorted(os.listdir(path))[:5]) or "nothing"
        raise RunError(f"{path}: not a run folder, {MANIFEST} is missing (found {found}).")
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = manifest["format"]
        if type(version) is not int or version < 1:
            raise ValueError("wrong types")
        if version > FORMAT:  # what else a newer manifest holds is not known
            raise RunError(f"{path}: written in format {version} by seqkit {manifest.get('seqkit')}; this seqkit "
                           f"({seqkit.__version__}) reads up to {FORMAT}: upgrade seqkit.")  # fmt: skip
        if not (isinstance(manifest["task"], str) and isinstance(manifest["files"], dict)):
            raise ValueError("wrong types")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{file}: not a run's manifest ({error}).") from None
    return manifest
