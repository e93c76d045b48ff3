"""A training that is stopped anywhere and goes on ends as one that was not: weights, history and scores, bit by bit."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import seqkit
from seqkit.errors import DataError, RunError
from seqkit.files import read_json, sha256
from seqkit.registry import get_task
from seqkit.run import CHECKPOINTS
from seqkit.task import Splits
from seqkit.training import loop
from seqkit.training.interruption import Interrupted
from seqkit.training.loop import Trainer
from seqkit.training.report import Reporter

from ..toy import install


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


class KilledError(Exception):
    """Stands for a kill -9: nothing of the training is done after it."""


class Killer(Reporter):
    """Ends a training at one of its events (batches and scorings), or by a signal there."""

    def __init__(self, event: int, number: int | None = None) -> None:
        self.left, self.number = event, number
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def batch_done(self, loss: float) -> None:
        self._count()

    def scoring(self, what: str) -> None:
        self._count()

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            if self.number is None:
                raise KilledError
            os.kill(os.getpid(), self.number)


def result(path: Path) -> tuple[str, list[str], Any]:
    """What must be equal: the weights' sum, the history without times, the scores."""
    lines = (path / "history.csv").read_text(encoding="utf-8").splitlines()
    metrics = read_json(path / "metrics.json")
    without_times = [line.rsplit(",", 2)[0] for line in lines]
    kept = {key: metrics[key] for key in ("scores", "epochs", "best_epoch", "signature")}
    return sha256(path / "model.safetensors"), without_times, kept


