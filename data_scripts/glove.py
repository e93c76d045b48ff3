"""GloVe word vectors (Pennington et al. 2014), 100 numbers a word: `python data_scripts/glove.py --out data/glove`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from checking import check_count, check_entries, lines_of, load_sums
from command import DataSet, main
from fetching import Download
from sources import Source

WHOLE, FILE, WORDS = "glove.6B.100d.txt", "glove.6B.100d.top100k.txt", 100_000
URLS = (
    "https://nlp.stanford.edu/data/glove.6B.zip",
    "https://downloads.cs.stanford.edu/nlp/data/glove.6B.zip",
)


def lay_out(source: Source, out: Path) -> None:
    """The 100,000 most frequent words, which are the first ones of the published file."""
    source.need(FILE, out / "whole.txt", WHOLE)
    with (out / FILE).open("wb") as file:
        file.writelines(line + b"\n" for line in islice(lines_of(out / "whole.txt"), WORDS))
    (out / "whole.txt").unlink()


def check(out: Path) -> str:
    """Counts the words and compares their vectors."""
    check_count(f"{out / FILE}, words", sum(1 for _ in lines_of(out / FILE)), WORDS)
    check_entries(str(out / FILE), lines_of(out / FILE), load_sums("glove")[FILE])
    return f"{WORDS:,} words, 100 numbers each"


GLOVE = DataSet(
    name="GloVe 6B, 100 dimensions",
    licence="Public Domain Dedication and License. https://nlp.stanford.edu/projects/glove/",
    downloads=(Download("glove.6B.zip", URLS),),
    lay_out=lay_out,
    check=check,
    usage=f"seqkit train sentiment --recipe imdb-lstm-glove --model.vectors {{out}}/{FILE}",
)

if __name__ == "__main__":
    sys.exit(main(GLOVE))
