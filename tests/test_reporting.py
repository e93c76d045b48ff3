"""Reports: numbers that are those of the scores, and every task with something to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from seqkit.cli.main import main

import seqkit
from seqkit.pipeline import Judgement
from seqkit.predicting import predict_window
from seqkit.report import Grid, Note, Part, Plot, Table
from seqkit.reporting import report_sections

from .toy import Example, ToyPipeline, toy_pipeline

EXAMPLES = [Example("ab"[i % 2] * (2 + i % 3), "a") for i in range(60)]
QUICK = ["--training.epochs", "1", "--model.hidden_size", "16"]


def toy_sections(examples: list[Example]) -> dict[str, list[Part]]:
    pipeline = toy_pipeline()
    predictions = predict_window(pipeline, [e.text for e in examples])
    scores = pipeline.score(examples, predictions)
    sections = report_sections(pipeline, examples, predictions, scores, "accuracy")
    return {section.title: list(section.parts) for section in sections}


def test_a_task_that_says_nothing_of_itself_has_scores_and_scores_by_length() -> None:
    found = toy_sections(EXAMPLES)
    assert list(found) == ["Scores", "By length"]
    plot, table = found["By length"]
    assert isinstance(plot, Plot) and isinstance(table, Table)
    assert [row["steps"] for row in table.rows] == ["2", "3", "4"]
    (scores,) = found["Scores"]
    weighted = sum(row["examples"] * row["accuracy"] for row in table.rows) / len(EXAMPLES)
    assert isinstance(scores, Table) and scores.rows[0]["value"] == pytest.approx(weighted)


def test_inputs_of_one_length_are_not_divided() -> None:
    assert list(toy_sections([Example("ab", "a")] * 30)) == ["Scores"]


def test_judged_examples_give_a_calibration_and_the_worst_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judge(self: Any, example: Example, prediction: Any) -> Judgement:
        right = example.text != "bbb"
        return Judgement("wanted", "got", float(right), [(0.75, right)])

    monkeypatch.setattr(ToyPipeline, "judge", judge)
    found = toy_sections(EXAMPLES)
    curve, _ = found["Calibration"]
    assert isinstance(curve, Plot) and curve.diagonal
    share = sum(e.text != "bbb" for e in EXAMPLES) / len(EXAMPLES)
    assert curve.lines["share right"] == [pytest.approx(share)]
    assert f"calibration error {abs(share - 0.75):.3f} over 60" in curve.about
    (worst,) = found["Worst examples"]
    assert isinstance(worst, Table) and {row["input"] for row in worst.rows} == {"bbb"}


def test_where_every_answer_is_right_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyPipeline, "judge", lambda *_: Judgement("a", "a", 1.0))
    (note,) = toy_sections(EXAMPLES)["Worst examples"]
    assert isinstance(note, Note)


def test_the_command_writes_the_report_beside_the_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "reviews.csv", tmp_path / "run"
    data.write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 30, encoding="utf-8")
    assert main(["train", "sentiment", "--data", str(data), "--out", str(run), *QUICK]) == 0
    scores = tmp_path / "out.json"
    argv = ["evaluate", str(run), "--data", str(data), "--output", str(scores)]
    assert main([*argv, "--report"]) == 0
    folder = tmp_path / "report-test"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Confusion matrix" in page and "Reliability curve" in page
    assert len(list(folder.glob("*.png"))) == 2
    with_report = json.loads(scores.read_text(encoding="utf-8"))
    assert main(argv) == 0
    assert json.loads(scores.read_text(encoding="utf-8")) == with_report


def test_the_confusion_matrix_counts_every_text(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["good", "bad", "so so"] * 20, "label": ["p", "n", "m"] * 20})
    settings: dict[str, Any] = {"model": {"hidden_size": 8}, "training": {"epochs": 1}}
    trained = seqkit.train("sentiment", frame, out=tmp_path / "run", **settings)
    scores, sections = seqkit.load(trained.path).report(frame)
    (grid,) = [p for s in sections for p in s.parts if isinstance(p, Grid)]
    counts = [[int(text) for text in row] for row in grid.texts]
    assert grid.rows == grid.columns == ["m", "n", "p"]
    assert [sum(row) for row in counts] == [20, 20, 20]
    assert sum(counts[i][i] for i in range(3)) / 60 == pytest.approx(scores.values["accuracy"])
