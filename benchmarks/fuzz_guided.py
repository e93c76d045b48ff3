"""Feeds a reader what leads it to code that it has not run yet, by atheris (`pip install atheris`).

    python benchmarks/fuzz_guided.py conll [--seconds 60] [--seed 1]

The targets are those of fuzz.py; atheris begins with their good files, one of which is changed in each case. It
ends with an error at the first exception that is no SeqkitError, at a case that takes more than ten seconds, and where
memory passes 2 GB; the case is then written into the working folder.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["seqkit"]):
    from fuzz import SLOW, TARGETS, good_files, use_changed

    from seqkit.errors import SeqkitError


def main() -> None:
    """Feeds one target; the exit status is atheris'."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    target = TARGETS[options.target]
    with tempfile.TemporaryDirectory() as home:
        folder, corpus = Path(home, "files"), Path(home, "corpus")
        folder.mkdir()
        corpus.mkdir()
        good = good_files(target, folder)
        files = sorted(good)
        for number, file in enumerate(files):
            (corpus / str(number)).write_bytes(bytes([number]) + good[file])

        def feed(data: bytes) -> None:
            """Uses the files with the content of one of them, which the first byte chooses, replaced."""
            if not data:
                return
            file = files[data[0] % len(files)]
            with contextlib.suppress(SeqkitError):
                use_changed(target, good, folder, file, data[1:])

        limits = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-timeout={SLOW:.0f}",
                  "-rss_limit_mb=2048", "-max_len=20000"]  # fmt: skip
        atheris.Setup([sys.argv[0], *limits, str(corpus)], feed)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
