"""What a finished run is worth and what it costs: its answers, kept beside it, their scores, speed and memory."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy

from seqkit.api import fingerprint
from seqkit.comparison.memory import training_memory
from seqkit.errors import RunError
from seqkit.files import read_json, sha256, write_text
from seqkit.metrics.bootstrap import SAMPLES, Array, draws
from seqkit.pipeline import Pipeline
from seqkit.prediction import Prediction
from seqkit.predictor import Predictor, load
from seqkit.run import HISTORY, Run, open_run
from seqkit.task import Splits

SLOW_SAMPLES = 200
"""Samples where each needs a call of the task's `score`."""

WARM_UP = 32
"""Inputs that are answered before the time is taken."""


@dataclass(frozen=True)
class Cost:
    """What a run needs.

    Attributes:
        parameters: Numbers in the network.
        train_seconds: Time of the training, with scoring on dev.
        train_speed: Units that a second of training steps takes in (a unit is what the loss is a mean over: a text, a
            tag, a token of a sentence that is written); None for runs of a seqkit that did not count them.
        answer_speed: Inputs answered in a second, as the run decodes.
        memory: Bytes that a training step holds.
    """

    parameters: int
    train_seconds: float
    train_speed: float | None
    answer_speed: float
    memory: int


@dataclass(frozen=True)
class Measured:
    """A finished run, measured.

    Attributes:
        path: Its folder.
        score: The task's selecting score on the part that is compared.
        resampled: The same score on samples of that part, float [samples].
        hidden_size, lr: What the run was trained with.
        cost: What it needs.
        signature: How the score was computed.
    """

    path: Path
    score: float
    resampled: Array = field(compare=False)
    hidden_size: int
    lr: float
    cost: Cost
    signature: str


def measure(path: Path, examples: Sequence[Any], folder: Path, name: str) -> Measured:
    """A run measured on labelled examples; its answers and costs are kept in a folder, and taken from there again as
    long as neither run nor examples change.

    Args:
        path: The run.
        examples: What is compared on.
        folder: Where answers are kept.
        name: Of the files there.

    Raises:
        RunError: if the training of the run has not ended.
    """
    run = open_run(path)
    if not run.metrics():
        raise RunError(
            f"{path}: its training has not ended; go on with: seqkit train --resume {path}"
        )
    predictor = load(run)
    predictions, cost = _answers(run, predictor, examples, folder / name)
    scores = predictor.pipeline.score(examples, predictions)
    return Measured(
        path, scores.values[run.task.metric],
        resampled(predictor.pipeline, run.task.metric, examples, predictions),
        run.config.model.hidden_size, run.config.training.lr, cost, scores.signature,
    )  # fmt: skip


def resampled(
    pipeline: Pipeline[Any, Any, Any],
    metric: str,
    examples: Sequence[Any],
    predictions: Sequence[Prediction],
) -> Array:
    """The score on samples of the examples, float [samples]: fewer where the task must score each anew."""
    if tallies := pipeline.tallies(examples, predictions):
        return tallies.resampled(SAMPLES)

    def score(count: Array) -> float:
        drawn = numpy.repeat(numpy.arange(len(examples)), count).tolist()
        scores = pipeline.score([examples[i] for i in drawn], [predictions[i] for i in drawn])
        return scores.values[metric]

    return numpy.asarray([score(count) for count in draws(len(examples), SLOW_SAMPLES)])


def sum_of(examples: Sequence[Any]) -> str:
    """A sum over examples, by which they are known again."""
    return fingerprint(Splits(test=examples))


def _answers(
    run: Run, predictor: Predictor, examples: Sequence[Any], stem: Path
) -> tuple[list[Prediction], Cost]:
    """Answers to the examples and what they cost, from the files `stem`.jsonl and `stem`.json where they are there."""
    answers, facts = stem.with_name(f"{stem.name}.jsonl"), stem.with_name(f"{stem.name}.json")
    about = {"weights": sha256(run.weights), "examples": sum_of(examples)}
    if not facts.is_file() or read_json(facts)["about"] != about:
        predictions, speed = _timed_answers(predictor, examples)
        memory = training_memory(predictor.pipeline, run.config.training, examples)
        lines = [json.dumps(p.to_json(), ensure_ascii=False, default=str) for p in predictions]
        write_text(answers, "".join(f"{line}\n" for line in lines))
        cost = asdict(_cost(run, speed, memory))
        write_text(facts, json.dumps({"about": about, "cost": cost}, indent=2) + "\n")
    kept = answers.read_text(encoding="utf-8").split("\n")[:-1]
    return [Prediction.from_json(json.loads(line)) for line in kept], Cost(
        **read_json(facts)["cost"]
    )


def _timed_answers(predictor: Predictor, examples: Sequence[Any]) -> tuple[list[Prediction], float]:
    """(answers, how many were given in a second); features that stay fixed are computed before."""
    raws = [predictor.pipeline.raw_input(example) for example in examples]
    predictor.pipeline.fixed_features(raws)
    predictor.predict(raws[:WARM_UP])
    began = time.perf_counter()
    predictions = predictor.predict(raws)
    return predictions, len(raws) / (time.perf_counter() - began)


def _cost(run: Run, answer_speed: float, memory: int) -> Cost:
    metrics = run.metrics()
    with (run.path / HISTORY).open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    units = [float(row["units"]) for row in history if row.get("units")]
    seconds = sum(float(row["train_seconds"]) for row in history)
    return Cost(
        parameters=metrics["parameters"],
        train_seconds=metrics["train_seconds"],
        train_speed=sum(units) / seconds if len(units) == len(history) and seconds else None,
        answer_speed=answer_speed,
        memory=memory,
    )
