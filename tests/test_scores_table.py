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
    monkeypatch.syspath_prepend(
        str(ROOT / "benchmarks")
    )  # what the script imports stands beside it
    monkeypatch.setitem(sys.modules, "scores", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def record(scores: ModuleType, row: Any, accuracy: float) -> dict[str, Any]:
    return {
        "scores": {"test": {"accuracy": accuracy}}, "minutes": 1.5, "parameters": 21_185,
        "versions": {"torch": "2.9", "machine": "x"}, "processor": "P", "recipe": scores.digest(row),
        "files": ["aclImdb.tar.gz"],
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
    records[row.recipe]["1"]["scores"][row.split] = {"another": 0.8}
    assert scores.valid(row, records) == {}


def test_a_finished_row_is_trained_again_only_if_its_recipe_has_changed(
    scores: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, commands = scores.ROWS[0], []

    def run(command: list[str], check: bool) -> None:
        commands.append(command)
        (tmp_path / "keras-notebook-1").mkdir(exist_ok=True)
        metrics = {"scores": {"test": {"accuracy": 0.8}}, "train_seconds": 90, "parameters": 1}
        (tmp_path / "keras-notebook-1" / "metrics.json").write_text(
            json.dumps({**metrics, "versions": {}}), encoding="utf-8"
        )

    monkeypatch.setattr(scores.subprocess, "run", run)
    scores.train(row, 1, tmp_path, tmp_path)
    scores.train(row, 1, tmp_path, tmp_path)
    assert len(commands) == 1
    monkeypatch.setattr(scores, "RECORDS", tmp_path / "none.json")
    assert list(scores.valid(row, scores.recorded(tmp_path))) == [1]
    monkeypatch.setattr(scores, "digest", lambda row: "another")
    assert scores.valid(row, scores.recorded(tmp_path)) == {}
    scores.train(row, 1, tmp_path, tmp_path)
    assert len(commands) == 2


def test_a_row_changes_with_the_recipe_it_starts_from(
    scores: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in scores.ROWS if row.recipe == "imdb-pretrained")
    before = scores.digest(row)
    recipe = type(scores.get_task("language")).recipe
    changed = lambda self, name: {**recipe(self, name), "changed": self.name == "language"}  # noqa: E731
    monkeypatch.setattr(type(scores.get_task("language")), "recipe", changed)
    assert scores.digest(row) != before


def test_the_readme_shows_the_records_of_the_recipes_as_they_are(scores: ModuleType) -> None:
    records = json.loads((ROOT / "benchmarks" / "scores.json").read_text(encoding="utf-8"))
    finished = [(row, found) for row in scores.ROWS if (found := scores.valid(row, records))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{scores.BEGIN}\n{scores.table(finished)}\n{scores.END}" in readme
