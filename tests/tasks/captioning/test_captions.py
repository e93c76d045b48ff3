"""Readers of captions: every format gives the same pictures, and every fault says where it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from seqkit.tasks.captioning.captions import CaptionedPicture, Splits, read_captions

from seqkit.errors import DataError

CAPTIONS = {
    "train": {"a.jpg": ["a red dot", "one red dot"], "b.jpg": ["a blue dot"]},
    "dev": {"c.jpg": ["a green dot"]},
}
ROWS = [(s, n, c) for s, names in CAPTIONS.items() for n, cs in names.items() for c in cs]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the pictures of `CAPTIONS`, captions still to be written."""
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / name)
    return tmp_path


def expected(folder: Path) -> Splits:
    return {
        split: [CaptionedPicture(folder / "images" / n, tuple(cs)) for n, cs in names.items()]
        for split, names in CAPTIONS.items()
    }


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_flickr(folder: Path) -> None:
    lines = []
    for names in CAPTIONS.values():
        for name, captions in names.items():
            lines += [f"{name}#{i}\t{caption} ." for i, caption in enumerate(captions)]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "Flickr_8k.trainImages.txt").write_text("a.jpg\nb.jpg\n", encoding="utf-8")
    (folder / "Flickr_8k.devImages.txt").write_text("c.jpg\n", encoding="utf-8")


def coco(captions: dict[str, list[str]]) -> dict[str, Any]:
    images = [{"id": 10 + i, "file_name": name} for i, name in enumerate(captions)]
    annotations = [
        {"image_id": 10 + i, "caption": caption}
        for i, texts in enumerate(captions.values())
        for caption in texts
    ]
    return {"images": images, "annotations": annotations}


def test_rows_of_one_picture_in_a_csv_are_its_references(folder: Path) -> None:
    lines = ["picture,caption,split", *(f'{name},"{text}",{split}' for split, name, text in ROWS)]
    (folder / "captions.csv").write_text("\n".join(lines), encoding="utf-8")
    assert read_captions(folder / "captions.csv") == expected(folder)


def test_json_lines_may_name_their_columns_otherwise(folder: Path) -> None:
    lines = [json.dumps({"file": n, "text": c, "split": s}) for s, n, c in ROWS]
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    read = read_captions(folder / "captions.jsonl", picture_column="file", caption_column="text")
    assert read == expected(folder)


def test_objects_a_line_in_a_json_file_are_a_table(folder: Path) -> None:
    lines = [json.dumps({"picture": n, "caption": c, "split": s}) for s, n, c in ROWS]
    (folder / "captions.json").write_text("\n".join(lines), encoding="utf-8")
    assert read_captions(folder / "captions.json") == expected(folder)


def test_a_table_without_splits_is_all_train(folder: Path) -> None:
    (folder / "captions.tsv").write_text("picture\tcaption\na.jpg\ta split log\n", encoding="utf-8")
    read = read_captions(folder / "captions.tsv")
    assert read == {"train": [CaptionedPicture(folder / "images/a.jpg", ("a split log",))]}


def test_a_json_row_that_lacks_its_split_is_an_error(folder: Path) -> None:
    rows = [
        {"picture": "a.jpg", "caption": "a", "split": "dev"},
        {"picture": "b.jpg", "caption": "b"},
    ]
    path = write_json(folder / "captions.json", rows)
    with pytest.raises(DataError, match="item 2: no key 'split'"):
        read_captions(path)


def test_the_layout_of_flickr8k_is_found_in_its_folder_without_a_test_list(folder: Path) -> None:
    write_flickr(folder)
    read = read_captions(folder)
    assert {s: [p.path.name for p in ps] for s, ps in read.items()} == {
        "train": ["a.jpg", "b.jpg"],
        "dev": ["c.jpg"],
    }
    assert read["train"][0].captions == ("a red dot .", "one red dot .")
    assert read_captions(folder / "Flickr8k.token.txt") == read


def test_pictures_of_flickr8k_in_no_list_are_left_out(folder: Path) -> None:
    write_flickr(folder)
    (folder / "Flickr_8k.devImages.txt").unlink()
    assert list(read_captions(folder)) == ["train"]


def test_a_picture_in_two_lists_of_flickr8k_is_an_error(folder: Path) -> None:
    write_flickr(folder)
    (folder / "Flickr_8k.testImages.txt").write_text("a.jpg\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"testImages.txt: line 1: a.jpg is in the splits train and"
    ):
        read_captions(folder)


