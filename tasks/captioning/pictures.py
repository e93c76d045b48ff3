"""Pictures from disk to numbers: opened safely, cut to size, normalised. Imports torch late."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from seqkit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF")
"""What a file may hold, whatever its name: Pillow has readers that run other programs (EPS), or that few have tried."""


def list_pictures(folder: Path) -> list[Path]:
    """The pictures that lie in `folder` (not in folders below it), by name.

    Raises:
        DataError: if there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    found = sorted(file for file in folder.iterdir() if _is_picture(file))
    if not found:
        raise DataError(f"{folder}: no pictures in it. Known are files on {', '.join(SUFFIXES)}.")
    return found


def _is_picture(file: Path) -> bool:
    # Archives made on macOS carry a hidden twin "._name.jpg" of each file.
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def open_picture(path: Path) -> Image.Image:
    """The picture in `path` as RGB, turned upright by its EXIF, white where it is transparent.

    Raises:
        DataError: if the file is missing, is no picture, is damaged or cut short, or claims to be
            larger than `PIL.Image.MAX_IMAGE_PIXELS` (about 89 million pixels): a small file can
            unpack to many gigabytes.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"{path}: not a file.")  # of a pipe, for one, reading may never end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd fields beside the picture
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                picture.load()
                return _as_rgb(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: too large for a picture ({error})") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a picture that can be read.") from None
    except Exception as error:  # broken bytes make the decoders raise nearly anything
        raise DataError(f"{path}: damaged or cut short ({error}).") from None


def check_size(path: Path, max_pixels: int) -> None:
    """Raises DataError if a picture claims to be larger; what is no picture is left to `open_picture`."""
    if not os.path.isfile(path):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
    except Exception:  # whatever it is, it will be told when the picture is opened
        return
    if width * height > max_pixels:
        raise DataError(
            f"{path}: too large a picture, {width:,} x {height:,} pixels; `max_pixels` is {max_pixels:,}."
        )


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda level: level / 256).convert(
            "L"
        )  # else all above 255 is white
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        picture = Image.alpha_composite(white, layer)
    return picture.convert("RGB")


@dataclass(frozen=True)
class PictureTransform:
    """Cuts the middle square out of a picture, in the size and scale that a backbone expects.

    Attributes:
        size: Width and height of the result, pixels.
        mean: Of each channel, subtracted from levels between 0 and 1.
        std: Of each channel, what is then divided by.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, picture: Image.Image) -> Tensor:
        """The picture, shorter side resized to `size`, as float32 [3, size, size]."""
        import numpy as np
        import torch

        square = np.asarray(self.cropped(picture), dtype=np.float32)  # [size, size, 3]
        levels = torch.from_numpy(square).permute(2, 0, 1) / 255  # [3, size, size]
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return ((levels - mean) / std).contiguous()

    def cropped(self, picture: Image.Image) -> Image.Image:
        """The square that the network sees: what a drawing of its attention goes on."""
        return ImageOps.fit(picture, (self.size, self.size), Image.Resampling.BILINEAR)

    def describe(self) -> str:
        """Everything that changes the result, for the key of a cache."""
        return f"bilinear centre crop {self.size}, mean {self.mean}, std {self.std}"


def load_pictures(paths: Sequence[Path], transform: PictureTransform) -> Tensor:
    """Pictures from disk as one batch, float32 [len(paths), 3, size, size].

    Raises:
        DataError: as `open_picture` does.
    """
    import torch

    return torch.stack([transform(open_picture(path)) for path in paths])
