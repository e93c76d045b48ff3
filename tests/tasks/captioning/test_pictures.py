"""Pictures from disk: upright RGB, cut and scaled, and every kind of broken file named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from seqkit.tasks.captioning.pictures import (
    PictureTransform,
    list_pictures,
    load_pictures,
    open_picture,
)

from seqkit.errors import DataError

ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (5, 3)).save(tmp_path / f"x.{suffix}")
    picture = open_picture(tmp_path / f"x.{suffix}")
    assert (picture.mode, picture.size) == ("RGB", (5, 3))


def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path) -> None:
    Image.new("I;16", (2, 2), 128 * 256).save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").getpixel((0, 0)) == (128, 128, 128)


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (10, 20, 30, 0)).save(tmp_path / "x.png")
    assert open_picture(tmp_path / "x.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_picture_is_turned_as_its_exif_tells(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 4), "black")
    picture.paste("white", (0, 0, 4, 4))  # left half
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    picture.save(tmp_path / "x.png", exif=exif)
    upright = open_picture(tmp_path / "x.png")
    assert upright.size == (4, 8)
    assert upright.getpixel((1, 1)) == (255, 255, 255)
    assert upright.getpixel((1, 6)) == (0, 0, 0)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_an_error_with_its_name(
    tmp_path: Path, suffix: str, kept: float
) -> None:
    noise = torch.randint(256, (40, 40, 3), dtype=torch.uint8, generator=torch.Generator())
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise.numpy()).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=rf"cut\.{suffix}: "):
        open_picture(path)


def test_text_and_missing_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no picture", encoding="utf-8")
    with pytest.raises(DataError, match=r"note\.jpg: not a picture"):
        open_picture(tmp_path / "note.jpg")
    with pytest.raises(DataError, match=r"gone\.jpg: no such file"):
        open_picture(tmp_path / "gone.jpg")


@pytest.mark.parametrize("limit", [60, 20])
def test_a_picture_beyond_the_limit_of_pixels_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    Image.new("RGB", (10, 10)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # Pillow warns at once it, fails at twice
    with pytest.raises(DataError, match=r"bomb\.png: too large"):
        open_picture(tmp_path / "bomb.png")


def test_a_folder_lists_its_pictures_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "._a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert [p.name for p in list_pictures(tmp_path)] == ["a.jpg", "b.PNG"]
    with pytest.raises(DataError, match="no pictures"):
        list_pictures(tmp_path / "folder.jpg")
    with pytest.raises(DataError, match="no such folder"):
        list_pictures(tmp_path / "gone")


def test_the_middle_square_is_kept_in_the_size_asked_for() -> None:
    wide = Image.new("RGB", (40, 10), "black")
    wide.paste("white", (13, 0, 27, 10))
    square = PictureTransform(5, ZERO, ONE)(wide)
    assert square.shape == (3, 5, 5)
    assert square.dtype == torch.float32
    assert square.is_contiguous()
    assert torch.all(square == 1)


def test_channels_are_normalised_each_by_its_own_mean_and_spread() -> None:
    picture = Image.new("RGB", (3, 3), (255, 0, 51))
    tensor = PictureTransform(3, (0.5, 0.5, 0.2), (0.5, 0.25, 1.0))(picture)
    torch.testing.assert_close(tensor[:, 0, 0], torch.tensor([1.0, -2.0, 0.0]))


def test_a_transform_describes_whatever_changes_its_result() -> None:
    variants = [
        PictureTransform(3, ZERO, ONE),
        PictureTransform(4, ZERO, ONE),
        PictureTransform(3, ONE, ONE),
        PictureTransform(3, ZERO, (2.0, 1.0, 1.0)),
    ]
    assert len({transform.describe() for transform in variants}) == len(variants)


def test_loaded_pictures_stand_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = []
    for level in (0, 255, 51):
        files.append(tmp_path / f"{level}.png")
        Image.new("RGB", (6, 4), (level, level, level)).save(files[-1])
    batch = load_pictures(files, PictureTransform(4, ZERO, ONE))
    torch.testing.assert_close(batch.mean((1, 2, 3)), torch.tensor([0.0, 1.0, 0.2]))
