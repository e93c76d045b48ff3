"""Runs as a stranger might send them: copies of the kept ones, altered, with the sums made to fit."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251
import shutil
from pathlib import Path
from typing import Any

import yaml

import seqkit
from seqkit.files import sha256
from seqkit.run import CONFIG, FORMAT, MANIFEST, PREPROCESSING

KEPT = Path(__file__).parent / "fixtures" / f"format-{FORMAT}"
TASKS = ("captioning", "language", "ner", "sentiment", "translation")
PICTURE = KEPT / "red.png"


def copied(task: str, folder: Path) -> Path:
    """A copy of a task's kept run."""
    shutil.copytree(KEPT / task, folder / "run")
    return folder / "run"


def sealed(run: Path) -> Path:
    """The run with a manifest that fits its files as they are."""
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    files = [run / CONFIG, *sorted((run / PREPROCESSING).rglob("*"))]
    manifest["files"] = {f.relative_to(run).as_posix(): sha256(f) for f in files if f.is_file()}
    (run / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return run


def with_settings(run: Path, **changes: Any) -> Path:
    """The run with single settings changed: `model__cell="gru"`."""
    values = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
    for name, value in changes.items():
        section, field = name.split("__")
        values[section][field] = value
    (run / CONFIG).write_text(yaml.safe_dump(values), encoding="utf-8")
    return sealed(run)


def with_file(run: Path, name: str, content: bytes) -> Path:
    """The run with another content of one file."""
    (run / name).write_bytes(content)
    return sealed(run)


def answer(run: Path) -> Any:
    """What the run answers to an input of its task."""
    predictor = seqkit.load(run, device="cpu")
    return predictor.predict(str(PICTURE) if predictor.task.name == "captioning" else "mila toro")


class Evil:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def pickled(trace: Path) -> bytes:
    """A pickle that makes a folder `trace` when it is loaded."""
    return pickle.dumps(Evil(trace))
