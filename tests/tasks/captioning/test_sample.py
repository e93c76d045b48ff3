"""The built-in sample: the same every time, honest splits, and no way to guess a caption blindly."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from seqkit.tasks.captioning import sample
from seqkit.tasks.captioning.captions import CaptionedPicture, Splits


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    return sample.make_sample(tmp_path_factory.mktemp("sample"))


def test_the_splits_have_their_sizes_and_every_picture_has_four_captions(splits: Splits) -> None:
    assert {name: len(pictures) for name, pictures in splits.items()} == sample.NUM_PICTURES
    assert {len(set(p.captions)) for pictures in splits.values() for p in pictures} == {4}


def test_only_the_pictures_are_written_and_they_are_64_pixels_wide(splits: Splits) -> None:
    files = [p.path for pictures in splits.values() for p in pictures]
    assert sorted(files[0].parent.iterdir()) == sorted(files)
    with Image.open(files[0]) as picture:
        assert (picture.mode, picture.size) == ("RGB", (64, 64))


def test_no_caption_of_one_picture_fits_another(splits: Splits) -> None:
    counts = Counter(c for pictures in splits.values() for p in pictures for c in p.captions)
    assert max(counts.values()) == 1


def test_every_word_of_test_is_known_from_train(splits: Splits) -> None:
    words = {
        name: {word for p in pictures for caption in p.captions for word in caption.split()}
        for name, pictures in splits.items()
    }
    assert words["test"] <= words["train"]


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others(tmp_path: Path) -> None:
    def drawn(folder: str, seed: int) -> list[tuple[bytes, tuple[str, ...]]]:
        made = sample.make_sample(tmp_path / folder, seed)["dev"]
        return [(p.path.read_bytes(), p.captions) for p in made]

    assert drawn("a", 3) == drawn("b", 3)
    assert drawn("a", 3) != drawn("c", 4)


@pytest.mark.parametrize(("layout", "first_is"), [("left of", 0), ("above", 1)])
def test_the_first_object_stands_where_its_caption_says(layout: str, first_is: int) -> None:
    things = (sample.Thing("large", "red", "circle"), sample.Thing("large", "blue", "square"))
    scene = sample.Scene(layout, things)
    for seed in range(20):
        picture = sample.draw_scene(scene, random.Random(seed))
        places = {
            colour: [
                (x, y)
                for x in range(64)
                for y in range(64)
                if picture.getpixel((x, y))[index] > 170  # type: ignore[index]
                and sum(picture.getpixel((x, y))) < 420  # type: ignore[arg-type]
            ]
            for colour, index in (("red", 0), ("blue", 2))
        }
        middle = {
            colour: sum(point[first_is] for point in points) / len(points)
            for colour, points in places.items()
        }
        assert middle["red"] < middle["blue"]


def test_objects_never_reach_beyond_the_picture_nor_touch_each_other() -> None:
    rng = random.Random(0)
    for layout, places in sample.LAYOUTS.items():
        shapes = (*sample.SHAPES, *sample.SHAPES)
        things = [sample.Thing("large", "red", shape) for shape in shapes]
        for _ in range(5):
            rng.shuffle(things)
            scene = sample.Scene(layout, tuple(things[: len(places.centres)]))
            assert num_patches(sample.draw_scene(scene, rng)) == len(places.centres)


def num_patches(picture: Image.Image) -> int:
    """Connected red areas; 99 if one touches the border."""
    red = {
        (x, y)
        for x in range(64)
        for y in range(64)
        if picture.getpixel((x, y))[0] > 150  # type: ignore[index]
        and picture.getpixel((x, y))[1] < 100  # type: ignore[index]
    }
    if any(x in (0, 63) or y in (0, 63) for x, y in red):
        return 99
    patches = 0
    while red:
        patches += 1
        edge = [red.pop()]
        while edge:
            x, y = edge.pop()
            for point in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if point in red:
                    red.remove(point)
                    edge.append(point)
    return patches


def test_no_single_caption_answers_for_all_pictures(splits: Splits) -> None:
    captions = [caption for p in splits["train"] for caption in p.captions]
    constant = random.Random(0).sample(captions, 40)
    best = max(bleu4(caption, splits["test"]) for caption in constant)
    assert best < 0.40


def bleu4(answer: str, pictures: list[CaptionedPicture]) -> float:
    """Corpus BLEU-4 of one answer to all pictures, without brevity penalty: no less than the true one."""
    given = [ngrams(answer, n) for n in (1, 2, 3, 4)]
    hits = [0, 0, 0, 0]
    for picture in pictures:
        for n, counts in enumerate(given):
            allowed: Counter[tuple[str, ...]] = Counter()
            for caption in picture.captions:
                allowed |= ngrams(caption, n + 1)
            hits[n] += (counts & allowed).total()
    precisions = [
        hit / (counts.total() * len(pictures)) for hit, counts in zip(hits, given, strict=True)
    ]
    return math.prod(precisions) ** 0.25


def ngrams(caption: str, n: int) -> Counter[tuple[str, ...]]:
    words = caption.split()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
