"""The training loop on a toy task: it learns, keeps the best, stops, and does what its settings say."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seqkit
from seqkit.errors import ConfigError
from seqkit.files import sha256
from seqkit.pipeline import Scores
from seqkit.predicting import score_examples
from seqkit.settings import TrainingConfig
from seqkit.training.acceleration import build_accelerator
from seqkit.training.loop import Trainer
from seqkit.training.report import Reporter
from seqkit.training.state import TrainingState

from ..toy import Example, ToyPipeline, ToyTask, install, toy_pipeline

SPLITS = ToyTask().read(ToyTask.Config())
Weights = dict[str, Tensor]


def weights(pipeline: ToyPipeline) -> Weights:
    return {name: value.clone() for name, value in pipeline.model.state_dict().items()}


def same(one: Weights, other: Weights) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


class Watcher(Reporter):
    """Keeps what it hears, and the weights at the end of each epoch."""

    def __init__(self, pipeline: ToyPipeline) -> None:
        self.pipeline = pipeline
        self.after: list[Weights] = []
        self.notes: list[str] = []
        self.batches: list[int] = []
        self.best: list[bool] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        self.batches.append(batches)

    def epoch_done(self, row: dict[str, Any], is_best: bool) -> None:
        self.after.append(weights(self.pipeline))
        self.best.append(is_best)


def script(pipeline: ToyPipeline, values: Sequence[float]) -> None:
    """Has the dev scores of the epochs be these."""
    left = list(values)
    pipeline.score = lambda *_: Scores({"accuracy": left.pop(0)}, "scripted")  # type: ignore[method-assign]


def fit(
    pipeline: ToyPipeline,
    folder: Path,
    train: Sequence[Example] = SPLITS.train,
) -> tuple[TrainingState, Watcher]:
    watcher = Watcher(pipeline)
    trainer = Trainer(pipeline, pipeline.config.training, "accuracy", folder, watcher)
    return trainer.fit(train, SPLITS.dev), watcher


@pytest.mark.parametrize("options", [{}, {"batch_tokens": 40}, {"precision": "bf16"},
                                     {"optimizer": "sgd", "lr": 0.5, "momentum": 0.5},
                                     {"schedule": "cosine", "warmup_steps": 5},
                                     {"optimizer": "nadam", "schedule": "one_cycle"}, {"ema": 0.9}])  # fmt: skip
def test_the_toy_is_learned_to_unseen_texts(options: dict[str, Any], tmp_path: Path) -> None:
    pipeline = toy_pipeline(**{"epochs": 20, "patience": 0, **options})
    state, _ = fit(pipeline, tmp_path)
    losses = [row["train_loss"] for row in state.history]
    assert losses[-1] < 0.1 < losses[0]
    assert score_examples(pipeline, SPLITS.test).values["accuracy"] == 1.0


def test_examples_that_are_drawn_anew_are_what_is_trained_on_and_planned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, asked, lengths = toy_pipeline(epochs=3, patience=0), [], set()

    def encode_anew(examples: Sequence[Example], epoch: int) -> list[Any]:
        asked.append(epoch)
        items = [pipeline.encode(example) for example in examples]
        return [(ids * 20, label) for ids, label in items]

    collate = pipeline.collate

    def watched(items: Sequence[Any]) -> Any:
        if pipeline.model.training:
            lengths.update(len(ids) for ids, _ in items)
        return collate(items)

    monkeypatch.setattr(pipeline, "encode_anew", encode_anew)
    monkeypatch.setattr(pipeline, "collate", watched)
    _, watcher = fit(pipeline, tmp_path)
    assert asked == [1, 2, 3]
    assert lengths == {20 * len(pipeline.encode(example)[0]) for example in SPLITS.train}
    assert len(watcher.batches) == 3


def test_the_best_epochs_weights_are_kept_and_loaded(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=4, patience=0)
    script(pipeline, [0.1, 0.9, 0.5, 0.9])
    state, watcher = fit(pipeline, tmp_path)
    assert (state.epoch, state.best_epoch, state.best, state.stale) == (4, 2, 0.9, 2)
    assert watcher.best == [True, True, False, False]
    assert state.best_scores is not None and state.best_scores.values == {"accuracy": 0.9}
    assert same(weights(pipeline), watcher.after[1])
    assert not same(weights(pipeline), watcher.after[3])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 8), (0, 9)])
def test_training_stops_when_the_metric_has_stood_still(
    patience: int, epochs: int, tmp_path: Path
) -> None:
    pipeline = toy_pipeline(epochs=9, patience=patience)
    script(pipeline, [0.1, 0.5, 0.5, 0.2, 0.6, 0.1, 0.2, 0.3, 0.4])
    state, watcher = fit(pipeline, tmp_path)
    assert state.epoch == len(state.history) == epochs
    wanted = [f"Stopped: accuracy has not risen for {patience} epochs."] if patience else []
    assert watcher.notes == wanted


def test_time_that_is_up_ends_training_amid_an_epoch_which_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("seqkit.training.loop.time.perf_counter", lambda: float(next(seconds)))
    pipeline = toy_pipeline(epochs=9, patience=0, max_minutes=0.25)
    state, watcher = fit(pipeline, tmp_path)
    assert watcher.notes == ["Stopped: 0.25 minutes of steps are over."]
    assert [row["epoch"] for row in state.history] == [1, 2]
    assert [row["units"] for row in state.history] == [40, 8 * (state.step - 5)]
    assert 5 < state.step < 10 and 15 <= state.training_seconds < 20


def test_history_has_a_row_for_each_epoch_in_memory_and_on_disk(tmp_path: Path) -> None:
    state, watcher = fit(toy_pipeline(epochs=3, patience=0), tmp_path)
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [int(row["step"]) for row in rows] == [5, 10, 15]
    assert [float(row["dev_accuracy"]) for row in rows] == [
        row["dev_accuracy"] for row in state.history
    ]
    assert watcher.batches == [5, 5, 5]


def test_the_share_of_padding_is_told(tmp_path: Path) -> None:
    state, _ = fit(toy_pipeline(epochs=1, batch_size=len(SPLITS.train), accumulate=2), tmp_path)
    lengths = [len(example.text) for example in SPLITS.train]
    wanted = 1 - sum(lengths) / (len(lengths) * max(lengths))
    assert state.history[0]["padding"] == pytest.approx(wanted)


def test_the_losses_are_means_over_examples(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=1, batch_size=7, lr=1e-12)  # too low a rate to change a loss
    state, _ = fit(pipeline, tmp_path)
    for name, examples in (("train_loss", SPLITS.train), ("dev_loss", SPLITS.dev)):
        losses = [pipeline.loss(pipeline.collate([pipeline.encode(e)]))[0] for e in examples]
        wanted = torch.stack(losses).mean().item()
        assert state.history[0][name] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_two_small_batches_accumulated_are_one_large_batch(optimizer: str, tmp_path: Path) -> None:
    train = [e for e in SPLITS.train if len(e.text) == 5][:16]
    assert len(train) == 16
    common: dict[str, Any] = {"epochs": 3, "lr": 0.05, "optimizer": optimizer, "patience": 0}
    large = toy_pipeline(**common, batch_size=16)
    small = toy_pipeline(**common, batch_size=8, accumulate=2)
    state, _ = fit(large, tmp_path, train)
    accumulated, _ = fit(small, tmp_path, train)
    assert state.step == accumulated.step == 3
    tolerance = {"sgd": 1e-6, "adam": 1e-5}[optimizer]
    for name, value in weights(large).items():
        torch.testing.assert_close(weights(small)[name], value, rtol=0, atol=tolerance)
    assert small.steps == [0, 1, 2]


def test_a_last_group_that_is_not_full_still_makes_a_step(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=2, batch_size=8, accumulate=3, patience=0)
    state, _ = fit(pipeline, tmp_path)  # 40 examples: 5 batches, 2 groups
    assert state.step == 4 and pipeline.steps == [0, 1, 2, 3]


@pytest.mark.parametrize("clip_norm", [0.0, 1e-3, 100.0])
def test_the_norm_is_logged_before_clipping_and_the_step_is_taken_after_it(
    clip_norm: float, tmp_path: Path
) -> None:
    train = SPLITS.train[:8]
    pipeline = toy_pipeline(epochs=1, optimizer="sgd", lr=1.0, clip_norm=clip_norm)
    before = weights(pipeline)
    loss, count = pipeline.loss(pipeline.collate([pipeline.encode(e) for e in train]))
    grads = torch.autograd.grad(loss / count, list(pipeline.model.parameters()))
    norm = torch.cat([grad.flatten() for grad in grads]).norm().item()
    state, _ = fit(pipeline, tmp_path, train)
    assert state.history[0]["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    moved = torch.cat([(w - before[name]).flatten() for name, w in weights(pipeline).items()])
    limit = min(norm, clip_norm) if clip_norm else norm
    assert moved.norm().item() == pytest.approx(limit, rel=1e-2)


def test_plateau_halves_every_rate_when_the_metric_stands_still(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=8, lr=0.8, schedule="plateau", plateau_patience=1, patience=0)
    script(pipeline, [0.5, 0.4, 0.4, 0.4, 0.4, 0.9, 0.1, 0.1])
    state, _ = fit(pipeline, tmp_path)
    rates = [row["lr"] for row in state.history]  # a row tells the rate its epoch ended with
    assert rates == pytest.approx([0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.2])


def test_the_rate_follows_the_schedule_over_all_steps(tmp_path: Path) -> None:
    state, _ = fit(toy_pipeline(epochs=4, lr=0.8, schedule="linear", patience=0), tmp_path)
    assert [row["lr"] for row in state.history] == pytest.approx([0.6, 0.4, 0.2, 0.0])


def test_scores_do_not_depend_on_the_mode_the_network_was_left_in() -> None:
    pipeline = toy_pipeline()
    pipeline.model.encoder.dropout.p = 0.9
    pipeline.model.train()
    first, second = (score_examples(pipeline, SPLITS.train) for _ in range(2))
    assert first == second and not pipeline.model.training


def trained(folder: Path, **training: Any) -> str:
    settings = {"epochs": 2, "patience": 0, "batch_size": 8, "device": "cpu", **training}
    run = seqkit.train("toy", out=folder, model={"dropout": 0.3, "hidden_size": 8},
                       training=settings)  # fmt: skip
    return sha256(run.path / "model.safetensors")


def test_a_seed_decides_the_weights_and_another_one_gives_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    first, again, other = (
        trained(tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert first == again != other


def test_trainings_of_unlike_precision_follow_each_other_in_one_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    sums = {p: trained(tmp_path / p, precision=p) for p in ("no", "bf16")}
    assert sums["no"] != sums["bf16"]
    assert trained(tmp_path / "again", precision="no") == sums["no"]


def test_a_device_that_is_not_there_is_refused() -> None:
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(ConfigError, match=f"`training.device` is {missing}, but torch finds none"):
        build_accelerator(TrainingConfig(device=missing))  # type: ignore[arg-type]


def test_half_precision_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device"):
        build_accelerator(TrainingConfig(device="cpu", precision="fp16"))
