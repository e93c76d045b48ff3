"""Downloads that go on where they were cut, from the first address that answers."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch

BLOCK = 1 << 16
TIMEOUT = 60
"""Seconds without an answer after which an address counts as dead."""


class FetchError(Exception):
    """A file that no address gives as it should be."""


@dataclass(frozen=True)
class Download:
    """A public file.

    Attributes:
        name: What it is called on disk.
        urls: Where it is, best address first.
        known_hash: Its sum with the kind before it (`md5:...`), where the publisher's file is known to us; None: what
            it holds is checked later.
    """

    name: str
    urls: tuple[str, ...]
    known_hash: str | None = None


def fetch(download: Download, folder: Path) -> Path:
    """The file in `folder`, fetched unless it is there; it appears under its name only when it is whole.

    Raises:
        FetchError: if every address fails; names each with its reason.
    """
    failures = []
    for url in download.urls:
        try:
            path = pooch.retrieve(
                url, download.known_hash, download.name, folder,
                downloader=Resuming(folder / f"{download.name}.part"),
            )  # fmt: skip
            return Path(path)
        except (urllib.error.URLError, OSError, ValueError) as error:
            failures.append(f"  {url}: {' '.join(str(error).split())}")
    raise FetchError(f"{download.name}: cannot be fetched.\n" + "\n".join(failures))


class Resuming:
    """A downloader for pooch that keeps what has come, and asks for the rest the next time.

    Args:
        part: Where the unfinished file lies.
    """

    def __init__(self, part: Path) -> None:
        self.part = part

    def __call__(self, url: str, output_file: Any, pup: Any) -> None:
        self.part.parent.mkdir(parents=True, exist_ok=True)
        have = self.part.stat().st_size if self.part.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                self._receive(answer, have)
        except urllib.error.HTTPError as error:
            if error.code != 416:  # nothing left to send: the part is the whole
                raise
        self.part.replace(output_file)

    def _receive(self, answer: Any, have: int) -> None:
        """Appends the answer to the part, or begins anew where the server sends everything."""
        resumed = answer.status == 206
        total = int(answer.headers.get("Content-Length") or 0) + (have if resumed else 0)
        done = have if resumed else 0
        with self.part.open("ab" if resumed else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                done += len(block)
                _show(self.part.stem, done, total)
        if total and done != total:
            raise OSError(
                f"the connection was cut after {done:,} of {total:,} bytes; run again to go on"
            )


def _show(name: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        share = f"{done / total:.0%}" if total else f"{done >> 20} MiB"
        print(f"\r{name}: {share}", end="\n" if done == total else "", file=sys.stderr)
