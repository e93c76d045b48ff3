"""The README's table of scores: what the records say, and nothing of recipes that have changed since."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("scores", ROOT / "benchmarks" / "scores.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "scores", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def record(scores: ModuleType, row: Any, accuracy: float) -> dict[str, Any]:
    return {
        "scores": {"test": {"accuracy": accuracy}}, "minutes": 1.5, "parameters": 21_185,
        "versions": {"torch": "2.9", "machine": "x"}, "processor": "P", "recipe": scores.digest(row),
    }  # fmt: skip


def test_a_row_tells_median_range_seeds_and_machine(scores: ModuleType) -> None:
    row = scores.ROWS[0]
    records = {row.recipe: {str(i): record(scores, row, 0.8 + i / 100) for i in (1, 2, 3)}}
    table = scores.table([(row, scores.valid(row, records))])
    assert "accuracy 0.8200 (0.8100 to 0.8300) | 1, 2, 3 | 1.5 min | 0.02 M |" in table
    assert table.endswith("Measured with torch 2.9 on P, one thread a training.")


def test_a_record_of_a_recipe_that_has_changed_does_not_count(scores: ModuleType) -> None:
    row = scores.ROWS[0]
    records = {row.recipe: {"1": record(scores, row, 0.8), "2": record(scores, row, 0.9)}}
    records[row.recipe]["2"]["recipe"] = "another"
    assert list(scores.valid(row, records)) == [1]


def test_the_readme_shows_the_records_of_the_recipes_as_they_are(scores: ModuleType) -> None:
    records = json.loads((ROOT / "benchmarks" / "scores.json").read_text(encoding="utf-8"))
    finished = [(row, found) for row in scores.ROWS if (found := scores.valid(row, records))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{scores.BEGIN}\n{scores.table(finished)}\n{scores.END}" in readme
