"""The table: means, spreads, order, words."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from seqkit.comparison.measuring import Cost, Measured
from seqkit.comparison.table import as_cells, make_rows, verdict
from seqkit.metrics.bootstrap import Tallies


def measured(num_right: int, speed: float | None = 100.0, factor: float | None = 0.98) -> Measured:
    """A training that is right on so many of 200 examples."""
    right = [int(i < num_right) for i in range(200)]
    cost = Cost(1234, 10.0, speed, 50.0, [60.0, 40.0], 2_000_000, factor)
    resampled = Tallies.ratio(right, [1] * 200).resampled()
    return Measured(
        Path("run"), num_right / 200, [1.0, 0.5], resampled, 16, 0.001, cost, "accuracy"
    )


def test_rows_are_ranked_by_the_mean_of_their_trainings() -> None:
    rows = make_rows(
        {"gru": [measured(150), measured(158)], "lstm": [measured(180), measured(184)]}
    )
    assert [row.network for row in rows] == ["lstm", "gru"]
    assert rows[1].mean == pytest.approx(0.77) and rows[1].spread == pytest.approx(
        numpy.sqrt(2) * 0.02
    )
    assert rows[0].behind is None and rows[1].behind is not None and rows[1].behind.p < 0.01
    assert rows[1].behind.low < 0.14 < rows[1].behind.high


def test_the_verdict_tells_chance_from_difference() -> None:
    clear = make_rows({"gru": [measured(120)], "lstm": [measured(180)]})
    assert (
        verdict(clear, "accuracy")
        == "lstm has the highest accuracy, 0.9; all others are lower by more than chance (p < 0.05)."
    )
    close = make_rows(
        {"gru": [measured(180)], "lstm": [measured(181)], "rnn_tanh": [measured(120)]}
    )
    assert "that gru is lower may be chance (p >= 0.05)" in verdict(close, "accuracy")


def test_a_row_for_people_is_short() -> None:
    best, other = make_rows(
        {"transformer": [measured(150, None, None)], "lstm": [measured(180), measured(184)]}
    )
    assert as_cells(best, "accuracy") == {
        "network": "lstm", "accuracy": "0.91 ± 0.014", "p against best": "best", "hidden": 16, "lr": "0.001",
        "parameters": 1234, "training (s)": 10, "units/s": 100, "answers/s": 50, "memory (MB)": 2.0,
        "gradient a step": 0.98,
    }  # fmt: skip
    assert as_cells(other, "accuracy")["accuracy"] == "0.75"
    assert as_cells(other, "accuracy")["units/s"] is None
    assert as_cells(other, "accuracy")["gradient a step"] is None
    assert as_cells(other, "accuracy")["p against best"] in ("0.001", "< 0.001")
