"""What every data script does: say the licence, fetch or take, lay out beside, check, and only then put in place."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checking import CheckError
from fetching import Download, FetchError, fetch
from sources import Source, SourceError


@dataclass(frozen=True)
class DataSet:
    """A public data set.

    Attributes:
        name: What it is called.
        licence: Its terms, in a sentence, and where they stand.
        downloads: Its public files; none where it must be asked for.
        lay_out: Writes the layout that seqkit reads into an empty folder.
        check: Compares that layout with the published data and returns what it counted.
        usage: A seqkit command that reads it, with {out} for the folder.
        by_hand: How to ask for what cannot be fetched.
    """

    name: str
    licence: str
    downloads: tuple[Download, ...]
    lay_out: Callable[[Source, Path], None]
    check: Callable[[Path], str]
    usage: str
    by_hand: str = ""


def main(data: DataSet, argv: Sequence[str] | None = None) -> int:
    """Runs the script of a data set and returns the exit status: 0 done, 2 refused."""
    options = _parser(data).parse_args(argv)
    try:
        return _run(data, options.out, options.source)
    except (CheckError, FetchError, SourceError) as error:
        print(f"{data.name}: error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{data.name}: error: {error.filename}: {error.strerror}", file=sys.stderr)
    return 2


def _parser(data: DataSet) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=f"Gets {data.name}, checks it and lays it out for seqkit."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    about = "archive or folder that is on disk already, instead of fetching"
    parser.add_argument("--source", type=Path, metavar="PATH", help=about)
    return parser


def _run(data: DataSet, out: Path, source: Path | None) -> int:
    print(f"{data.name}. {data.licence}")
    if out.is_dir() and any(p.name != "downloads" for p in out.iterdir()):
        print(f"{out}: complete already ({data.check(out)}).")
        return 0
    if source is None:
        source = _fetched(data, out / "downloads")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        fresh = Path(temporary) / "data"
        fresh.mkdir()
        data.lay_out(Source(source), fresh)
        counted = data.check(fresh)
        out.mkdir(exist_ok=True)
        for part in sorted(fresh.iterdir()):
            shutil.move(part, out / part.name)
    print(f"{out}: {counted}. Next:\n  {data.usage.format(out=out)}")
    return 0


def _fetched(data: DataSet, folder: Path) -> Path:
    if not data.downloads:
        raise FetchError(f"cannot be fetched. {data.by_hand} Then add --source PATH.")
    for download in data.downloads:
        fetch(download, folder)
    return folder
