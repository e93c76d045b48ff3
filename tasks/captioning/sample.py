"""The built-in sample: drawn scenes with captions, made in seconds. Torch-free.

A scene is one to three objects, each with a size, a colour and a shape, and how they stand to each
other. Every picture shows another scene, so that no scene of `test` was ever seen in training and a
caption that is right was read off the picture. Where an object stands exactly, its exact size and
shade and the background vary within bounds and are never told: the network has to learn to ignore
them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from .captions import CaptionedPicture

NUM_PICTURES = {"train": 1200, "dev": 150, "test": 200}
PICTURE_SIZE = 64  # pixels a side

SHAPES = ("circle", "square", "triangle")
COLOURS = {
    "red": (215, 40, 40),
    "green": (40, 160, 60),
    "blue": (45, 80, 215),
    "yellow": (240, 205, 40),
    "purple": (150, 60, 180),
}
RADII = {"small": (4.5, 6.0), "large": (9.0, 10.5)}  # pixels, from the centre to the edge

Point = tuple[float, float]

_OVERSAMPLING = 4  # drawn larger, then shrunk: smooth edges


@dataclass(frozen=True)
class Layout:
    """A way to place objects {a}, {b}, {c} at `centres`, and every phrase that tells it."""

    centres: tuple[Point, ...]
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Thing:
    """One object of a scene."""

    size: str
    colour: str
    shape: str

    def __str__(self) -> str:
        return f"a {self.size} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """What a picture tells: its objects in the order of the layout's centres."""

    layout: str
    things: tuple[Thing, ...]

    @property
    def captions(self) -> tuple[str, ...]:
        names = dict(zip("abc", map(str, self.things), strict=False))
        return tuple(phrase.format(**names) for phrase in LAYOUTS[self.layout].phrases)


def _alone(where: str, centre: Point) -> Layout:
    """One object, told with its place."""
    phrases = (
        f"{{a}} {where}",
        f"there is {{a}} {where}",
        f"{where} there is {{a}}",
        f"{{a}} alone {where}",
    )
    return Layout((centre,), phrases)


LAYOUTS = {
    "middle": _alone("in the middle", (32, 32)),
    "left": _alone("on the left", (14, 32)),
    "right": _alone("on the right", (50, 32)),
    "top": _alone("at the top", (32, 14)),
    "bottom": _alone("at the bottom", (32, 50)),
    "left of": Layout(
        ((17, 32), (47, 32)),
        (
            "{a} left of {b}",
            "{b} right of {a}",
            "{a} is to the left of {b}",
            "{a} with {b} to its right",
        ),
    ),
    "above": Layout(
        ((32, 17), (32, 47)),
        (
            "{a} above {b}",
            "{b} below {a}",
            "{b} is under {a}",
            "{a} with {b} below it",
        ),
    ),
    "row": Layout(
        ((11, 32), (32, 32), (53, 32)),
        (
            "{b} between {a} on the left and {c} on the right",
            "{a} to the left of {b} and {c}",
            "{a} and {c} in a row with {b} between them",
            "there is {b} with {a} on its left and {c} on its right",
        ),
    ),
    "column": Layout(
        ((32, 11), (32, 32), (32, 53)),
        (
            "{b} between {a} at the top and {c} at the bottom",
            "{a} above {b} and {c}",
            "{a} and {c} in a column with {b} between them",
            "there is {b} with {a} above it and {c} below it",
        ),
    ),
}
# Of 100 scenes; places alone have few scenes, so they come seldom.
_NUM_THINGS_WEIGHTS = {1: 6, 2: 60, 3: 34}


def make_sample(folder: Path, seed: int = 0) -> dict[str, list[CaptionedPicture]]:
    """Draws the sample's pictures into `folder` and gives them with their captions.

    The same `seed` draws the same pictures. Takes a second or two.

    Args:
        folder: Where the PNG files go, 64 x 64 pixels each; made if it is not there. Nothing else
            is written.
        seed: Of the random choices.

    Returns:
        The splits train, dev and test: 1200, 150 and 200 pictures with four captions each, and no
        scene twice.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = _distinct_scenes(rng)
    splits: dict[str, list[CaptionedPicture]] = {}
    for split, num_pictures in NUM_PICTURES.items():
        splits[split] = []
        for index in range(num_pictures):
            scene = next(scenes)
            path = folder / f"{split}-{index:04d}.png"
            draw_scene(scene, rng).save(path)
            splits[split].append(CaptionedPicture(path, scene.captions))
    return splits


def _distinct_scenes(rng: random.Random) -> Iterator[Scene]:
    seen: set[Scene] = set()
    while True:
        scene = _random_scene(rng)
        if scene not in seen:
            seen.add(scene)
            yield scene


def _random_scene(rng: random.Random) -> Scene:
    """One to three different objects in a layout that has as many places."""
    num_things = rng.choices(list(_NUM_THINGS_WEIGHTS), list(_NUM_THINGS_WEIGHTS.values()))[0]
    layout = rng.choice([n for n, layout in LAYOUTS.items() if len(layout.centres) == num_things])
    things: list[Thing] = []
    while len(things) < num_things:
        thing = Thing(rng.choice(list(RADII)), rng.choice(list(COLOURS)), rng.choice(SHAPES))
        if thing not in things:
            things.append(thing)
    return Scene(layout, tuple(things))


def draw_scene(scene: Scene, rng: random.Random) -> Image.Image:
    """A picture of `scene`, RGB, 64 x 64 pixels; `rng` gives what the captions do not tell."""
    side = PICTURE_SIZE * _OVERSAMPLING
    shade = rng.randint(170, 255) if rng.random() < 0.7 else rng.randint(0, 60)
    background = tuple(min(255, max(0, shade + rng.randint(-12, 12))) for _ in range(3))
    picture = Image.new("RGB", (side, side), background)
    pencil = ImageDraw.Draw(picture)
    jitter = 4.0 if len(scene.things) < 3 else 0.8
    for thing, (x, y) in zip(scene.things, LAYOUTS[scene.layout].centres, strict=True):
        centre = (x + rng.uniform(-jitter, jitter), y + rng.uniform(-jitter, jitter))
        _draw_thing(pencil, thing, centre, rng)
    return picture.resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BOX)


def _draw_thing(
    pencil: ImageDraw.ImageDraw, thing: Thing, centre: Point, rng: random.Random
) -> None:
    radius = rng.uniform(*RADII[thing.size]) * _OVERSAMPLING
    x, y = centre[0] * _OVERSAMPLING, centre[1] * _OVERSAMPLING
    fill = tuple(min(255, max(0, level + rng.randint(-20, 20))) for level in COLOURS[thing.colour])
    if thing.shape == "circle":
        pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif thing.shape == "square":
        half = radius * 0.9  # as much paint as a circle: size must not give the shape away
        pencil.rectangle((x - half, y - half, x + half, y + half), fill=fill)
    else:
        corners = [math.radians(angle) for angle in (90, 210, 330)]
        tip = radius * 1.15
        points = [(x + tip * math.cos(a), y + tip * 0.15 - tip * math.sin(a)) for a in corners]
        pencil.polygon(points, fill=fill)