def stop(out: Path, killer: Killer, task: str = "toy", **settings: Any) -> None:
    with pytest.raises((KilledError, Interrupted)):
        seqkit.train(task, out=out, reporter=killer, **settings)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"ema": 0.9, "average_last": 2, "schedule": "cosine", "accumulate": 2},
    {"optimizer": "sgd", "momentum": 0.9, "lr": 0.1, "schedule": "plateau", "plateau_patience": 0},
    {"optimizer": "nadam", "adversarial": 1.0, "patience": 1, "precision": "bf16"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_kill_at_any_moment_changes_nothing(settings: dict[str, Any], tmp_path: Path) -> None:
    options = {
        "model": {"dropout": 0.3},
        "training": {"epochs": 3, "checkpoint_steps": 2, "device": "cpu", "batch_size": 8, **settings},
    }  # fmt: skip
    seqkit.train("toy", out=tmp_path / "whole", **options)
    wanted = result(tmp_path / "whole")
    assert not (tmp_path / "whole" / CHECKPOINTS).exists()
    events = 3 * 5 + 3 + 1
    for event in range(1, events + 1):
        out = tmp_path / str(event)
        try:
            seqkit.train("toy", out=out, reporter=Killer(event), **options)
        except KilledError:
            torch.manual_seed(event)  # another process would start from elsewhere
            seqkit.resume(out)
        assert result(out) == wanted, f"killed at event {event}"


def test_kernels_do_not_hang_on_what_the_process_did_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(loop, "start_compiled", lambda: begun.append("machine code"))
    train, score = Trainer._train_epoch, Trainer._score_epoch

    def noted(run: Callable[..., None]) -> Callable[..., None]:
        return lambda *given: (begun.append("work"), run(*given))[1]

    monkeypatch.setattr(Trainer, "_train_epoch", noted(train))
    monkeypatch.setattr(Trainer, "_score_epoch", noted(score))
    seqkit.train("toy", out=tmp_path / "run", training={"epochs": 1, "device": "cpu"})
    assert begun == ["machine code", "work", "work"]


def test_a_training_may_be_killed_again_and_again(tmp_path: Path) -> None:
    training = {"epochs": 3, "checkpoint_steps": 1, "device": "cpu", "batch_size": 8}
    whole = seqkit.train("toy", out=tmp_path / "whole", training=training)
    stop(tmp_path / "run", Killer(2), training=training)
    for _ in range(40):
        try:
            seqkit.resume(tmp_path / "run", reporter=Killer(3))
            break
        except KilledError:
            continue
    assert result(tmp_path / "run") == result(whole.path)


TASKS: dict[str, dict[str, Any]] = {
    "sentiment": {"model": {"hidden_size": 8, "dropout": 0.3}},
    "ner": {"model": {"hidden_size": 8, "dropout": 0.3}},
    "translation": {"model": {"hidden_size": 8, "emb_size": 8, "dropout": 0.3},
                    "data": {"bpe_dropout": 0.1, "vocab_size": 300}, "decoding": {"max_len": 12}},
    "captioning": {"model": {"hidden_size": 8, "emb_size": 8, "dropout": 0.3},
                   "decoding": {"max_len": 12, "beam_size": 1},
                   "training": {"self_critical": 0.5, "self_critical_start": 2}},
    "language": {"model": {"hidden_size": 8, "emb_size": 8, "dropout": 0.3}},
}  # fmt: skip


def shortened(splits: Splits[Any]) -> Splits[Any]:
    return Splits(splits.train[:120], splits.dev[:20], splits.test[:20], splits.source)


def take_short_sample(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a task, instead of the toy that hides it, read the beginning of its sample."""
    monkeypatch.undo()
    kind = type(get_task(task))
    whole_sample = kind.read
    monkeypatch.setattr(kind, "read", lambda *a: shortened(whole_sample(*a)))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_goes_on_as_if_nothing_had_happened(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_short_sample(task, monkeypatch)
    options = {**TASKS[task]}
    training = {"epochs": 2, "checkpoint_steps": 3, "batch_size": 20, "device": "cpu"}
    options["training"] = {**training, **options.get("training", {})}
    whole = seqkit.train(task, out=tmp_path / "whole", **options)
    stop(tmp_path / "run", Killer(6 + 1 + 4), task, **options)  # in the second epoch
    seqkit.resume(tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.path)


def test_vectors_that_stay_as_they_are_still_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("the 0.1 0.2\nplot 0.3 0.4\nmusic -1 1\n", encoding="utf-8")
    options: dict[str, Any] = {
        "model": {"hidden_size": 4, "vectors": str(vectors), "freeze_vectors": True},
        "training": {"epochs": 2, "batch_size": 500, "checkpoint_steps": 1, "device": "cpu"},
    }
    whole = seqkit.train("sentiment", out=tmp_path / "whole", **options)
    stop(tmp_path / "run", Killer(3), "sentiment", **options)
    vectors.unlink()  # the run holds what it needs
    seqkit.resume(tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.path)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    yield
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.skipif(os.name == "nt", reason="os.kill sends no signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("event", "step"), [(3, 3), (6, 5)])  # at the third batch; while scoring
def test_a_signal_saves_and_tells_how_to_go_on(
    event: int, step: int, number: int, handlers: None, tmp_path: Path
) -> None:
    training = {"epochs": 2, "batch_size": 8, "device": "cpu"}
    whole = seqkit.train("toy", out=tmp_path / "whole", training=training)
    with pytest.raises(Interrupted) as stopped:
        seqkit.train("toy", out=tmp_path / "run", reporter=Killer(event, number), training=training)
    assert f"up to step {step} is kept" in str(stopped.value)
    assert f"seqkit train --resume {tmp_path / 'run'}" in str(stopped.value)
    assert stopped.value.number == number
    seqkit.resume(tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.path)


def test_a_full_disk_is_said_and_training_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"epochs": 2, "checkpoint_steps": 1, "batch_size": 8, "device": "cpu"}
    whole = seqkit.train("toy", out=tmp_path / "whole", training=training)
    save, calls = safetensors.torch.save_file, []

    def filling(*arguments: Any, **options: Any) -> None:
        calls.append(None)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        save(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", filling)
        with pytest.raises(RunError, match=r"No space left.* up to step 3 is kept; go on with"):
            seqkit.train("toy", out=tmp_path / "run", training=training)
    seqkit.resume(tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.path)


def test_in_another_thread_training_works_without_signals(tmp_path: Path) -> None:
    found: list[seqkit.Trained] = []
    thread = threading.Thread(
        target=lambda: found.append(seqkit.train("toy", out=tmp_path / "run"))
    )
    thread.start()
    thread.join()
    assert found


def test_what_cannot_go_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ..toy import ToyTask

    done = seqkit.train("toy", out=tmp_path / "done")
    with pytest.raises(RunError, match=r"training has ended.*training\.start_from"):
        seqkit.resume(done.path)
    with pytest.raises(RunError, match="no such run folder"):
        seqkit.resume(tmp_path / "none")
    stop(tmp_path / "run", Killer(3))
    read = ToyTask.read
    monkeypatch.setattr(ToyTask, "read", lambda *a: type(s := read(*a))(s.train[1:], s.dev, s.test))
    with pytest.raises(DataError, match="not the data"):
        seqkit.resume(tmp_path / "run")


def test_an_altered_checkpoint_is_said_and_the_one_before_used(tmp_path: Path) -> None:
    training = {"epochs": 2, "checkpoint_steps": 1, "batch_size": 8, "device": "cpu"}
    whole = seqkit.train("toy", out=tmp_path / "whole", training=training)
    stop(tmp_path / "run", Killer(4), training=training)
    newest = max((tmp_path / "run" / CHECKPOINTS).glob("step-*"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    watcher = Killer(0)
    seqkit.resume(tmp_path / "run", reporter=watcher)
    assert newest.name in watcher.notes[0]
    assert watcher.notes[1] == "Going on after step 2."
    assert result(tmp_path / "run") == result(whole.path)


def test_a_checkpoint_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr("seqkit.training.loop.LAYOUT", 1)
        stop(tmp_path / "run", Killer(5), training={"checkpoint_steps": 1})
    with pytest.raises(seqkit.RunError, match="of another version of seqkit"):
        seqkit.resume(tmp_path / "run")
