"""IMDb, the Large Movie Review Dataset (Maas et al. 2011): `python data_scripts/imdb.py --out data/imdb`."""

from __future__ import annotations

import sys
from pathlib import Path

from checking import check_count, check_entries, load_sums
from command import DataSet, main
from fetching import Download
from sources import Source, tar_texts

ARCHIVE = "aclImdb.tar.gz"
FOLDERS = {f"{split}/{label}": 12_500 for split in ("train", "test") for label in ("neg", "pos")}


def lay_out(source: Source, out: Path) -> None:
    """The archive as it is: seqkit reads it without unpacking 50,000 files."""
    packed = source.find(ARCHIVE, "aclImdb_v1.tar.gz")
    if packed is not None:
        (out / ARCHIVE).write_bytes(packed.read_bytes())
        return
    source.need(ARCHIVE, out / ARCHIVE, "aclImdb_v1.tar.gz")


def check(out: Path) -> str:
    """Counts the reviews, and compares them folder by folder in the order of their names."""
    texts: dict[str, dict[str, bytes]] = {folder: {} for folder in FOLDERS}
    for name, content in tar_texts(out / ARCHIVE):
        *_, split, label, file = ("", "", *name.split("/"))
        if f"{split}/{label}" in texts and file.endswith(".txt"):
            texts[f"{split}/{label}"][file] = content
    sums = load_sums("imdb")
    for folder, wanted in FOLDERS.items():
        where = f"{out / ARCHIVE}: {folder}"
        check_count(f"{where}, reviews", len(texts[folder]), wanted)
        entries = (texts[folder][file].strip() for file in sorted(texts[folder]))
        check_entries(where, entries, sums[folder], "reviews in the order of their names")
    return "25,000 reviews to learn from, 25,000 to test"


IMDB = DataSet(
    name="IMDb reviews",
    licence="For research; cite Maas et al. 2011. https://ai.stanford.edu/~amaas/data/sentiment/",
    downloads=(
        Download(
            "aclImdb_v1.tar.gz",
            ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
            "md5:7c2ac02c03563afcf9b574c7e56c153a",
        ),
    ),
    lay_out=lay_out,
    check=check,
    usage=f"seqkit train sentiment --recipe imdb-lstm --data {{out}}/{ARCHIVE}",
)

if __name__ == "__main__":
    sys.exit(main(IMDB))
