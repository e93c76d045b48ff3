"""The folder of a comparison, and what all runs in it must have in common. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.config import merge
from seqkit.errors import RunError
from seqkit.files import read_json, write_text

ABOUT, TABLE, PAGE = "comparison.json", "comparison.csv", "comparison.html"
ANSWERS = "answers"
"""Folder of what the runs answer to the examples that are compared on."""


def open_folder(
    folder: Path, about: Mapping[str, Any], usual: Mapping[str, Any] | None = None
) -> None:
    """Makes a comparison's folder, or checks that the one that is there goes on with the same.

    Args:
        folder: The folder.
        about: What its runs have in common, plain values; nested ones are settings.
        usual: What a folder that lacks some of it means: settings that were not there yet had their defaults.

    Raises:
        RunError: if it holds another comparison or something else, or cannot be made.
    """
    file = folder / ABOUT
    if file.is_file():
        before = merge(usual or {}, read_json(file))
        if other := next((name for name in about if before.get(name) != about[name]), None):
            what = _difference(before.get(other), about[other], other)
            raise RunError(f"{folder}: a comparison with other {what}; choose another --out.")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder}: exists and is no comparison; choose another --out.")
    try:
        (folder / ANSWERS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror or error}).") from None
    write_text(file, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _difference(before: Any, now: Any, name: str) -> str:
    """What differs, in words: of settings the first one that does."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return name
    for section, values in now.items():
        for key, value in values.items():
            old = before.get(section, {}).get(key)
            if old != value:
                return f"{name} (`{section}.{key}` was {old}, is {value})"
    return name
