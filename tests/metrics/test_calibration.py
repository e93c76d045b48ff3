"""Reliability curves and the expected calibration error, by hand."""

from __future__ import annotations

import pytest

from seqkit.errors import DataError
from seqkit.metrics.calibration import expected_calibration_error, reliability


def test_the_error_of_a_small_set_is_the_one_worked_out_by_hand() -> None:
    confidences = [0.95, 0.95, 0.85, 0.85, 0.85, 0.85, 0.55, 0.55]
    right = [True, True, True, True, True, False, False, True]
    bins = reliability(confidences, right)
    assert [(b.low, b.high, b.count) for b in bins] == [(0.5, 0.6, 2), (0.8, 0.9, 4), (0.9, 1.0, 2)]
    assert [b.accuracy for b in bins] == [0.5, 0.75, 1.0]
    by_hand = (2 * 0.05 + 4 * 0.10 + 2 * 0.05) / 8
    assert expected_calibration_error(bins) == pytest.approx(by_hand)


def test_one_who_is_as_often_right_as_sure_has_no_error() -> None:
    bins = reliability([0.75] * 4, [True, True, True, False])
    assert expected_calibration_error(bins) == 0


def test_one_who_is_sure_and_wrong_has_the_largest_error() -> None:
    assert expected_calibration_error(reliability([1.0, 1.0], [False, False])) == 1


def test_a_confidence_on_a_bound_belongs_to_the_bin_below_and_zero_to_the_lowest() -> None:
    bins = reliability([0.0, 0.5, 1.0], [False, True, True], num_bins=2)
    assert [(b.low, b.count) for b in bins] == [(0.0, 2), (0.5, 1)]


@pytest.mark.parametrize(
    ("confidences", "right", "message"),
    [
        ([0.5], [True, False], "1 confidences but 2"),
        ([], [], "No confidences"),
        ([1.2], [True], "got 1.2"),
    ],
)
def test_faulty_input_is_named(confidences: list[float], right: list[bool], message: str) -> None:
    with pytest.raises(DataError, match=message):
        reliability(confidences, right)
