"""What a finished run is worth: its answers, kept beside it with what they cost, and their scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy

from seqkit.api import fingerprint
from seqkit.comparison.cost import Cost, answers_and_cost
from seqkit.files import read_json, sha256, write_text
from seqkit.lengths import LengthGroup, length_groups, score_groups
from seqkit.metrics.bootstrap import SAMPLES, Array, draws
from seqkit.pipeline import Pipeline
from seqkit.prediction import Prediction
from seqkit.predictor import Predictor, load
from seqkit.run import open_run
from seqkit.task import Splits

SLOW_SAMPLES = 200
"""Samples where each needs a call of the task's `score`."""


@dataclass(frozen=True)
class Ground:
    """What all networks are compared on.

    Attributes:
        part: Name of the split that the examples are.
        examples: Labelled examples.
        groups: Those of about one length, as the first network counts its steps.
    """

    part: str
    examples: Sequence[Any]
    groups: Sequence[LengthGroup]

    @classmethod
    def of(cls, part: str, examples: Sequence[Any], path: Path) -> Ground:
        """The examples of a split, grouped by the length that the run in `path` gives them."""
        pipeline = load(path).pipeline
        inputs = [pipeline.raw_input(example) for example in examples]
        pipeline.fixed_features(inputs)
        lengths = [pipeline.length(pipeline.encode_input(raw)) for raw in inputs]
        return cls(part, examples, length_groups(lengths))


@dataclass(frozen=True)
class Measured:
    """A finished run, measured.

    Attributes:
        path: Its folder.
        score: The task's selecting score on the part that is compared.
        by_length: The same score on each group of lengths.
        resampled: The same score on samples of that part, float [samples].
        hidden_size, lr: What the run was trained with.
        cost: What it needs.
        signature: How the score was computed.
    """

    path: Path
    score: float
    by_length: Sequence[float]
    resampled: Array = field(compare=False)
    hidden_size: int
    lr: float
    cost: Cost
    signature: str


def measure(path: Path, ground: Ground, folder: Path, name: str) -> Measured:
    """A run measured on labelled examples; its answers and costs are kept in a folder, and taken from there again as
    long as neither run nor examples change.

    Args:
        path: The run.
        ground: What is compared on.
        folder: Where answers are kept.
        name: Of the files there.
    """
    run = open_run(path)
    predictor = load(run)
    pipeline, metric, examples = predictor.pipeline, run.task.metric, ground.examples
    predictions, cost = _answers(predictor, ground, folder / name)
    scores = pipeline.score(examples, predictions)
    by_length = score_groups(pipeline, ground.groups, examples, predictions, metric)
    return Measured(
        path, scores.values[metric], by_length, resampled(pipeline, metric, examples, predictions),
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


def _answers(predictor: Predictor, ground: Ground, stem: Path) -> tuple[list[Prediction], Cost]:
    """Answers to the examples and what they cost, from the files `stem`.jsonl and `stem`.json where they are there."""
    answers, facts = stem.with_name(f"{stem.name}.jsonl"), stem.with_name(f"{stem.name}.json")
    about = {
        "weights": sha256(predictor.run.weights),
        "examples": sum_of(ground.examples),
        "groups": [group.name for group in ground.groups],
        "measured": [cost.name for cost in fields(Cost)],
    }
    if not facts.is_file() or read_json(facts)["about"] != about:
        predictions, cost = answers_and_cost(predictor, ground.examples, ground.groups)
        lines = [json.dumps(p.to_json(), ensure_ascii=False, default=str) for p in predictions]
        write_text(answers, "".join(f"{line}\n" for line in lines))
        write_text(facts, json.dumps({"about": about, "cost": asdict(cost)}, indent=2) + "\n")
    kept = answers.read_text(encoding="utf-8").split("\n")[:-1]
    return [Prediction.from_json(json.loads(line)) for line in kept], Cost(
        **read_json(facts)["cost"]
    )
