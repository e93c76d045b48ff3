"""Writes `sums/NAME.json` from data known to be the published one; for whoever adds a data set."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from checking import FOLDER, block_sums, lines_of

SIZES = {
    "multi30k": 100,
    "conll2003": 1000,
    "wnut17": 500,
    "tatoeba": 500,
    "glove": 500,
    "flickr8k": 100,
}


def main() -> None:
    """Sums of the text files of a laid-out folder, and for two data sets of what lies inside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    parts = (
        inside(options.folder) if options.name == "imdb" else by_file(options.name, options.folder)
    )
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{options.name}.json").write_text(json.dumps(parts) + "\n", encoding="utf-8")


def summed(entries: Iterable[bytes], size: int) -> dict[str, object]:
    """An entry of the sum file."""
    return {"size": size, "blocks": list(block_sums(entries, size))}


def by_file(name: str, folder: Path) -> dict[str, dict[str, object]]:
    """Sums of each text file; of Flickr8k's captions only those of train and dev, which every copy holds."""
    files = sorted(f for f in folder.iterdir() if f.is_file() and "token" not in f.name)
    entries = lines_of
    if name == "conll2003":
        from conll2003 import tokens as entries
    parts = {file.name: summed(entries(file), SIZES[name]) for file in files}
    if name == "flickr8k":
        from flickr8k import LISTS, TOKENS, listed

        known = set().union(
            *(listed(folder / f) for f in LISTS if (folder / f).is_file() and "test" not in f)
        )
        captions = (
            li for li in lines_of(folder / TOKENS) if li.partition(b"#")[0].decode() in known
        )
        parts["captions"] = summed(captions, SIZES[name])
    return parts


def inside(folder: Path) -> dict[str, dict[str, object]]:
    """Sums of IMDb's reviews, folder by folder in the order of their names."""
    from imdb import ARCHIVE, FOLDERS
    from sources import tar_texts

    texts: dict[str, dict[str, bytes]] = {name: {} for name in FOLDERS}
    for name, content in tar_texts(folder / ARCHIVE):
        *_, split, label, file = ("", "", *name.split("/"))
        if f"{split}/{label}" in texts and file.endswith(".txt"):
            texts[f"{split}/{label}"][file] = content.strip()
    return {name: summed((found[f] for f in sorted(found)), 50) for name, found in texts.items()}


if __name__ == "__main__":
    main()
