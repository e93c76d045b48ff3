"""Whole comparisons on a task of a page: table, picture and page; going on; what cannot be compared."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.comparison.compare import Comparison
from seqkit.comparison.series import dev_score
from seqkit.errors import ConfigError, DataError, RunError
from seqkit.files import read_json, sha256
from seqkit.training.interruption import Interrupted
from seqkit.training.report import Reporter

from ..toy import ToyTask, install
from ..training.test_resume import KilledError, Killer

CELLS = ["gru", "rnn_tanh"]


class Listener(Reporter):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy is installed, and pages are not drawn: that takes longer than all else, and is seen in `done`."""
    install(monkeypatch)
    monkeypatch.setattr("seqkit.comparison.compare.write_page", lambda page, path: [path])


def compared(out: Path, **options: Any) -> Comparison:
    """A comparison of two networks, two trainings each."""
    return seqkit.compare("toy", cells=CELLS, out=out, **{"seeds": 2, **options})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A comparison that was never stopped."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return compared(tmp_path_factory.mktemp("compared") / "whole")


def weights(folder: Path) -> dict[str, str]:
    """Sums of the weights of all runs in a comparison's folder."""
    return {file.parent.name: sha256(file) for file in folder.glob("*/model.safetensors")}


def test_a_comparison_is_a_folder_of_ordinary_runs(done: Comparison) -> None:
    runs = sorted(path.parent.name for path in done.path.glob("*/manifest.json"))
    assert runs == [f"{cell}-lr0.02-seed{seed}" for cell in CELLS for seed in (1, 2)]
    for row in done.rows:
        paths = [done.path / f"{row.network}-lr0.02-seed{seed}" for seed in (1, 2)]
        assert [
            read_json(p / "metrics.json")["scores"]["test"]["accuracy"] for p in paths
        ] == row.scores
        assert row.runs[0].cost.parameters == read_json(paths[0] / "metrics.json")["parameters"]
        assert seqkit.load(paths[0]).predict("abba").output in ("a", "b")
    assert done.rows[0].mean >= done.rows[1].mean
    assert done.rows[0].runs[0].cost.parameters == pytest.approx(
        done.rows[1].runs[0].cost.parameters, rel=0.05
    )


def test_the_table_has_a_line_for_each_network_with_all_digits(done: Comparison) -> None:
    with (done.path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["network"] for line in lines] == [row.network for row in done.rows]
    for line, row in zip(lines, done.rows, strict=True):
        assert float(line["accuracy"]) == row.mean
        assert [float(line["accuracy_1"]), float(line["accuracy_2"])] == row.scores
        assert float(line["train_units_per_second"]) > 0 and float(line["answers_per_second"]) > 0
    assert lines[0]["p"] == "" and 0 < float(lines[1]["p"]) <= 1


def test_the_page_is_one_file_with_table_and_pictures(done: Comparison) -> None:
    page = (done.path / "comparison.html").read_text(encoding="utf-8")
    assert all(f">{row.network}</td>" in page for row in done.rows)
    assert html.escape(done.verdict) in page
    addresses = re.findall(r'\s(?:src|srcset|href)="([^"]*)"', page)
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert page.count("<svg") == 2
    pictures = sorted(path.name for path in done.path.glob("*.png"))
    assert pictures == [
        "comparison-2-1-accuracy-by-training-time.png",
        "comparison-2-2-accuracy-by-answer-time.png",
    ]


def test_answers_are_kept_a_line_each(done: Comparison) -> None:
    splits = ToyTask().read(ToyTask.Config())
    files = sorted((done.path / "answers").glob("*.jsonl"))
    assert len(files) == 4
    assert all(len(f.read_text(encoding="utf-8").splitlines()) == len(splits.test) for f in files)


def test_what_is_done_is_not_done_again(done: Comparison) -> None:
    before = {file: file.stat().st_mtime_ns for file in done.path.rglob("*.safetensors")}
    answers = {file: file.stat().st_mtime_ns for file in (done.path / "answers").iterdir()}
    listener = Listener()
    again = compared(done.path, reporter=listener)
    assert [n for n in listener.notes if n.startswith("[")] == [
        f"[{i}/4] {cell}-lr0.02-seed{seed}: is trained already."
        for i, (seed, cell) in enumerate(((s, c) for s in (1, 2) for c in CELLS), start=1)
    ]
    assert all(file.stat().st_mtime_ns == time for file, time in (before | answers).items())
    assert again.rows == done.rows


@pytest.mark.parametrize("event", [1, 14, 47])
def test_a_killed_comparison_goes_on_to_the_same_end(
    event: int, done: Comparison, tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        compared(tmp_path / "killed", reporter=Killer(event))
    again = compared(tmp_path / "killed")
    assert weights(again.path) == weights(done.path)
    assert [(r.network, r.scores, r.behind) for r in again.rows] == [
        (r.network, r.scores, r.behind) for r in done.rows
    ]


def test_a_stopped_comparison_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"by the same command with --out .*stopped") as stop:
        compared(tmp_path / "stopped", reporter=Killer(3, signal.SIGTERM))
    assert stop.value.number == signal.SIGTERM


