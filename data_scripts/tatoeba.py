"""Tatoeba, English-French pairs: `python data_scripts/tatoeba.py --out data/tatoeba`."""

from __future__ import annotations

import sys
from pathlib import Path

from checking import check_count, check_entries, lines_of, load_sums
from command import DataSet, main
from fetching import Download
from sources import Source

FILE, PAIRS = "fra.txt", 167_130


def lay_out(source: Source, out: Path) -> None:
    """`fra.tsv`-like lines: English, a tab, French; what newer editions add behind (who wrote it) is left out."""
    source.need(FILE, out / "whole.txt")
    with (out / FILE).open("wb") as file:
        for line in lines_of(out / "whole.txt"):
            file.write(b"\t".join(line.split(b"\t")[:2]) + b"\n")
    (out / "whole.txt").unlink()


def check(out: Path) -> str:
    """Compares the edition of 167,130 pairs; a larger one, which the site adds to, is only counted."""
    path = out / FILE
    found = sum(1 for _ in lines_of(path))
    if found > PAIRS:
        return f"{found:,} pairs, an edition newer than the one of {PAIRS:,} that can be checked"
    check_count(f"{path}, pairs", found, PAIRS)
    check_entries(str(path), lines_of(path), load_sums("tatoeba")[FILE])
    return f"{PAIRS:,} pairs"


TATOEBA = DataSet(
    name="Tatoeba English-French",
    licence="CC BY 2.0 FR, by the contributors of tatoeba.org. https://www.manythings.org/anki/",
    downloads=(Download("fra-eng.zip", ("https://www.manythings.org/anki/fra-eng.zip",)),),
    lay_out=lay_out,
    check=check,
    usage=f"seqkit train translation --data {{out}}/{FILE} --data.test_fraction 0.05",
)

if __name__ == "__main__":
    sys.exit(main(TATOEBA))
