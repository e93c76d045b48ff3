"""Is it the published data? Counts, and sums of blocks that tell where a copy first differs.

A sum file (`sums/NAME.json`) keeps eight hexadecimal digits for each block of lines of each file: hashes, no text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "sums"


class CheckError(Exception):
    """A file that is not the published one."""


def check_count(what: str, found: int, wanted: int) -> None:
    """Raises CheckError unless the numbers are the same."""
    if found != wanted:
        raise CheckError(f"{what}: {found:,} found, {wanted:,} published.")


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file without their ends, `\\n` or `\\r\\n`."""
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def block_sums(entries: Iterable[bytes], size: int) -> Iterator[str]:
    """A sum for each block of `size` entries."""
    entries = iter(entries)
    while block := list(islice(entries, size)):
        digest = hashlib.sha256()
        for entry in block:
            digest.update(len(entry).to_bytes(4, "little") + entry)
        yield digest.hexdigest()[:8]


def check_entries(
    where: str, entries: Iterable[bytes], sums: dict[str, Any], unit: str = "lines"
) -> None:
    """Compares entries (lines, texts) with the published ones.

    Args:
        where: The file, for people.
        entries: What it holds.
        sums: `{"size": entries a block, "blocks": [...]}`.
        unit: What entries are called.

    Raises:
        CheckError: at the first block that differs, with the entries it covers.
    """
    size, wanted = int(sums["size"]), list(sums["blocks"])
    found = list(block_sums(entries, size))
    for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            first, last = index * size + 1, (index + 1) * size
            raise CheckError(
                f"{where}: differs from the published data, first within {unit} {first:,} to {last:,}."
            )
    if len(found) != len(wanted):
        raise CheckError(
            f"{where}: {'longer' if len(found) > len(wanted) else 'shorter'} than the published data."
        )


def load_sums(name: str) -> dict[str, Any]:
    """The sums of a data set by file."""
    sums: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return sums


def check_files(folder: Path, name: str) -> None:
    """Compares every file of `folder` that the sum file knows; one that is absent is left out.

    Raises:
        CheckError: names the first file that differs, and where.
    """
    for file, sums in load_sums(name).items():
        if (folder / file).is_file():
            check_entries(str(folder / file), lines_of(folder / file), sums)
