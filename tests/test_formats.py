"""Runs of every format that was ever published load, and answer as they did when they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.run import FORMAT, open_run

FIXTURES = Path(__file__).parent / "fixtures"
RUNS = sorted(file.with_suffix("") for file in FIXTURES.glob("format-*/*.json"))


def test_every_format_has_a_run_of_every_task() -> None:
    tasks = {"captioning", "language", "ner", "sentiment", "translation"}
    for number in range(1, FORMAT + 1):
        assert {run.name for run in RUNS if run.parent.name == f"format-{number}"} == tasks


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_a_run_answers_as_when_it_was_written(run: Path) -> None:
    rows = json.loads(run.with_suffix(".json").read_text(encoding="utf-8"))
    answers = seqkit.load(run, device="cpu").predict([located(run, row["input"]) for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert without_confidence(answer.output) == without_confidence(row["output"])
        assert answer.score == pytest.approx(row["score"], abs=1e-3)
        assert answer.confidence == pytest.approx(row["confidence"], abs=1e-3)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_a_run_tells_its_settings_and_scores(run: Path) -> None:
    opened = open_run(run)
    assert opened.config.model.hidden_size == 6
    assert opened.task.metric in opened.metrics()["scores"]["dev"]


def located(run: Path, raw: str) -> str:
    """An input as `predict` takes it: pictures lie beside the runs."""
    return str(run.parent / raw) if run.name == "captioning" else raw


def without_confidence(output: Any) -> Any:
    """An output without its floating-point numbers."""
    if isinstance(output, list):
        return [{k: v for k, v in entity.items() if k != "confidence"} for entity in output]
    return output