def test_coco_gives_each_caption_to_its_picture(folder: Path) -> None:
    train = write_json(folder / "captions_train2014.json", coco(CAPTIONS["train"]))
    dev = write_json(folder / "captions_val2014.json", coco(CAPTIONS["dev"]))
    assert {**read_captions(train), **read_captions(dev)} == expected(folder)


def test_karpathys_splits_are_ours_and_restval_is_train(folder: Path) -> None:
    splits = {"a.jpg": "train", "b.jpg": "restval", "c.jpg": "val"}
    images = [
        {"filename": n, "split": splits[n], "sentences": [{"raw": c} for c in texts]}
        for names in CAPTIONS.values()
        for n, texts in names.items()
    ]
    path = write_json(folder / "dataset_flickr8k.json", {"images": images})
    assert read_captions(path) == expected(folder)


def test_missing_pictures_are_counted_and_the_first_are_named(folder: Path) -> None:
    rows = [f"{n}.png,a dot" for n in range(5)]
    (folder / "captions.csv").write_text("\n".join(["picture,caption", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=r"5 of the pictures .*: 0\.png, 1\.png, 2\.png, \.\.\."):
        read_captions(folder / "captions.csv")


def test_pictures_may_lie_in_a_folder_of_their_own(folder: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "captions.csv").write_text("picture,caption\na.jpg,a dot\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 of the pictures are not in"):
        read_captions(texts / "captions.csv")
    read = read_captions(texts / "captions.csv", pictures=folder / "images")
    assert read["train"][0].path == folder / "images" / "a.jpg"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("captions.csv", "picture,caption\na.jpg,\n", "row 1: the caption is empty"),
        ("captions.csv", "picture,caption,split\na.jpg,x,tset\n", "unknown split 'tset'"),
        ("captions.csv", "picture,caption,split\na.jpg,x,dev\na.jpg,y,test\n", "dev and test"),
        ("captions.csv", "image,caption\na.jpg,x\n", "no column 'picture'"),
        (
            "captions.csv",
            f"picture,caption\n{'a' * 5000}/b.jpg,x\n",
            "1 of the pictures are not in",
        ),
        ("captions.json", '{"images": [\n{"id": 1,, ]}', "line 2: not valid JSON"),
        ("captions.json", '{"images": [{"id": ' + "9" * 5000 + "}]}", "not valid JSON"),
        ("captions.json", "[" * 100_000, "not valid JSON"),
        ("captions_x.json", '{"images": [{"id": 1}], "annotations": []}', "'file_name'"),
        (
            "captions_x.json",
            '{"images": [{"id": [], "file_name": "a"}], "annotations": []}',
            "'id'",
        ),
        (
            "captions_x.json",
            '{"images": [], "annotations": [{"image_id": 7, "caption": "x"}]}',
            r"annotations\[0\]: no image has the id 7",
        ),
        ("captions_x.json", '{"images": [], "annotations": []}', "no captions"),
        ("dataset.json", '{"images": [{"filename": "a.jpg"}]}', r"images\[0\].*'split'"),
        ("Flickr8k.token.txt", "a.jpg#0\tok\na.jpg no tab\n", "line 2: expected name.jpg#0<TAB>"),
    ],
)
def test_a_fault_is_named_with_its_place(folder: Path, name: str, text: str, message: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_captions(folder / name)


def test_a_line_that_is_not_utf8_is_named(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_bytes(b"a.jpg#0\tok\na.jpg#1\t\xff\n")
    with pytest.raises(DataError, match=r"line 2: not UTF-8"):
        read_captions(folder)


def test_a_folder_without_captions_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no Flickr8k\.token\.txt.*a table"):
        read_captions(tmp_path)


def test_the_real_flickr8k_has_its_published_sizes() -> None:
    if "SEQKIT_DATA" not in os.environ:
        pytest.skip("SEQKIT_DATA is not set")
    read = read_captions(Path(os.environ["SEQKIT_DATA"]) / "flickr8k")
    assert {split: len(pictures) for split, pictures in read.items() if split != "test"} == {
        "train": 6000,
        "dev": 1000,
    }
    assert {len(p.captions) for pictures in read.values() for p in pictures} == {5}
