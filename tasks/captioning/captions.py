"""Readers of pictures with captions: tables, Flickr8k, COCO and Karpathy's JSON. Torch-free.

Each gives, for every split, its pictures with all their captions. Faults of a file are a
`DataError` with the file and the line or item.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from seqkit.data.readers import JSON_SUFFIXES, iter_lines, read_table
from seqkit.errors import DataError

FLICKR_CAPTIONS = "Flickr8k.token.txt"
FLICKR_SPLITS = {
    "train": "Flickr_8k.trainImages.txt",
    "dev": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
FLICKR_PICTURES = ("images", "Flicker8k_Dataset", "Flickr8k_Dataset")
SPLIT_NAMES = {
    "train": "train",
    "restval": "train",  # Karpathy's: COCO's validation pictures that he gives to training
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}
_NUM_NAMED = 3  # missing pictures that a message names


@dataclass(frozen=True)
class CaptionedPicture:
    """A picture's file and what people wrote about it, at least one caption."""

    path: Path
    captions: tuple[str, ...]


Splits = dict[str, list[CaptionedPicture]]
Row = tuple[str, str, str, str]  # split, picture's file name, caption, place in the file


def read_captions(
    path: Path,
    *,
    pictures: Path | None = None,
    picture_column: str = "picture",
    caption_column: str = "caption",
) -> Splits:
    """Pictures with their captions, by split, from any of the known formats.

    Known are a folder in Flickr8k's original layout (or its `Flickr8k.token.txt`), COCO's
    `captions_*.json`, Karpathy's `dataset_*.json`, and tables (`.csv`, `.tsv`, `.txt`, `.jsonl`,
    `.json`) with a row a caption: rows of one picture are its references. A table may have a column
    `split`.

    Args:
        path: The file or the folder.
        pictures: The folder with the pictures. By default: the folder of the captions, or a folder
            of the pictures' usual name in it.
        picture_column: Of a table: the column with the picture's file, absolute or relative to
            `pictures`.
        caption_column: Of a table: the column with the caption.

    Returns:
        The splits that the source has, out of `train`, `dev` and `test`. A source without splits is
        all `train`, but COCO's `captions_val*.json` is `dev`. Pictures and captions keep the order
        of the source.

    Raises:
        DataError: if a file cannot be read, a line or item is malformed, a caption is empty, a
            split has another name, or pictures are missing (with the first few and their number).
    """
    path = Path(path)
    if path.is_dir() or path.name == FLICKR_CAPTIONS:
        rows, usual_folders = _flickr_rows(path), list(FLICKR_PICTURES)
        base = path if path.is_dir() else path.parent
    else:
        base, usual_folders = path.parent, ["images"]
        document = _json_document(path)
        if document is None:
            rows = _table_rows(path, picture_column, caption_column)
        elif "annotations" in document:
            usual_folders.append(path.stem.removeprefix("captions_"))  # captions_val2014.json
            rows = _coco_rows(path, document)
        else:
            rows = _karpathy_rows(path, document)
    if pictures is None:
        pictures = next((base / name for name in usual_folders if (base / name).is_dir()), base)
    return _gathered(rows, Path(pictures), path)


def _gathered(rows: Iterable[Row], folder: Path, source: Path) -> Splits:
    """Rows of one picture put together, in the order of its first row."""
    captions: dict[str, dict[str, list[str]]] = {}
    split_of: dict[str, str] = {}
    for split, name, caption, where in rows:
        if not caption.strip() or not name.strip():
            empty = "caption" if name.strip() else "name of the picture"
            raise DataError(f"{where}: the {empty} is empty.")
        if split_of.setdefault(name, split) != split:
            raise DataError(f"{where}: {name} is in the splits {split_of[name]} and {split}.")
        captions.setdefault(split, {}).setdefault(name, []).append(caption.strip())
    if not captions:
        raise DataError(f"{source}: no captions.")
    _check_pictures(split_of, folder, source)
    return {
        split: [CaptionedPicture(folder / name, tuple(texts)) for name, texts in found.items()]
        for split, found in captions.items()
    }


def _check_pictures(names: Collection[str], folder: Path, source: Path) -> None:
    """One look at each folder, instead of one at each of many thousand files."""
    parents = {(folder / name).parent for name in names}
    there = {file for parent in parents if os.path.isdir(parent) for file in parent.iterdir()}
    missing = [name for name in names if folder / name not in there]
    if missing:
        first = ", ".join(islice(missing, _NUM_NAMED))
        more = ", ..." if len(missing) > _NUM_NAMED else ""
        raise DataError(
            f"{source}: {len(missing)} of the pictures are not in {folder}: {first}{more}. "
            "Give the folder that holds them."
        )


def _split(name: str, where: str) -> str:
    try:
        return SPLIT_NAMES[name.strip().lower()]
    except KeyError:
        raise DataError(
            f"{where}: unknown split {name!r}. Allowed: {', '.join(SPLIT_NAMES)}."
        ) from None


