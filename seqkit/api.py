"""Python's door to training: `seqkit.train` and `seqkit.resume` come from here."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seqkit import launch
from seqkit.allocator import keep_memory, limit_kernels
from seqkit.card import write_card
from seqkit.compiling import told_of_compiling
from seqkit.config import from_dict, merge, nest, read_yaml
from seqkit.curves import draw_curves
from seqkit.errors import ConfigError, DataError, RunError
from seqkit.kept import update_digest
from seqkit.nn.kernels import has_numba
from seqkit.nn.recurrent import set_kernel
from seqkit.nn.workers import threads_restored, workers
from seqkit.pipeline import Pipeline
from seqkit.predicting import compute_features
from seqkit.processes import Processes, join
from seqkit.recipes import fill_needs
from seqkit.registry import get_task
from seqkit.run import (
    CHECKPOINTS,
    CURVES,
    MANIFEST,
    PREPROCESSING,
    Run,
    next_run_name,
    open_run,
    prepare_folder,
    write_metrics,
    write_settings,
)
from seqkit.task import Splits, Task
from seqkit.training.report import Reporter
from seqkit.training.threads import choose_threads, choose_training_threads
from seqkit.versions import versions
from seqkit.weights import load_weights

if TYPE_CHECKING:
    from seqkit.training.loop import Trainer


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        path: The run folder.
        metrics: As in its `metrics.json`.
    """

    path: Path
    metrics: dict[str, Any]


