"""Averages of weights over steps and over epochs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import seqkit
from seqkit.errors import SeqkitError
from seqkit.pipeline import Scores
from seqkit.training.averaging import MovingAverage, mean_state

from ..toy import install, toy_pipeline
from .test_loop import SPLITS, Weights, fit, same, script, weights


def test_the_moving_average_follows_its_formula_and_leaves_the_network_as_it_was() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    average = MovingAverage(layer, decay=0.5)
    expected, steps = 1.0, [3.0, -1.0, 2.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    for step, value in enumerate(steps):
        layer.weight.data.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.applied():
        assert layer.weight.item() == pytest.approx(expected)
    assert layer.weight.item() == 8.0


def test_what_a_training_with_ema_keeps_is_what_it_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    settings = {"epochs": 3, "patience": 0, "batch_size": 8, "device": "cpu", "ema": 0.8}
    run = seqkit.train("toy", out=tmp_path / "run", training=settings)
    dev = seqkit.load(run.path).evaluate(split="dev")
    assert dev.values == run.metrics["scores"]["dev"]


def test_with_ema_the_saved_weights_are_not_those_of_the_last_step(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=2, patience=0, ema=0.9)
    script(pipeline, [0.1, 0.2])
    _, watcher = fit(pipeline, tmp_path)
    assert same(weights(pipeline), watcher.after[1])
    plain = toy_pipeline(epochs=2, patience=0)
    script(plain, [0.1, 0.2])
    fit(plain, tmp_path)
    assert not same(weights(pipeline), weights(plain))


@pytest.mark.parametrize(("averaged", "kept"), [(0.9, True), (0.6, False)])
def test_the_average_of_the_last_epochs_is_kept_if_it_scores_higher(
    averaged: float, kept: bool, tmp_path: Path
) -> None:
    pipeline = toy_pipeline(epochs=4, patience=0, average_last=3)
    script(pipeline, [0.1, 0.7, 0.5, 0.6, averaged])
    state, watcher = fit(pipeline, tmp_path)
    mean: Weights = mean_state(watcher.after[1:])
    found = weights(pipeline)
    if kept:
        for name, value in mean.items():
            torch.testing.assert_close(found[name], value)
    else:
        assert same(found, watcher.after[1])
    assert state.best == max(averaged, 0.7)
    assert state.best_scores is not None and state.best_scores.values == {"accuracy": state.best}
    assert "average of the last 3 epochs" in watcher.notes[-1]


def test_unequal_batches_accumulated_are_one_large_batch(tmp_path: Path) -> None:
    train = [e for e in SPLITS.train if len(e.text) == 5][:12]
    large = toy_pipeline(epochs=2, batch_size=12, optimizer="sgd", lr=0.1, patience=0)
    small = toy_pipeline(epochs=2, batch_size=8, accumulate=2, optimizer="sgd", lr=0.1, patience=0)
    fit(large, tmp_path, train)
    fit(small, tmp_path, train)  # batches of 8 and 4
    for name, value in weights(large).items():
        torch.testing.assert_close(weights(small)[name], value, rtol=0, atol=1e-6)


def test_a_metric_that_the_task_does_not_compute_is_named(tmp_path: Path) -> None:
    pipeline = toy_pipeline()
    pipeline.score = lambda *_: Scores({"f1": 1.0}, "")  # type: ignore[method-assign]
    with pytest.raises(SeqkitError, match="by 'accuracy', but its scores are f1"):
        fit(pipeline, tmp_path)
