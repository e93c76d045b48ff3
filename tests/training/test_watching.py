"""What a training shows of itself: curves while it goes, gradient flow, TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit import curves
from seqkit.training.report import Reporter

from ..toy import install


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_diagnosing_adds_columns_and_a_picture_and_changes_nothing_else(tmp_path: Path) -> None:
    plain = seqkit.train("toy", out=tmp_path / "plain")
    watched = seqkit.train("toy", out=tmp_path / "watched", training={"diagnose": True})
    assert (watched.path / "gradient_flow.png").read_bytes().startswith(b"\x89PNG")
    weights = "model.safetensors"
    assert (plain.path / weights).read_bytes() == (watched.path / weights).read_bytes()
    for before, after in zip(rows(plain.path), rows(watched.path), strict=True):
        assert float(after["flow_encoder"]) > 0
        assert after["train_loss"] == before["train_loss"]


def test_a_fault_is_told_once(tmp_path: Path) -> None:
    class Listener(Reporter):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    listener = Listener()
    model: dict[str, Any] = {"cell": "rnn_tanh", "hidden_size": 4, "init": "torch"}
    training = {"diagnose": True, "lr": 50.0, "clip_norm": 0.0, "epochs": 3}
    seqkit.train("toy", out=tmp_path / "run", model=model, training=training, reporter=listener)
    told = [note for note in listener.notes if note.startswith("encoder saturated")]
    assert len(told) == 1


def test_curves_are_drawn_while_training_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(curves, "SHARE", 0)
    monkeypatch.setattr(curves, "draw_curves", lambda history, *rest: drawn.append(len(history)))
    seqkit.train("toy", out=tmp_path / "run", training={"epochs": 3})
    assert drawn == [1, 2, 3]


def test_drawing_takes_little_of_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = [0.0]
    monkeypatch.setattr(curves.time, "perf_counter", lambda: clock[0])

    def draw(*_: Any) -> None:
        clock[0] += 1

    monkeypatch.setattr(curves, "draw_curves", draw)
    picture, drawn = curves.Curves("accuracy", tmp_path / "curves.png"), 0
    for _ in range(500):  # epochs of a second
        clock[0] += 1
        before = clock[0]
        picture.epoch_done([], 1)
        drawn += clock[0] > before
    assert 15 <= drawn <= 25


def test_tensorboard_gets_every_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tracking` is not installed")
    seqkit.train("toy", out=tmp_path / "run", training={"tensorboard": True})
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    told = [event.value for event in events.Scalars("train_loss")]
    assert told == pytest.approx([float(row["train_loss"]) for row in rows(tmp_path / "run")])


def test_a_missing_tensorboard_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(seqkit.ConfigError, match="pip install tensorboard"):
        seqkit.train("toy", out=tmp_path / "run", training={"tensorboard": True})