def train(
    task: str,
    data: Any = None,
    *,
    out: str | Path | None = None,
    recipe: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    go_on: bool = False,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Trained:
    """Trains a task and writes a run folder.

    Args:
        task: `sentiment`, `ner`, `translation`, `captioning` or the name of an installed task.
        data: Path of the data in one of the task's formats, a pandas DataFrame, or settings of the section `data`
            (`{"path": ..., ...}`); None is the built-in sample.
        out: The run folder; None takes the next free `runs/TASK-N`.
        recipe: Name of one of the task's recipes to start from.
        config: Settings over the recipe: a YAML file or nested values.
        overwrite: Whether a run in `out` may be replaced.
        go_on: Whether a training with the same settings that was stopped in `out` goes on instead, and one that has
            ended is left as it is. Under `torchrun --max-restarts` it is always so.
        reporter: Hears of progress; None keeps silent.
        settings: Single settings over all that, a section each: `model={"cell": "gru"}`.

    Raises:
        SeqkitError: for settings, data or folders that cannot be used.
    """
    chosen, resolved, splits = prepare(task, data, recipe, config, settings)
    return train_on(
        chosen, resolved, splits, out=out, overwrite=overwrite, go_on=go_on, reporter=reporter
    )


def prepare(
    task: str,
    data: Any,
    recipe: str | None,
    config: str | Path | Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> tuple[Task[Any, Any], Any, Splits[Any]]:
    """(task, its settings, the data read) of the arguments of `train`."""
    chosen = get_task(task)
    values = chosen.recipe(recipe) if recipe else {}
    values = merge(
        values, config if isinstance(config, Mapping) else read_yaml(config) if config else {}
    )
    values = merge(values, nest(settings))
    frame = data if hasattr(data, "columns") else None
    if isinstance(data, Mapping):
        values = merge(values, {"data": data})
    elif data is not None and frame is None:
        values = merge(values, {"data": {"path": str(data)}})
    resolved = from_dict(chosen.Config, values)
    if recipe and frame is None:
        resolved = fill_needs(resolved, chosen.recipe_needs(recipe), recipe)
    splits = chosen.read_frame(resolved, frame) if frame is not None else chosen.read(resolved)
    return chosen, resolved, splits


def train_on(
    task: Task[Any, Any],
    config: Any,
    splits: Splits[Any],
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    go_on: bool = False,
    reporter: Reporter | None = None,
) -> Trained:
    """Trains on splits that are read already; `train` is the usual door."""
    go_on = go_on or launch.may_restart()
    if go_on and out is None:
        raise ConfigError(
            "A training that may be started again needs --out: there it finds what it has done."
        )
    processes = join()
    reporter = _heard(reporter, processes)
    path = Path(out) if out else next_run_name(task.name)
    progress = processes.from_main(lambda: _progress(path, config) if go_on else "none")
    if progress == "ended":
        return Trained(path, open_run(path).metrics())
    if progress == "stopped":
        return _resumed(open_run(path), lambda: splits, reporter, processes)
    train_set, others = splits.get("train"), [*splits.get("dev"), *splits.test]
    path = Path(
        processes.from_main(lambda: str(prepare_folder(path, overwrite=overwrite or go_on)))
    )
    pipeline = _built(task, config, train_set, others, path, processes)
    for note in (*splits.notes, *pipeline.notes):
        reporter.note(note)
    return _trained(task, pipeline, splits, path, reporter, processes)


def resume(run: str | Path, data: Any = None, *, reporter: Reporter | None = None) -> Trained:
    """Goes on with a training that was stopped, to the result that it would have had.

    Args:
        run: The folder of the run.
        data: The pandas DataFrame, where the run was trained on one; other data is read again by the run's settings.
        reporter: Hears of progress; None keeps silent.

    Raises:
        RunError: if the training has ended or never began.
        DataError: if the data is not what it was.
    """
    opened, processes = open_run(run), join()
    task, config = opened.task, opened.config
    return _resumed(
        opened,
        lambda: task.read(config) if data is None else task.read_frame(config, data),
        _heard(reporter, processes),
        processes,
    )


def _progress(path: Path, config: Any) -> str:
    """What a folder holds of a training with these settings: one that has `ended`, one that was `stopped`, or `none`.

    Raises:
        RunError: if it holds a training with other settings.
    """
    if not (path / MANIFEST).is_file():
        return "none"
    run = open_run(path)
    if not run.is_of(config):
        raise RunError(f"{path}: holds a training with other settings; choose another --out.")
    if any((path / CHECKPOINTS).glob("step-*")):
        return "stopped"
    return "ended" if run.metrics() else "none"


def _resumed(
    run: Run, read: Callable[[], Splits[Any]], reporter: Reporter, processes: Processes
) -> Trained:
    """Goes on with a training that was stopped."""
    from seqkit.training.checkpoint import LAYOUT, read_checkpoint
    from seqkit.training.loop import restore_network

    task, config, path = run.task, run.config, run.path
    checkpoint = read_checkpoint(path / CHECKPOINTS, reporter.note)
    if checkpoint is None:
        raise RunError(
            f"{path}: its training has ended; to train on, start another from it with `training.start_from`."
            if run.metrics()
            else f"{path}: has no checkpoint to go on from; train again."
        )
    if checkpoint.get("layout") != LAYOUT:
        raise RunError(
            f"{path}: its checkpoint is of another version of seqkit; go on with that one, or train again."
        )
    splits = read()
    if fingerprint(splits) != checkpoint["fingerprint"]:
        raise DataError(
            f"{splits.source}: not the data that {path} was trained on; its training cannot go on with other data."
        )
    limit_kernels()
    pipeline = task.load(config, run.preprocessing)
    restore_network(pipeline.model, checkpoint)
    pipeline.prepare_training(splits.get("train"))
    reporter.note(f"Going on after step {checkpoint['state']['step']:,}.")
    return _trained(task, pipeline, splits, path, reporter, processes, checkpoint)


@threads_restored()  # a next training's starting weights hang on them in their last digits
def _trained(
    task: Task[Any, Any],
    pipeline: Pipeline[Any, Any, Any],
    splits: Splits[Any],
    path: Path,
    reporter: Reporter,
    processes: Processes,
    checkpoint: dict[str, Any] | None = None,
) -> Trained:
    """Trains a pipeline whose settings and preprocessing are in the run folder, from a checkpoint or the beginning."""
    from seqkit.training.checkpoint import remove_checkpoints
    from seqkit.training.determinism import deterministic
    from seqkit.training.loop import Trainer

    training = pipeline.config.training
    train_set, dev = splits.get("train"), splits.get("dev")
    set_kernel(pipeline.model, training.kernel)
    keep_memory()
    begun_with = checkpoint.get("threads", 0) if checkpoint else 0
    # For features; below for learning.
    choose_threads(training.threads, pipeline.config.model.hidden_size, begun_with)
    trainer = Trainer(
        pipeline, training, task.metric, path, reporter, _agreed_data(splits, processes), processes
    )
    with deterministic(training.deterministic), told_of_compiling(reporter.compiling):
        pipeline.model.to(trainer.device)
        compute_features(pipeline, (train_set, dev, splits.test), processes, reporter.features_done)
        threads = choose_training_threads(pipeline, begun_with)
        facts = _facts(splits, pipeline, trainer.device, threads, processes)
        reporter.started(facts)
        state = trainer.fit(train_set, dev, checkpoint)
        metrics = {
            "task": task.name, "metric": task.metric, **facts,
            "epochs": state.epoch, "best_epoch": state.best_epoch, "versions": versions(),
            "train_seconds": round(state.seconds, 1), **_scored(trainer, splits.test),
        }  # fmt: skip
    if processes.is_main:
        write_metrics(path, metrics)
        draw_curves(state.history, task.metric, state.best_epoch, path / CURVES)
        write_card(path, task, pipeline.config, metrics, pipeline.summary())
        remove_checkpoints(path / CHECKPOINTS)
    return Trained(path, metrics)


def _heard(reporter: Reporter | None, processes: Processes) -> Reporter:
    """The reporter of the first process; the others keep silent."""
    return reporter if reporter and processes.is_main else Reporter()


def _agreed_data(splits: Splits[Any], processes: Processes) -> str:
    """The fingerprint of the data.

    Raises:
        DataError: if it is not the same for every process.
    """
    found = processes.gather(lambda: fingerprint(splits))
    for rank, other in enumerate(found):
        if other != found[0]:
            raise DataError(
                f"{splits.source}: process {rank} has read other data than process 0; all machines need the same files."
            )
    return str(found[0])


def fingerprint(splits: Splits[Any]) -> str:
    """A sum over all examples, so that a training goes on with the data that it began with."""
    digest = hashlib.sha256()
    for part in (splits.train, splits.dev, splits.test):
        digest.update(b"%d " % len(part))
        update_digest(digest, part)
    return digest.hexdigest()


def _built(
    task: Task[Any, Any],
    config: Any,
    train_set: Sequence[Any],
    others: Sequence[Any],
    path: Path,
    processes: Processes,
) -> Pipeline[Any, Any, Any]:
    """A pipeline whose vocabularies and settings are in the run folder already."""
    random.seed(config.training.seed)
    torch.manual_seed(config.training.seed)
    limit_kernels()
    source = open_run(config.training.start_from) if config.training.start_from else None
    if source is None:
        pipeline = task.fit(config, train_set, others)
    elif source.task.name != task.name:
        raise ConfigError(
            f"`training.start_from` must be a {task.name} run; {source.path} is of {source.task.name}."
        )
    else:
        pipeline = task.load(config, source.preprocessing)
        load_weights(pipeline.model, source.weights)
    pipeline.prepare_training(train_set)
    if processes.is_main:
        (path / PREPROCESSING).mkdir(exist_ok=True)
        pipeline.save(path / PREPROCESSING)
        write_settings(path, task.name, pipeline.config, config)
    return pipeline


def _scored(trainer: Trainer, test: Sequence[Any]) -> dict[str, Any]:
    """The scores of the best epoch on the dev split, and on the test split where there is one."""
    dev_scores = trainer.state.best_scores
    assert dev_scores is not None
    if not test:
        return {"scores": {"dev": dev_scores.values}, "signature": dev_scores.signature}
    trainer.reporter.scoring("test")
    scores = trainer.score(test)
    return {
        "scores": {"dev": dev_scores.values, "test": scores.values},
        "signature": scores.signature,
        "tables": {"test": scores.tables},
    }


def _facts(
    splits: Splits[Any],
    pipeline: Pipeline[Any, Any, Any],
    device: torch.device,
    threads: int,
    processes: Processes,
) -> dict[str, Any]:
    parameters = sum(p.numel() for p in pipeline.model.parameters())
    sizes = {name: len(getattr(splits, name)) for name in ("train", "dev", "test")}
    return {
        "data": splits.source, "examples": sizes, "parameters": parameters,
        "device": device.type, "threads": threads, "keeps_memory": keep_memory(),
        **({"compiled_threads": workers()} if has_numba() else {}),
        **({"processes": processes.size} if processes.size > 1 else {}),
    }  # fmt: skip
