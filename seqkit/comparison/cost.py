"""What a finished run needs: parameters, time, memory, and how far back it learns."""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqkit.comparison.memory import training_memory
from seqkit.diagnosis import diagnose, spread
from seqkit.lengths import LengthGroup
from seqkit.prediction import Prediction
from seqkit.predictor import Predictor
from seqkit.run import HISTORY, Run

WARM_UP = 32
"""Inputs that are answered before the time is taken."""

TIMED = 64
"""Inputs of one length that are answered to tell how long they take."""

DIAGNOSED = 32
"""Examples whose gradients are followed back."""


@dataclass(frozen=True)
class Cost:
    """What a run needs.

    Attributes:
        parameters: Numbers in the network.
        train_seconds: Time of the training, with scoring on dev.
        train_speed: Units that a second of training steps takes in (a unit is what the loss is a mean over: a text, a
            tag, a token of a sentence that is written); None for runs of a seqkit that did not count them.
        answer_speed: Inputs answered in a second, as the run decodes.
        answer_speeds: The same of each group of lengths.
        memory: Bytes that a training step holds.
        gradient_factor: By what a gradient is multiplied on its way one step back through the recurrence, geometric
            mean over recurrent layers and directions; None where there is none.
    """

    parameters: int
    train_seconds: float
    train_speed: float | None
    answer_speed: float
    answer_speeds: Sequence[float]
    memory: int
    gradient_factor: float | None


def answers_and_cost(
    predictor: Predictor, examples: Sequence[Any], groups: Sequence[LengthGroup]
) -> tuple[list[Prediction], Cost]:
    """Answers to the examples, and what the run costs; its weights are other ones afterwards.

    Args:
        predictor: The run.
        examples: Labelled examples.
        groups: Those of about one length.
    """
    pipeline, run = predictor.pipeline, predictor.run
    raws = [pipeline.raw_input(example) for example in examples]
    pipeline.fixed_features(raws)
    predictor.predict(raws[:WARM_UP])
    predictions, speed = _timed_answers(predictor, raws)
    speeds = [
        _timed_answers(predictor, [raws[i] for i in spread(group.members, TIMED)])[1]
        for group in groups
    ]
    metrics = run.metrics()
    return predictions, Cost(
        parameters=metrics["parameters"],
        train_seconds=metrics["train_seconds"],
        train_speed=_train_speed(run),
        answer_speed=speed,
        answer_speeds=speeds,
        gradient_factor=_gradient_factor(predictor, spread(examples, DIAGNOSED)),
        memory=training_memory(pipeline, run.config.training, examples),  # changes the weights
    )


def _timed_answers(predictor: Predictor, raws: Sequence[Any]) -> tuple[list[Prediction], float]:
    """(answers, how many were given in a second)."""
    began = time.perf_counter()
    predictions = predictor.predict(raws)
    return predictions, len(raws) / (time.perf_counter() - began)


def _train_speed(run: Run) -> float | None:
    """Units that a second of training took in; None where they were not counted."""
    with (run.path / HISTORY).open(encoding="utf-8", newline="") as file:
        history = list(csv.DictReader(file))
    units = [float(row["units"]) for row in history if row.get("units")]
    seconds = sum(float(row["train_seconds"]) for row in history)
    return sum(units) / seconds if len(units) == len(history) and seconds else None


def _gradient_factor(predictor: Predictor, examples: Sequence[Any]) -> float | None:
    """Geometric mean of the factors a step of all layers."""
    items = [predictor.pipeline.encode(example) for example in examples]
    flows = diagnose(predictor.pipeline, items, predictor.device).flows
    return math.exp(statistics.fmean(math.log(flow.rate) for flow in flows)) if flows else None
