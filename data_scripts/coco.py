"""COCO captions with Karpathy's split: `python data_scripts/coco.py --out data/coco` (19 GB)."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path

from checking import CheckError, check_count
from command import DataSet, main
from fetching import Download
from sources import Source, SourceError

CAPTIONS, FOLDERS = "dataset_coco.json", ("train2014", "val2014")
PICTURES = {"train": 82_783, "restval": 30_504, "val": 5_000, "test": 5_000}


def lay_out(source: Source, out: Path) -> None:
    """The split file and the two folders of pictures that it names."""
    source.need(CAPTIONS, out / CAPTIONS)
    for folder in FOLDERS:
        packed = source.find(f"{folder}.zip")
        loose = next((f.parent for f in source.files if f.parent.name == folder), None)
        if packed is not None:
            _unpack(packed, out)
        elif loose is not None:
            shutil.copytree(loose, out / folder)
        else:
            raise SourceError(f"{source.path}: holds neither {folder}.zip nor a folder {folder}.")


def _unpack(path: Path, out: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        for member in packed.namelist():
            if not (out / member).resolve().is_relative_to(out.resolve()):
                raise SourceError(f"{path}: a member leads outside the folder, {member!r}.")
        packed.extractall(out)


def check(out: Path) -> str:
    """Counts the pictures of each part, and sees that each is there."""
    try:
        images = json.loads((out / CAPTIONS).read_text(encoding="utf-8"))["images"]
        found = Counter(image["split"] for image in images)
        paths = [out / image["filepath"] / image["filename"] for image in images]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckError(f"{out / CAPTIONS}: not Karpathy's split file ({error}).") from None
    for split, wanted in PICTURES.items():
        check_count(f"{out / CAPTIONS}, pictures of {split}", found[split], wanted)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise CheckError(f"{missing[0]}: missing, with {len(missing) - 1:,} others.")
    return ", ".join(f"{wanted:,} {split}" for split, wanted in PICTURES.items())


COCO = DataSet(
    name="COCO captions 2014",
    licence="Captions CC BY 4.0; the pictures belong to their authors on Flickr. https://cocodataset.org/#termsofuse",
    downloads=(
        Download(
            "caption_datasets.zip",
            ("https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",),
        ),
        Download("train2014.zip", ("http://images.cocodataset.org/zips/train2014.zip",)),
        Download("val2014.zip", ("http://images.cocodataset.org/zips/val2014.zip",)),
    ),
    lay_out=lay_out,
    check=check,
    usage=f"seqkit train captioning --data {{out}}/{CAPTIONS} --data.pictures {{out}}",
)

if __name__ == "__main__":
    sys.exit(main(COCO))
