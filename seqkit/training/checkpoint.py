"""Checkpoints: all that an interrupted training needs to go on as if nothing had happened.

A checkpoint is one safetensors file that is moved into place when it is whole: tensors by name and, as JSON beside
them, what is no tensor. The last two are kept, so that a torn or altered one costs the steps since the one before. No
pickle.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from seqkit.errors import RunError
from seqkit.weights import read_tensors, save_tensors

KEPT = 2
"""Checkpoints that a run keeps."""

NESTED = (Tensor, dict, list, tuple)
"""What is not written as it is."""

LAYOUT = 2
"""Version of what a trainer keeps in them. A training goes on with its own only; a finished run loads for ever."""


def save_checkpoint(folder: Path, step: int, tree: Any) -> None:
    """Writes nested values with tensors among them, and removes all checkpoints but the last.

    Args:
        folder: Folder of a run's checkpoints.
        step: Training steps done, which names the file.
        tree: Dictionaries, lists, plain values and tensors.

    Raises:
        RunError: if it cannot be written; the checkpoints that are there stay.
    """
    folder.mkdir(exist_ok=True)
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_packed(tree, "", tensors))
    save_tensors(tensors, folder / f"step-{step:09d}.safetensors", text)
    for old in _files(folder)[KEPT:]:
        old.unlink()


def read_checkpoint(folder: Path, on_fault: Callable[[str], None]) -> Any:
    """The newest checkpoint that is whole; None where there is none.

    Args:
        folder: Folder of a run's checkpoints.
        on_fault: Told of one that is not.
    """
    for path in _files(folder):
        try:
            tensors, text = read_tensors(path)
            return _unpacked(json.loads(text), tensors)
        except (RunError, ValueError, KeyError, TypeError, RecursionError) as error:
            on_fault(f"{error} The checkpoint before it is used.")
    return None


def remove_checkpoints(folder: Path) -> None:
    """Removes them all, and their folder if nothing else is in it."""
    for path in [*_files(folder), *folder.glob(".step-*")]:  # and what a kill left half written
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _files(folder: Path) -> list[Path]:
    """Checkpoints, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def _packed(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The tree for JSON: tensors are put aside under their path, dictionaries become lists of pairs (their keys may be
    numbers)."""
    if isinstance(tree, Tensor):
        tensors[name] = tree
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"pairs": [[k, _packed(v, f"{name}/{k}", tensors)] for k, v in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return [
            _packed(value, f"{name}/{i}", tensors) if isinstance(value, NESTED) else value
            for i, value in enumerate(tree)
        ]
    return tree


def _unpacked(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """The tree that `_packed` packed, with lists for tuples."""
    if isinstance(tree, dict):
        if "tensor" in tree:
            return tensors[tree["tensor"]]
        return {key: _unpacked(value, tensors) for key, value in tree["pairs"]}
    if isinstance(tree, list):
        return [_unpacked(value, tensors) for value in tree]
    return tree
