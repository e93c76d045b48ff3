"""Files written whole or not at all, and sums that tell whether they changed. Torch-free."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqkit.errors import RunError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is moved over it when the block ends well, and removed when it does not.

    Raises:
        RunError: if the folder cannot be written to or the disk is full.
    """
    temporary = path
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        if temporary != path:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file in one move."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """What a JSON file of a run holds.

    Raises:
        RunError: if it is missing, or is not JSON in UTF-8.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable ({error}).") from None


def read_names(path: Path) -> list[str]:
    """The names in a JSON file of a run, such as labels: a list of texts, none of them empty or there twice.

    Raises:
        RunError: if it is missing or holds anything else.
    """
    names = read_json(path)
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(name, str) and name for name in names)
        or len(set(names)) < len(names)
    ):
        raise RunError(f"{path}: must be a JSON list of names, none of them empty or there twice.")
    return names


def cache_folder() -> Path:
    """Where seqkit keeps what it can make again: SEQKIT_CACHE, or the platform's usual place."""
    if chosen := os.environ.get("SEQKIT_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "seqkit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "seqkit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqkit"


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
