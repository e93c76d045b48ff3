"""The page of a large comparison in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqkit.comparison.page import comparison_page
from seqkit.comparison.table import make_rows
from seqkit.lengths import length_groups
from seqkit.report import write_page

from ..chromium import Chromium, chromium
from .test_table import measured

NAMES = [
    f"{cell}-{way}-no_attention"
    for cell in ("rnn_tanh", "rnn_relu", "gru", "lstm")
    for way in ("uni", "bi")
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def test_every_training_of_many_networks_is_seen_at_any_width(
    browser: Chromium, tmp_path: Path
) -> None:
    rows = make_rows(
        {name: [measured(100 + 9 * i + j) for j in range(4)] for i, name in enumerate(NAMES)}
    )
    groups = length_groups([3] * 12 + [9] * 8 + [10] * 4)
    facts = {"Data": "sample"}
    page = comparison_page("sentiment: 8 networks", "accuracy", rows, groups, facts, "test")
    path, *pictures = write_page(page, tmp_path / "comparison.html")
    assert len(pictures) == 4
    for width in (360, 1280):
        browser.open(path, width)
        assert browser.seen.complaints == [] and browser.seen.requests == []
        assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [
            width,
            width,
        ]
    points = browser.evaluate(
        "document.querySelector('.plot svg').querySelectorAll('g[id*=\"line2d\"] use').length"
    )
    assert points >= len(NAMES) * 4
    shown = browser.evaluate("document.body.innerText")
    assert all(name in shown for name in NAMES)
