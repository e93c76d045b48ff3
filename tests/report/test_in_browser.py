"""Pages in headless Chromium: nothing asked for, nothing complained of, nothing cut off, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from seqkit.cli.main import main

from seqkit.report import Grid, Note, Page, Pictures, Plot, Section, Span, Table, Tokens, write_page

from ..chromium import Chromium, chromium, find_chromium

LONG = "unbreakable" * 12
WORDS = ["a", "word", LONG, *["more"] * 60]
QUICK = ["--training.epochs", "1", "--model.hidden_size", "16", "--model.pooling", "attention"]
PICTURES = """
[...document.querySelectorAll('img')].map(i => i.complete && i.naturalWidth > 0)
  .concat([...document.querySelectorAll('.plot svg')].map(s => s.getBoundingClientRect().width > 100))
"""
SMALLEST = """
Math.min(...[...document.querySelectorAll('p, td, th, a, small')].map(e => parseFloat(getComputedStyle(e).fontSize)))
"""
COLOURS = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page with every kind of part at its worst, and the two that the command line writes of a run."""
    find_chromium()
    folder = tmp_path_factory.mktemp("pages")
    run, data = folder / "run", folder / "reviews.csv"
    data.write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 40, encoding="utf-8")
    assert main(["train", "sentiment", "--data", str(data), "--out", str(run), *QUICK]) == 0
    assert main(["explain", str(run), "Not bad at all.", LONG]) == 0
    assert main(["evaluate", str(run), "--report", "--data", str(data)]) == 0
    parts = [
        Note(LONG, LONG),
        Tokens("Tokens", WORDS, range(len(WORDS)), labels=WORDS, spans=[Span(1, 40, LONG)]),
        Grid("Grid", [[1.0] * len(WORDS)], [LONG], WORDS, row_axis=LONG, column_axis="x"),
        Pictures("Pictures", Image.new("RGB", (640, 30), "white"), [LONG] * 9, [[[0.0, 1.0]]] * 9),
        Table("Table", [{LONG: LONG, "number": 0.5, "text": " ".join(WORDS)}]),
        Plot("Plot", range(3), {LONG: [1.0, 2.0, 3.0]}, x_label="x", ticks=[LONG] * 3),
    ]
    page = Page(LONG, [Section(LONG, parts, LONG), *[Section(LONG, [])] * 2], {LONG: LONG})
    return {
        "parts": write_page(page, folder / "parts.html")[0],
        "explain": run / "explain" / "explain.html",
        "report": run / "report-test" / "report.html",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["parts", "explain", "report"])
def test_a_page_is_whole(
    name: str, width: int, dark: bool, browser: Chromium, pages: dict[str, Path]
) -> None:
    browser.open(pages[name], width, dark=dark)
    assert browser.seen.complaints == []
    assert browser.seen.requests == []
    assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    shown = browser.evaluate(PICTURES)
    assert shown and all(shown)
    assert browser.evaluate(SMALLEST) >= 10
    paper, ink = browser.evaluate(COLOURS)
    assert (paper, ink) == (
        ("rgb(21, 23, 26)", "rgb(233, 232, 228)")
        if dark
        else ("rgb(252, 252, 250)", "rgb(28, 30, 33)")
    )


def test_the_text_can_be_selected(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["explain"], 1280)
    browser.evaluate("getSelection().selectAllChildren(document.body)")
    selected = browser.evaluate("getSelection().toString()")
    assert "Saliency" in selected and "read forwards" in selected


def test_what_a_page_asks_for_would_be_seen(browser: Chromium, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='near.png'><script>console.error('x')</script>", encoding="utf-8")
    browser.open(bad, 360)
    assert [Path(address).name for address in browser.seen.requests] == ["near.png"]
    assert any('"x"' in complaint for complaint in browser.seen.complaints)
