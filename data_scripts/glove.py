"""GloVe word vectors (Pennington et al. 2014), 100 numbers a word: `python data_scripts/glove.py --out data/glove`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from checking import CheckError, block_sums, check_count, check_entries, lines_of, load_sums
from command import DataSet, main
from fetching import Download
from sources import Source, SourceError

FILE, WORDS = "glove.6B.100d.txt", 400_000
SELECTION, SELECTED = "glove.6B.100d.top100k.txt", 100_000
"""Copies go round that hold the most frequent plain words alone, without numbers, abbreviations and single letters."""
URLS = (
    "https://nlp.stanford.edu/data/glove.6B.zip",
    "https://downloads.cs.stanford.edu/nlp/data/glove.6B.zip",
)


def lay_out(source: Source, out: Path) -> None:
    """All words of the published file, or those of the selection where the source has only that."""
    if not source.copy(FILE, out / FILE) and not source.copy(SELECTION, out / FILE):
        raise SourceError(f"{source.path}: holds neither {FILE} nor {SELECTION}.")


def check(out: Path) -> str:
    """Counts the words; compares the vectors of the selection, or of 2,000 words of the whole file."""
    path, sums = out / FILE, load_sums("glove")
    found = sum(1 for _ in lines_of(path))
    if found == SELECTED:
        check_entries(str(path), lines_of(path), sums[SELECTION])
        return f"a selection of {SELECTED:,} words, 100 numbers each"
    check_count(f"{path}, words", found, WORDS)
    check_samples(str(path), lines_of(path), sums["samples"])
    return f"{WORDS:,} words, 100 numbers each"


def check_samples(where: str, lines: Iterable[bytes], samples: dict[str, str]) -> None:
    """Compares the lines of some words with the published ones.

    Raises:
        CheckError: names the first word whose line differs, or one that is missing.
    """
    left = dict(samples)
    for line in lines:
        word = line.partition(b" ")[0].decode(errors="replace")
        if word in left and next(block_sums([line], 1)) != left.pop(word):
            raise CheckError(f"{where}: the vector of {word!r} differs from the published one.")
    if left:
        raise CheckError(
            f"{where}: no vector of {next(iter(left))!r}, which the published file has."
        )


GLOVE = DataSet(
    name="GloVe 6B, 100 dimensions",
    licence="Public Domain Dedication and License. https://nlp.stanford.edu/projects/glove/",
    downloads=(Download("glove.6B.zip", URLS, "md5:056ea991adb4740ac6bf1b6d9b50408b"),),
    lay_out=lay_out,
    check=check,
    usage=f"seqkit train sentiment --recipe imdb-lstm-glove --model.vectors {{out}}/{FILE}",
)

if __name__ == "__main__":
    sys.exit(main(GLOVE))
