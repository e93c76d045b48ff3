"""Several processes: they learn what one learns, go on as one goes on, and end together."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.distributed import TCPStore

import seqkit
from seqkit.errors import DataError
from seqkit.files import read_json
from seqkit.predicting import Execution, score_examples
from seqkit.processes import join
from seqkit.task import Splits
from seqkit.training.loop import Trainer
from seqkit.training.report import Reporter

from ..together import forks, quietly, run_together
from ..toy import ToyPipeline, ToyTask, install, toy_pipeline
from .test_faults import limit_memory, spoil
from .test_resume import TASKS, Killer, result, take_short_sample

pytestmark = [forks, quietly]

SPLITS = ToyTask().read(ToyTask.Config())


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


def train(out: Path, reporter: Reporter | None = None, **options: Any) -> str:
    """Trains the toy for 54 steps; batches of 7 from 40 texts leave a last one of 5."""
    training = {"device": "cpu", "epochs": 9, "batch_size": 7, "patience": 0, **options}
    model = {"dropout": training.pop("dropout", 0.0)}
    seqkit.train("toy", out=out, reporter=reporter, model=model, training=training)
    return "done"


def difference(one: Path, other: Path) -> float:
    """The largest between two weights of two runs."""
    first, second = (safetensors.torch.load_file(run / "model.safetensors") for run in (one, other))
    return max((first[name].float() - second[name].float()).abs().max().item() for name in first)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 3),
        # The last batch is one text: a process has none. Adam makes much of what rounding leaves of a gradient of 0.
        ({"batch_size": 13, "optimizer": "sgd", "lr": 0.1}, 2),
        ({"accumulate": 2, "ema": 0.9, "average_last": 2}, 2),
        ({"adversarial": 1.0, "optimizer": "sgd", "momentum": 0.9, "lr": 0.1}, 2),
    ],
)
def test_several_processes_learn_what_one_does(
    options: dict[str, Any], size: int, tmp_path: Path
) -> None:
    train(tmp_path / "one", **options)
    assert run_together(lambda _: train(tmp_path / "more", **options), size) == ["done"] * size
    assert difference(tmp_path / "one", tmp_path / "more") < 1e-6
    one, more = (read_json(tmp_path / run / "metrics.json") for run in ("one", "more"))
    assert (one["scores"], one["best_epoch"]) == (more["scores"], more["best_epoch"])
    assert more["processes"] == size
    files = [sorted(path.name for path in (tmp_path / run).rglob("*")) for run in ("one", "more")]
    assert files[0] == files[1]


UNDRAWN: dict[str, dict[str, Any]] = {
    "ner": {"unk_prob": 0.0}, "language": {"samples": 0}, "captioning": {},
}  # fmt: skip
"""Settings without chance."""


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[pytest.mark.slow] * (task in UNDRAWN)) for task in TASKS]
)
def test_every_task_learns_and_answers_the_same_with_two_processes(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_short_sample(task, monkeypatch)
    sgd = {
        "optimizer": "sgd",
        "lr": 0.1,
    }  # Adam makes much of what rounding leaves of a gradient of 0
    options = {
        **TASKS[task],
        "training": {"epochs": 7, "batch_size": 15, "device": "cpu", **sgd},
    }  # 56 steps
    options["model"] = {**options["model"], **UNDRAWN.get(task, {}), "dropout": 0.0}
    # Its statistics are of a process' own share, and so is what it does; here it goes by those of before.
    monkeypatch.setattr(nn.BatchNorm2d, "train", lambda norm, _=True: nn.Module.train(norm, False))

    def work(rank: int) -> Any:
        seqkit.train(task, out=tmp_path / ("two" if rank >= 0 else "one"), **options)
        predictor = seqkit.load(tmp_path / "one", device="cpu")
        examples = predictor.task.read(predictor.config).test
        raws = [predictor.pipeline.raw_input(example) for example in examples]
        processes = join()
        answers = list(predictor.stream(raws, batch_size=3, processes=processes))
        scores = predictor.evaluate(batch_size=3, processes=processes)
        return [answer.to_json() for answer in answers], scores.values, scores.tables

    alone = work(-1)
    first, second = run_together(work)
    assert repr(first) == repr(second) == repr(alone)
    assert difference(tmp_path / "one", tmp_path / "two") < 1e-6


def test_dropout_differs_by_process_and_goes_on_where_it_was(tmp_path: Path) -> None:
    options = {"dropout": 0.3, "epochs": 2, "checkpoint_steps": 2}

    def killed(_: int) -> str:
        # Only the first process has a reporter that ends it; the others notice.
        return train(tmp_path / "run", Killer(9), **options)

    assert run_together(lambda _: train(tmp_path / "whole", **options)) == ["done", "done"]
    first, second = run_together(killed)
    assert first == "KilledError: "
    assert second.startswith("LostContactError: Process 1 of 2 lost contact")
    assert "up to step 6 is kept; go on with: seqkit train --resume" in second
    run_together(lambda _: str(seqkit.resume(tmp_path / "run")))
    assert result(tmp_path / "run") == result(tmp_path / "whole")
    train(tmp_path / "one", **options)
    assert difference(tmp_path / "one", tmp_path / "whole") > 1e-3


def fit(pipeline: ToyPipeline, folder: Path) -> list[Any]:
    """History and weights after a training by all processes."""
    trainer = Trainer(
        pipeline, pipeline.config.training, "accuracy", folder, Reporter(), "", join()
    )
    state = trainer.fit(SPLITS.train, SPLITS.dev)
    weights = [parameter.tolist() for parameter in pipeline.model.parameters()]
    return [[row["train_loss"] for row in state.history], weights]


@pytest.mark.parametrize("on_fault", ["skip", "stop"])
def test_a_fault_of_one_process_is_a_fault_of_all(on_fault: str, tmp_path: Path) -> None:
    def work(rank: int) -> Any:
        pipeline = toy_pipeline(epochs=2, on_fault=on_fault, patience=0)
        spoil(pipeline, [2] if rank else [])
        return fit(pipeline, tmp_path)

    first, second = run_together(work)
    assert first == second
    assert len(list((tmp_path / "faults").iterdir())) == 1
    if on_fault == "stop":
        assert first.startswith("SeqkitError: The loss became nan at step 2")
    else:
        assert all(map(math.isfinite, first[0]))


def test_a_process_without_room_halves_its_own_part(tmp_path: Path) -> None:
    def work(rank: int) -> Any:
        pipeline = toy_pipeline(epochs=2)
        sizes = limit_memory(pipeline, 12) if rank == 1 else []
        return fit(pipeline, tmp_path), max(sizes, default=0)

    (first, _), (second, most) = run_together(work)
    assert first == second and 0 < most <= 12
    assert first[0] == pytest.approx(fit(toy_pipeline(epochs=2), tmp_path)[0], rel=1e-5)


def test_parameters_that_are_frozen_or_unused_stay(tmp_path: Path) -> None:
    def work(rank: int) -> Any:
        pipeline = toy_pipeline(epochs=1, weight_decay=0.1, optimizer="adamw")
        pipeline.model.embedding.requires_grad_(False)
        pipeline.model.register_parameter("unused", nn.Parameter(torch.ones(3)))
        before = pipeline.model.embedding.table.weight.tolist()
        fit(pipeline, tmp_path)
        return (
            pipeline.model.embedding.table.weight.tolist() == before,
            pipeline.model.get_parameter("unused").tolist(),
        )

    assert run_together(work) == [(True, [1, 1, 1])] * 2


def test_an_error_on_one_process_is_raised_on_all(tmp_path: Path) -> None:
    def work(rank: int) -> Any:
        pipeline = toy_pipeline()
        predict = pipeline.predict

        def failing(items: Any, batch: Any) -> Any:
            if rank == 1:
                raise DataError("picture.png: not readable.")
            return predict(items, batch)

        pipeline.predict = failing  # type: ignore[method-assign]
        return score_examples(pipeline, SPLITS.test, Execution(2, processes=join()))

    assert run_together(work) == ["SeqkitError: picture.png: not readable."] * 2


def test_a_folder_that_cannot_be_used_is_refused_by_all(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    first, second = run_together(lambda _: train(tmp_path))
    assert first == second
    assert "exists and is not empty" in first


def test_machines_with_other_data_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ToyTask.read

    def reading(*a: Any) -> Splits[Any]:
        splits = read(*a)
        return Splits(splits.train[int(os.environ["RANK"]) :], splits.dev, splits.test)

    monkeypatch.setattr(ToyTask, "read", reading)
    first, second = run_together(lambda _: train(tmp_path / "run"))
    assert first == second
    assert "process 1 has read other data than process 0" in first


def test_processes_that_are_started_again_do_not_meet_those_before() -> None:
    store = TCPStore(
        "localhost", 0, is_master=True, wait_for_workers=False
    )  # as torchrun keeps one
    for _ in range(3):
        found = run_together(lambda rank: join().gather(lambda: rank), port=store.port)
        assert found == [[0, 1], [0, 1]]
