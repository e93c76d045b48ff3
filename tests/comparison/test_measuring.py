"""What is kept of a run, and how it is read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import seqkit
from seqkit.comparison.cost import DIAGNOSED
from seqkit.comparison.measuring import SLOW_SAMPLES, Ground, measure
from seqkit.diagnosis import diagnose
from seqkit.files import read_json, write_text
from seqkit.prediction import Alternative, Prediction

from ..toy import ToyTask, install

EXAMPLES = ToyTask().read(ToyTask.Config()).test


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the toy."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return seqkit.train("toy", out=tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


def test_a_prediction_comes_back_from_json_as_it_was() -> None:
    before = Prediction("x", ["y"], -0.5, 0.6, [Alternative(["y"], -0.5, 0.6)], {"tags": ["O"]})
    assert Prediction.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_a_run_is_measured_as_it_was_scored(run: Path, tmp_path: Path) -> None:
    measured = measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "run")
    metrics = read_json(run / "metrics.json")
    assert measured.score == metrics["scores"]["test"]["accuracy"]
    assert measured.resampled.shape == (SLOW_SAMPLES,), (
        "the toy tells no tallies, so that each sample is scored anew"
    )
    assert measured.resampled.mean() == pytest.approx(measured.score, abs=0.05)
    cost = measured.cost
    assert (cost.parameters, cost.train_seconds) == (
        metrics["parameters"],
        metrics["train_seconds"],
    )
    assert measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "run") == measured, (
        "the second time it is read"
    )


def test_groups_of_a_length_make_up_the_whole(run: Path, tmp_path: Path) -> None:
    ground = Ground.of("test", EXAMPLES * 8, run)
    assert len(ground.groups) > 1
    measured = measure(run, ground, tmp_path, "run")
    right = sum(
        len(group.members) * score
        for group, score in zip(ground.groups, measured.by_length, strict=True)
    )
    assert right / len(ground.examples) == pytest.approx(measured.score)
    assert len(measured.cost.answer_speeds) == len(ground.groups)
    assert min(measured.cost.answer_speeds) > 0


def test_the_factor_of_a_network_of_one_layer_is_that_of_its_diagnosis(
    run: Path, tmp_path: Path
) -> None:
    pipeline = seqkit.load(run, device="cpu").pipeline
    items = [pipeline.encode(example) for example in EXAMPLES]
    (flow,) = diagnose(pipeline, items, torch.device("cpu")).flows
    measured = measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "run")
    assert len(EXAMPLES) <= DIAGNOSED
    assert measured.cost.gradient_factor == pytest.approx(flow.rate)


def test_other_examples_are_answered_anew(run: Path, tmp_path: Path) -> None:
    measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "run")
    measure(run, Ground.of("test", EXAMPLES[:4], run), tmp_path, "run")
    assert len((tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()) == 4


def test_the_speed_of_a_run_that_counted_no_units_is_not_known(run: Path, tmp_path: Path) -> None:
    history = run / "history.csv"
    text = history.read_text(encoding="utf-8")
    write_text(history, text.replace("units", "others"))
    assert measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "run").cost.train_speed is None
    write_text(history, text)
    assert (
        measure(run, Ground.of("test", EXAMPLES, run), tmp_path, "again").cost.train_speed
        is not None
    )
