"""A picture, dimmed where nobody looks. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops

DIMMEST = 0.2
"""Share of its brightness that a place without weight keeps."""
SIDE = 224
"""Pixels that the longer side has at least, so that small pictures can be seen."""


def lit(picture: Image.Image, weights: Sequence[Sequence[float]]) -> Image.Image:
    """The picture with its full brightness where the weights are largest.

    Args:
        picture: RGB.
        weights: [rows][columns], none below 0, of the grid laid over the whole picture.
    """
    largest = max(max(row) for row in weights) or 1.0
    levels = [DIMMEST + (1 - DIMMEST) * weight / largest for row in weights for weight in row]
    grid = Image.new("L", (len(weights[0]), len(weights)))
    grid.putdata([round(255 * level) for level in levels])
    shown = enlarged(picture)
    light = grid.resize(shown.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(shown, Image.merge("RGB", (light, light, light)))


def enlarged(picture: Image.Image) -> Image.Image:
    """The picture, made larger where it is too small to be seen well."""
    factor = max(1.0, SIDE / max(picture.size))
    size = (round(factor * picture.width), round(factor * picture.height))
    return picture.resize(size, Image.Resampling.BICUBIC)
