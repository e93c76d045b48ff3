"""Multi30k, task 1, English-French (Elliott et al. 2016): `python data_scripts/multi30k.py --out data/multi30k`."""

from __future__ import annotations

import sys
from pathlib import Path

from checking import check_count, check_files, lines_of
from command import DataSet, main
from fetching import Download
from sources import Source

SPLITS = {"train": 29_000, "val": 1_014, "test_2016_flickr": 1_000}
LANGUAGES = ("en", "fr")
FILES = [f"{split}.{language}" for split in SPLITS for language in LANGUAGES]
RAW = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"


def lay_out(source: Source, out: Path) -> None:
    """Line-aligned files, a sentence a line."""
    for file in FILES:
        source.need(file, out / file)


def check(out: Path) -> str:
    """Counts the sentences of every file and compares them."""
    for split, wanted in SPLITS.items():
        for language in LANGUAGES:
            path = out / f"{split}.{language}"
            check_count(f"{path}, sentences", sum(1 for _ in lines_of(path)), wanted)
    check_files(out, "multi30k")
    return "29,000 pairs to learn from, 1,014 to choose, 1,000 to test"


MULTI30K = DataSet(
    name="Multi30k English-French",
    licence="For research, as Flickr30k is; cite Elliott et al. 2016 and 2017. https://github.com/multi30k/dataset",
    downloads=tuple(Download(f"{file}.gz", (f"{RAW}/{file}.gz",)) for file in FILES),
    lay_out=lay_out,
    check=check,
    usage="seqkit train translation --recipe multi30k-gru --data {out}",
)

if __name__ == "__main__":
    sys.exit(main(MULTI30K))