def _table_rows(path: Path, picture_column: str, caption_column: str) -> Iterator[Row]:
    columns = [picture_column, caption_column, *(["split"] if _has_splits(path) else [])]
    for number, row in enumerate(read_table(path, columns), start=1):
        where = f"{path}: row {number}"
        split = _split(row["split"], where) if "split" in row else "train"
        yield split, row[picture_column], row[caption_column], where


def _has_splits(path: Path) -> bool:
    """True if a table has the column, or one of its JSON objects the key, `split`."""
    if any(suffix in JSON_SUFFIXES for suffix in path.suffixes):
        return any('"split"' in line for line in iter_lines(path))
    header = next(iter_lines(path))
    return "split" in [name.strip(' "') for name in re.split("[,\t]", header)]


def _flickr_rows(path: Path) -> Iterator[Row]:
    """Pictures that stand in no list are left out: the captions are of more than the lists."""
    folder = path if path.is_dir() else path.parent
    token_file = folder / FLICKR_CAPTIONS
    if not token_file.is_file():
        raise DataError(
            f"{path}: the folder has no {FLICKR_CAPTIONS}. Give a folder in Flickr8k's layout, "
            "or the file with the captions: a table, or JSON of COCO or Karpathy."
        )
    splits = _flickr_splits(folder)
    for number, line in enumerate(iter_lines(token_file), start=1):
        where = f"{token_file}: line {number}"
        key, tab, caption = line.partition("\t")
        name, mark, index = key.rpartition("#")
        if not (tab and mark and index.strip().isdigit()):
            raise DataError(f"{where}: expected name.jpg#0<TAB>caption, got {line[:60]!r}.")
        if not splits:
            yield "train", name, caption, where
        elif name in splits:
            yield splits[name], name, caption, where


def _flickr_splits(folder: Path) -> dict[str, str]:
    """Split of each listed picture; `Flickr_8k.testImages.txt`, or any list, may be absent."""
    splits: dict[str, str] = {}
    for split, list_name in FLICKR_SPLITS.items():
        if not (folder / list_name).is_file():
            continue
        for number, line in enumerate(iter_lines(folder / list_name), start=1):
            name = line.strip()
            if name and splits.setdefault(name, split) != split:
                where = f"{folder / list_name}: line {number}"
                raise DataError(f"{where}: {name} is in the splits {splits[name]} and {split}.")
    return splits


def _json_document(path: Path) -> Mapping[str, Any] | None:
    """The JSON object that fills the file, if it is one that has `images`; None: it is a table."""
    if path.suffix.lower() != ".json":
        return None
    text = "\n".join(iter_lines(path))
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return None  # one object a line: a table
        raise DataError(f"{path}: line {error.lineno}: not valid JSON ({error.msg}).") from None
    except (ValueError, RecursionError) as error:  # too many digits, too many brackets
        raise DataError(f"{path}: not valid JSON ({error}).") from None
    is_document = isinstance(document, dict) and isinstance(document.get("images"), list)
    return document if is_document else None


def _coco_rows(path: Path, document: Mapping[str, Any]) -> Iterator[Row]:
    split = "dev" if path.stem.startswith("captions_val") else "train"
    names: dict[Any, str] = {}
    for number, image in enumerate(document["images"]):
        where = f"{path}: images[{number}]"
        names[_field(image, "id", (int, str), where)] = _field(image, "file_name", (str,), where)
    for number, annotation in enumerate(document["annotations"]):
        where = f"{path}: annotations[{number}]"
        image_id = _field(annotation, "image_id", (int, str), where)
        if image_id not in names:
            raise DataError(f"{where}: no image has the id {image_id!r:.60}.")
        yield split, names[image_id], _field(annotation, "caption", (str,), where), where


def _karpathy_rows(path: Path, document: Mapping[str, Any]) -> Iterator[Row]:
    for number, image in enumerate(document["images"]):
        where = f"{path}: images[{number}]"
        name = _field(image, "filename", (str,), where)
        if image.get("filepath"):  # COCO's: the folder, such as val2014
            name = f"{_field(image, 'filepath', (str,), where)}/{name}"
        split = _split(_field(image, "split", (str,), where), where)
        for sentence in _field(image, "sentences", (list,), where):
            yield split, name, _field(sentence, "raw", (str,), where), where


def _field(item: Any, key: str, types: tuple[type, ...], where: str) -> Any:
    """`item[key]`, checked."""
    if not isinstance(item, dict) or key not in item:
        raise DataError(f"{where}: expected an object with the key {key!r}.")
    if not isinstance(item[key], types):
        allowed = " or ".join(kind.__name__ for kind in types)
        raise DataError(f"{where}: {key!r} must be {allowed}, got {item[key]!r:.60}.")
    return item[key]
