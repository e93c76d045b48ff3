"""What takes long to make, kept on disk for the next training under a name that tells all it was made from.

An entry is a folder of files that is moved into place when it is whole, with their sums, and never changed after that.
So any number of processes may read and add at once without a lock: two that make the same entry waste time, nothing
else. A damaged entry is made again, and those that were not used for the longest time make room for new ones.
Torch-free.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import seqkit
from seqkit.errors import RunError
from seqkit.files import cache_folder, read_json, sha256

T = TypeVar("T")

log = logging.getLogger(__name__)

FORMAT = 1
"""Version of the entries' contents; another one has other names."""
FEW = 5000
"""Examples that are not worth an entry: they are made in a second or two."""
ROOM = 4 * 2**30
"""Bytes that all entries may take; a larger one is kept alone."""
SUMS = "sums.json"


def content_digest(examples: Iterable[object]) -> str:
    """A sum over all examples."""
    digest = hashlib.sha256()
    update_digest(digest, examples)
    return digest.hexdigest()


def update_digest(digest: hashlib._Hash, examples: Iterable[object]) -> None:
    """Takes all examples into a sum; a sequence that knows its own, as an attribute `digest`, is not read again."""
    own = getattr(examples, "digest", None)
    for example in (own,) if own else examples:
        digest.update(repr(example).encode("utf-8", "backslashreplace"))


def kept(
    kind: str, made_from: object, write: Callable[[Path], None], read: Callable[[Path], T]
) -> T | None:
    """What `read` finds in the entry's folder, which `write` fills where there is no such entry; None, with a warning,
    where the cache's folder cannot be written to.

    Args:
        kind: Begins the entry's name.
        made_from: All that the contents depend on beside seqkit's version, with a `repr` that tells it.
        write: Makes the contents and writes them as files into an empty folder.
        read: Reads them. For a damaged file it may raise OSError, ValueError or RunError.
    """
    name = hashlib.sha256(repr((FORMAT, seqkit.__version__, made_from)).encode()).hexdigest()
    entry = cache_folder() / "kept" / f"{kind}-{name[:32]}"
    if entry.is_dir():
        try:
            _check(entry)
            os.utime(entry)
            return read(entry)
        except (OSError, ValueError, TypeError, AttributeError, RunError) as error:
            log.warning("%s: damaged (%s); it is made again.", entry, error)
            shutil.rmtree(entry, ignore_errors=True)
    try:
        _make(entry, write)
        _make_room(entry)
        return read(entry)
    except (OSError, ValueError, RunError) as error:
        log.warning("%s: cannot be kept (%s).", entry, error)
        return None


def _make(entry: Path, write: Callable[[Path], None]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".", dir=entry.parent))
    try:
        write(temporary)
        sums = {file.name: sha256(file) for file in temporary.iterdir()}
        (temporary / SUMS).write_text(json.dumps(sums), encoding="utf-8")
        try:
            temporary.rename(entry)
        except OSError:
            _check(entry)  # it is there where another process was faster
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check(entry: Path) -> None:
    """Raises ValueError or RunError unless every file is what was written."""
    sums = read_json(entry / SUMS)
    changed = [name for name, digest in sums.items() if sha256(entry / name) != digest]
    if changed:
        raise ValueError(f"{changed[0]} has changed")


def _make_room(newest: Path) -> None:
    """Removes what was not used for the longest time until all entries fit into `ROOM`, and what kills left."""
    free, day = ROOM - _size(newest), 24 * 60 * 60
    others = [other for other in newest.parent.iterdir() if other != newest]
    for other in sorted(others, key=_used, reverse=True):
        if other.name.startswith("."):  # being written, or left by a kill
            superfluous = time.time() - _used(other) > day
        else:
            free -= _size(other)
            superfluous = free < 0
        if superfluous:
            shutil.rmtree(other, ignore_errors=True)


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:  # another process removed it
        return 0.0


def _size(entry: Path) -> int:
    try:
        return sum(file.stat().st_size for file in entry.iterdir())
    except OSError:
        return 0