def test_more_networks_join_a_comparison(done: Comparison, tmp_path: Path) -> None:
    compared(tmp_path / "more", seeds=1)
    more = seqkit.compare("toy", cells=[*CELLS, "lstm"], seeds=1, out=tmp_path / "more")
    assert {row.network for row in more.rows} == {*CELLS, "lstm"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"training": {"batch_size": 4}}, r"settings \(`training.batch_size` was 8, is 4\)"),
        ({"model": {"hidden_size": 9}}, r"settings \(`model.hidden_size` was 8, is 9\)"),
        ({"budget": "minutes=1"}, r"settings \(`training.epochs` was 4"),
    ],
)
def test_what_differs_does_not_join(
    done: Comparison, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(
        RunError, match=rf"a comparison with other {expected}.*choose another --out"
    ):
        compared(done.path, **options)


def test_a_comparison_of_before_a_setting_was_there_goes_on(
    done: Comparison, tmp_path: Path
) -> None:
    shutil.copytree(done.path, tmp_path / "old")
    about = read_json(tmp_path / "old" / "comparison.json")
    assert about["settings"]["training"].pop("kernel") == "auto"
    (tmp_path / "old" / "comparison.json").write_text(json.dumps(about), encoding="utf-8")
    again = compared(tmp_path / "old")
    assert [(r.network, r.scores) for r in again.rows] == [(r.network, r.scores) for r in done.rows]
    with pytest.raises(RunError, match=r"`training.kernel` was auto, is own"):
        compared(tmp_path / "old", training={"kernel": "own"})


def test_other_data_does_not_join(done: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ToyTask.read
    monkeypatch.setattr(ToyTask, "read", lambda task, config: type(read(task, config))(
        *(part[::-1] for part in (read(task, config).train, read(task, config).dev, read(task, config).test)), "other"
    ))  # fmt: skip
    with pytest.raises(RunError, match="a comparison with other data"):
        compared(done.path)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match="exists and is no comparison"):
        compared(tmp_path)


def test_each_network_gets_the_rate_that_is_best_on_dev(tmp_path: Path) -> None:
    rates = ("0.001", "0.05")
    found = compared(tmp_path / "rates", lrs=[0.001, 0.05])
    for row in found.rows:
        tried = {rate: found.path / f"{row.network}-lr{rate}-seed1" for rate in rates}
        assert f"{row.runs[0].lr:g}" == max(rates, key=lambda rate: dev_score(tried[rate]))
        seconds = [path.name for path in found.path.glob(f"{row.network}-*-seed2")]
        assert seconds == [f"{row.network}-lr{row.runs[0].lr:g}-seed2"]


def test_an_equal_time_ends_trainings_between_two_steps(tmp_path: Path) -> None:
    found = compared(tmp_path / "timed", seeds=1, budget="minutes=0.005", training={"patience": 0})
    for row in found.rows:
        history = (found.path / f"{row.network}-lr0.02-seed1" / "history.csv").read_text(
            encoding="utf-8"
        )
        seconds = sum(float(line["train_seconds"]) for line in csv.DictReader(history.splitlines()))
        assert seconds == pytest.approx(0.3, abs=2), (
            "a step later at most, on however busy a machine"
        )
        assert seconds > 0.25
        assert row.runs[0].hidden_size == 8, "where time is equal, sizes are as the settings say"


def test_runs_are_compared_as_they_are(done: Comparison, tmp_path: Path) -> None:
    runs = [done.path / f"{cell}-lr0.02-seed1" for cell in CELLS]
    found = seqkit.compare_runs(runs, out=tmp_path / "runs")
    scores = {row.network: row.scores for row in found.rows}
    assert set(scores) == {run.name for run in runs}
    for run in runs:
        assert scores[run.name] == [read_json(run / "metrics.json")["scores"]["test"]["accuracy"]]


def test_a_run_does_not_differ_from_its_copy(done: Comparison, tmp_path: Path) -> None:
    run = done.path / "gru-lr0.02-seed1"
    copy = shutil.copytree(run, tmp_path / run.name)
    same = seqkit.compare_runs([run, copy], out=tmp_path / "same")
    assert {row.network for row in same.rows} == {str(run), str(copy)}
    assert same.rows[1].behind is not None and same.rows[1].behind.p == 1


def test_answers_are_given_anew_when_a_run_has_changed(done: Comparison, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings: dict[str, Any] = {"training": {"epochs": 1, "lr": 1e-6}}
    seqkit.train("toy", out=run, **settings)
    other = done.path / "gru-lr0.02-seed1"
    before = seqkit.compare_runs([run, other], out=tmp_path / "out")
    seqkit.train("toy", out=run, overwrite=True, training={"epochs": 8})
    after = seqkit.compare_runs([run, other], out=tmp_path / "out")
    scores = [{row.network: row.mean for row in c.rows}[run.name] for c in (before, after)]
    assert scores[1] == read_json(run / "metrics.json")["scores"]["test"]["accuracy"] != scores[0]


def refusal(error: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(error) as refused:
        call()
    return str(refused.value)


def test_runs_that_cannot_be_compared_are_refused(
    done: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = done.path / "gru-lr0.02-seed1"
    assert "Two runs at least" in refusal(ConfigError, lambda: seqkit.compare_runs([run]))
    with pytest.raises(KilledError):
        seqkit.train("toy", out=tmp_path / "half", reporter=Killer(9))
    half = lambda: seqkit.compare_runs([tmp_path / "half", run], out=tmp_path / "out")  # noqa: E731
    assert "half: its training has not ended" in refusal(RunError, half)
    read = ToyTask.read

    def other_data(task: ToyTask, config: Any) -> Any:
        splits = read(task, config)
        cut = splits.test[: config.model.hidden_size]
        return type(splits)(splits.train, splits.dev, cut, splits.source)

    smaller = seqkit.train(
        "toy", out=tmp_path / "smaller", model={"hidden_size": 5}, training={"epochs": 1}
    ).path
    monkeypatch.setattr(ToyTask, "read", other_data)
    both = lambda: seqkit.compare_runs([run, smaller], out=tmp_path / "both")  # noqa: E731
    assert "smaller: its test part is not that of" in refusal(DataError, both)
