"""Pages and pictures from parts: whole, safe, and with colours that everyone can read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from seqkit.report import (
    Grid,
    Note,
    Page,
    Pictures,
    Plot,
    Section,
    Span,
    Table,
    Tokens,
    as_html,
    write_page,
)
from seqkit.report.lighting import lit
from seqkit.report.palette import DARK, LIGHT, LINES, rgb, shade

EVIL = '<script>alert("&")</script>'
PARTS = (
    Note("Note", EVIL),
    Tokens(
        "Tokens", ["good", EVIL, "$bad$"], [0.5, -2.0, 0.0],
        signed=True, labels=["a", EVIL, ""], spans=[Span(0, 2, EVIL)],
    ),
    Grid(
        "Grid", [[1.0, None], [-0.5, 0.0]], ["r", EVIL], ["c", "$d$"], EVIL, "from", "to",
        signed=True, texts=[["1", ""], [EVIL, "0"]],
    ),
    Pictures("Pictures", Image.new("RGB", (8, 8), "white"), [EVIL], [[[0.0, 1.0]]]),
    Table("Table", [{"word": EVIL, "number": 0.5}]),
    Plot("Plot", [1, 2], {EVIL: [1.0, 2.0], "$b$": [2.0, 1.0]}, EVIL, EVIL, "y", ticks=["$a$", "b"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    return as_html(Page(EVIL, [Section(EVIL, PARTS, EVIL)] * 3, {"Run": EVIL}))


def test_every_text_is_escaped_and_nothing_is_fetched(text: str) -> None:
    assert "<script" not in text
    fetched = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import', text)
    assert all(a.startswith(("data:", "#")) or b.startswith("#") for a, b in fetched)


def test_every_tag_is_closed_and_no_name_is_given_twice(text: str) -> None:
    class Balance(HTMLParser):
        """Keeps the tags that are open."""

        def __init__(self) -> None:
            super().__init__()
            self.stack: list[str] = []
            self.ids: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.ids += [value for name, value in attrs if name == "id" and value]
            if tag not in ("meta", "link", "img", "br"):
                self.stack.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.ids += [value for name, value in attrs if name == "id" and value]

        def handle_endtag(self, tag: str) -> None:
            assert self.stack.pop() == tag

    balance = Balance()
    balance.feed(text)
    assert balance.stack == []
    assert len(balance.ids) == len(set(balance.ids)) > 10


def test_pictures_and_plots_tell_what_they_show(text: str) -> None:
    assert text.count("<img ") == text.count(' alt="') == 6
    assert "the network looks most at row 1 of 1, column 2 of 2" in text
    assert text.count('role="img" aria-label="Plot. ') == 3
    assert "2 points between 1 and 2" in text


def test_a_plot_takes_its_colours_from_the_page(text: str) -> None:
    drawn = text[text.index("<svg") : text.index("</svg>")]
    assert "var(--plus)" in drawn and "var(--minus)" in drawn and "var(--quiet)" in drawn
    assert not re.search(r"(?:fill|stroke): #(?!000000)", drawn)
    assert "<text" in drawn  # that can be selected


def test_below_zero_has_another_colour_only_where_signs_count() -> None:
    def shades(signed: bool) -> str:
        return as_html(Page("p", [Section("s", [Tokens("t", ["a"], [-1.0], signed=signed)])]))

    assert 'data-sign="minus"' in shades(True)
    assert 'class="token" data-sign' not in shades(False)


def test_a_picture_file_stands_beside_the_page_for_each_part_that_is_drawn(tmp_path: Path) -> None:
    page, *pictures = write_page(Page("p", [Section("s", PARTS)]), tmp_path / "new" / "p.html")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [p.name for p in pictures] == [
        "p-1-2-tokens.png",
        "p-1-3-grid.png",
        "p-1-4-pictures.png",
        "p-1-6-plot.png",
    ]
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.format == "PNG" and min(image.size) > 50


def test_a_new_page_takes_the_place_of_the_old_one_and_its_pictures(tmp_path: Path) -> None:
    other = tmp_path / "p-picture.png"
    other.write_bytes(b"")
    write_page(Page("p", [Section("s", [PARTS[2], PARTS[1]])]), tmp_path / "p.html")
    written = write_page(Page("p", [Section("s", [PARTS[1]])]), tmp_path / "p.html")
    assert sorted(tmp_path.iterdir()) == sorted([*written, other])


def test_parts_without_anything_in_them_are_drawn_too(tmp_path: Path) -> None:
    empty = [
        Tokens("a", [], []),
        Tokens("b", ["x"], [0.0]),
        Table("c", []),
        Pictures("d", Image.new("RGB", (9, 5)), [], []),
        Plot("e", [1], {"n": [float("nan")]}),
        Grid("f", [[0.0]], ["r"], ["c"]),
        Plot("g", range(100), {"n": [1.0] * 100}, ticks=["name"] * 100, log_y=True, joined=False),
    ]
    assert len(write_page(Page("p", [Section("s", empty)]), tmp_path / "p.html")) == 7


def test_a_picture_is_brightest_where_the_weight_is() -> None:
    shown = lit(Image.new("RGB", (40, 20), "white"), [[0.0, 1.0]])
    assert max(shown.size) >= 200 and shown.width == 2 * shown.height
    assert shown.getpixel((5, 50))[0] < 60 < 200 < shown.getpixel((shown.width - 5, 50))[0]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable_on_every_shade(colours: dict[str, str]) -> None:
    for strength in (-1.0, -0.5, 0.0, 0.5, 1.0):
        assert contrast(rgb(colours["ink"]), shade(strength, colours)) >= 4.5
    for name in ("quiet", *LINES):
        assert contrast(rgb(colours[name]), rgb(colours["paper"])) >= (
            4.5 if name in ("quiet", "plus") else 3
        )


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", ["protanope", "deuteranope"])
def test_colour_blind_readers_tell_for_from_against(eye: str, colours: dict[str, str]) -> None:
    plus, minus = (seen_by(eye, shade(strength, colours)) for strength in (1.0, -1.0))
    assert max(abs(a - b) for a, b in zip(plus, minus, strict=True)) > 0.25


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """WCAG's contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[float, ...]) -> float:
    """WCAG's relative luminance."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def seen_by(eye: str, colour: tuple[float, ...]) -> tuple[float, ...]:
    """A colour as someone without red or green cones sees it (Machado et al. 2009, severity 1)."""
    rows = {
        "protanope": (
            (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
        ),
        "deuteranope": (
            (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
        ),
    }[eye]  # fmt: skip
    return tuple(sum(w * c for w, c in zip(row, colour, strict=True)) for row in rows)
