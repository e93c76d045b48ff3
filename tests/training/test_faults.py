"""Steps that cannot be made: no number, no memory, a gradient out of all measure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from seqkit.errors import SeqkitError
from seqkit.training.loop import Trainer, restore_network
from seqkit.training.report import Reporter

from ..toy import Example, ToyPipeline, ToyTask, toy_pipeline

SPLITS = ToyTask().read(ToyTask.Config())


class Listener(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def trainer(pipeline: ToyPipeline, folder: Path) -> tuple[Trainer, Listener]:
    listener = Listener()
    training = pipeline.config.training
    return Trainer(pipeline, training, "accuracy", folder, listener), listener


def spoil(pipeline: ToyPipeline, steps: Sequence[int], value: float = math.nan) -> None:
    """The loss is multiplied by a value at these steps, counted from 0."""
    loss, calls = pipeline.loss, []

    def spoiled(batch: Any) -> Any:
        total, units = loss(batch)
        if not pipeline.model.training:
            return total, units
        calls.append(None)
        return total * (value if len(calls) - 1 in steps else 1), units

    pipeline.loss = spoiled  # type: ignore[method-assign]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_and_names_its_inputs(value: float, tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=2)
    spoil(pipeline, [3], value)
    training, _ = trainer(pipeline, tmp_path)
    with pytest.raises(SeqkitError, match=r"The loss became \w+ at step 3, .*lower `training\.lr`"):
        training.fit(SPLITS.train, SPLITS.dev)
    aside = tmp_path / "faults" / "step-000000003.jsonl"
    inputs = [json.loads(line) for line in aside.read_text(encoding="utf-8").splitlines()]
    assert len(inputs) == 8
    assert set(inputs) <= {example.text for example in SPLITS.train}
    assert all(value.isfinite().all() for value in pipeline.model.state_dict().values())


def test_a_gradient_that_is_no_number_stops_before_the_weights_see_it(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=1)
    spoil(pipeline, [2], 1e35)
    training, _ = trainer(pipeline, tmp_path)
    with pytest.raises(SeqkitError, match=r"The gradient's norm became inf at step 2, "):
        training.fit(SPLITS.train, SPLITS.dev)
    assert all(value.isfinite().all() for value in pipeline.model.state_dict().values())


def test_faulty_steps_are_left_out_where_asked_for(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=2, on_fault="skip", patience=0)
    spoil(pipeline, [1, 2])
    training, listener = trainer(pipeline, tmp_path)
    state = training.fit(SPLITS.train, SPLITS.dev)
    assert state.step == 10 and pipeline.steps == list(range(10))
    assert [note.split(",")[0] for note in listener.notes] == [
        "The loss became nan at step 1", "The loss became nan at step 2",
    ]  # fmt: skip
    assert math.isfinite(state.history[0]["train_loss"])
    assert len(list((tmp_path / "faults").iterdir())) == 2


def test_too_many_faults_in_a_row_stop_anyway(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=9, on_fault="skip", patience=0)
    spoil(pipeline, range(4, 40))
    training, listener = trainer(pipeline, tmp_path)
    with pytest.raises(SeqkitError, match=r"at step 14, .*as at 10 steps before it"):
        training.fit(SPLITS.train, SPLITS.dev)
    assert len(listener.notes) == 10


def limit_memory(pipeline: ToyPipeline, steps: int) -> list[int]:
    """Batches of more padded steps find no memory; returns the sizes of those that do."""
    loss, sizes = pipeline.loss, []

    def limited(batch: Any) -> Any:
        if pipeline.model.training:
            size = batch.text.values.numel()
            if size > steps:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
            sizes.append(size)
        return loss(batch)

    pipeline.loss = limited  # type: ignore[method-assign]
    return sizes


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"adversarial": 0.5}])
def test_a_batch_without_room_is_halved_to_the_same_gradient(
    options: dict[str, Any], tmp_path: Path
) -> None:
    whole, halved = (toy_pipeline(epochs=1, **options) for _ in range(2))
    training, _ = trainer(whole, tmp_path)
    wanted = training.fit(SPLITS.train, SPLITS.dev)
    sizes = limit_memory(halved, 20)
    training, listener = trainer(halved, tmp_path)
    state = training.fit(SPLITS.train, SPLITS.dev)
    assert max(sizes) <= 20
    assert len(listener.notes) == 1 and "Memory is too small for a batch of" in listener.notes[0]
    assert state.history[0]["train_loss"] == pytest.approx(
        wanted.history[0]["train_loss"], rel=1e-5
    )
    for one, other in zip(whole.model.parameters(), halved.model.parameters(), strict=True):
        tolerance = 1e-3 if "adversarial" in options else 1e-5
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_other_errors_are_not_taken_for_want_of_memory(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=1)

    def broken(batch: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    pipeline.loss = broken  # type: ignore[method-assign]
    training, _ = trainer(pipeline, tmp_path)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        training.fit(SPLITS.train, SPLITS.dev)


def test_a_text_far_longer_than_the_rest_kills_no_training(tmp_path: Path) -> None:
    long = Example("ab" * 500, "a")
    pipeline = toy_pipeline(epochs=1, on_fault="skip")
    limit_memory(pipeline, 60)
    training, listener = trainer(pipeline, tmp_path)
    state = training.fit([*SPLITS.train, long], SPLITS.dev)
    assert state.epoch == 1 and state.step == 6
    assert "single example of 1,000 steps at step" in listener.notes[-1]
    [aside] = (tmp_path / "faults").iterdir()
    assert long.text in aside.read_text(encoding="utf-8")


def test_a_training_goes_on_with_the_batches_that_fit(tmp_path: Path) -> None:
    first = toy_pipeline(epochs=2, checkpoint_steps=1)
    limit_memory(first, 20)
    training, _ = trainer(first, tmp_path)
    training.fit(SPLITS.train, SPLITS.dev)
    again = toy_pipeline(epochs=2, seed=1)
    sizes = limit_memory(again, 20)
    snapshot = training.snapshot()
    restore_network(again.model, snapshot)
    assert snapshot["processes"][0]["fitting"] > 20
    training, listener = trainer(again, tmp_path)
    snapshot["state"]["epoch"] = 1
    training.fit(SPLITS.train, SPLITS.dev, snapshot)
    assert max(sizes) <= 20 and not listener.notes


def test_a_gradient_far_above_the_usual_is_said_once_and_counted(tmp_path: Path) -> None:
    pipeline = toy_pipeline(epochs=25, patience=0, clip_norm=1.0)
    spoil(pipeline, [110, 113], 1e4)
    training, listener = trainer(pipeline, tmp_path)
    state = training.fit(SPLITS.train, SPLITS.dev)
    [note] = listener.notes
    assert note.startswith("Step 110: the gradient's norm is ") and "clip_norm" in note
    assert state.history[22]["largest_norm"] > 10 * state.history[20]["largest_norm"]
    assert state.history[22]["clipped"] == pytest.approx(0.4, abs=0.21)
