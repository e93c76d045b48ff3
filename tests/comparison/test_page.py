"""The page of a comparison: what is drawn by length."""

from __future__ import annotations

import pytest

from seqkit.comparison.page import comparison_page
from seqkit.comparison.table import make_rows
from seqkit.lengths import length_groups
from seqkit.report import Page, Plot

from .test_table import measured

SHORT_AND_LONG = length_groups([3] * 12 + [9] * 8 + [10] * 4)


def page(lengths: int) -> Page:
    """The page of two networks on groups of so many lengths."""
    rows = make_rows({"gru": [measured(150), measured(158)], "lstm": [measured(180)]})
    return comparison_page("two", "accuracy", rows, SHORT_AND_LONG[:lengths], {}, "test")


def test_score_and_speed_are_drawn_by_length_a_line_for_each_network() -> None:
    (section,) = (section for section in page(2).sections if section.title == "By length")
    score, speed = section.parts
    assert isinstance(score, Plot) and isinstance(speed, Plot)
    assert list(score.ticks) == ["3", "9–10"]
    assert score.lines == {"lstm": [1.0, 0.5], "gru": [1.0, 0.5]}
    assert speed.lines["gru"] == [pytest.approx(60), pytest.approx(40)]


def test_inputs_of_one_length_are_not_drawn_by_it() -> None:
    assert "By length" not in [section.title for section in page(1).sections]
