"""Flickr8k (Hodosh et al. 2013): `python data_scripts/flickr8k.py --out data/flickr8k`."""

from __future__ import annotations

import sys
from pathlib import Path

from checking import check_count, check_entries, check_files, lines_of, load_sums
from command import DataSet, main
from fetching import Download
from sources import Source, SourceError

TOKENS, PICTURES = "Flickr8k.token.txt", "images"
LISTS = {
    "Flickr_8k.trainImages.txt": 6_000,
    "Flickr_8k.devImages.txt": 1_000,
    "Flickr_8k.testImages.txt": 1_000,
}
RELEASE = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k"


def lay_out(source: Source, out: Path) -> None:
    """Captions, the lists of the splits, and the pictures they name in one folder; the test split may be missing."""
    source.need(TOKENS, out / TOKENS)
    names: set[str] = set()
    for file in LISTS:
        if source.copy(file, out / file):
            names |= listed(out / file)
        elif "test" not in file:
            raise SourceError(f"{source.path}: holds no {file}.")
        else:
            print(f"{file} is missing: there will be no test score.")
    source.copy_pictures(names, out / PICTURES)


def listed(path: Path) -> set[str]:
    """The names of pictures in a list."""
    return {line.strip().decode() for line in lines_of(path) if line.strip()}


def check(out: Path) -> str:
    """Counts pictures, and compares the lists and the captions of train and dev."""
    counted, known = [], set()
    for file, wanted in LISTS.items():
        if not (out / file).is_file():
            continue
        names = listed(out / file)
        check_count(f"{out / file}, pictures", len(names), wanted)
        there = sum((out / PICTURES / name).is_file() for name in names)
        check_count(f"{out / PICTURES}, pictures of {file}", there, wanted)
        counted.append(f"{wanted:,} of {file}")
        known |= names if "test" not in file else set()
    check_files(out, "flickr8k")
    captions = (
        line for line in lines_of(out / TOKENS) if line.partition(b"#")[0].decode() in known
    )
    check_entries(
        str(out / TOKENS), captions, load_sums("flickr8k")["captions"], "captions of train and dev"
    )
    return f"pictures: {', '.join(counted)}"


FLICKR8K = DataSet(
    name="Flickr8k",
    licence="For research and teaching; the pictures belong to their authors on Flickr. Terms: "
    "https://hockenmaier.cs.illinois.edu/8k-pictures.html",
    downloads=(
        Download("Flickr8k_text.zip", (f"{RELEASE}/Flickr8k_text.zip",)),
        Download("Flickr8k_Dataset.zip", (f"{RELEASE}/Flickr8k_Dataset.zip",)),
    ),
    lay_out=lay_out,
    check=check,
    usage="seqkit train captioning --recipe flickr8k-attend --data {out}",
)

if __name__ == "__main__":
    sys.exit(main(FLICKR8K))
