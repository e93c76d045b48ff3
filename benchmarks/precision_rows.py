"""Answers of the recipes' runs in fewer bits, beside the same answers in float32, with the scores of both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from preparing import spread
from row import MissingError, Setup
from side_by_side import alternate

import seqkit
from seqkit.errors import SeqkitError
from seqkit.predictor import Predictor, read_again

PRECISION = "int8"
RUNS = {
    "imdb-pretrained-1": 1000,
    "conll2003-glove-1": 3250,
    "multi30k-gru-1": 1000,
    "flickr8k-attend-1": 1000,
}
"""Runs of benchmarks/scores.py, and how many examples each answers."""


def fewer_bits(setup: Setup) -> dict[str, Any]:
    """Seconds an answer of each run that is there, and its score."""
    record: dict[str, Any] = {"cases": {}, "qualities": {}}
    for name, count in RUNS.items():
        if not (setup.runs / name).is_dir():
            continue
        try:
            whole, lower = (
                seqkit.load(setup.runs / name, precision=kind) for kind in ("float32", PRECISION)
            )
            splits = read_again(whole.task, whole.config, None)
        except SeqkitError as error:
            raise MissingError(str(error)) from error
        examples = spread(splits.test or splits.dev, count)
        ours, theirs = Answering(lower, examples), Answering(whole, examples)
        case = f"{name.removesuffix('-1')}, {PRECISION}"
        record["cases"][case] = alternate(ours.seconds, theirs.seconds, setup.repeats)
        record["qualities"][case] = {"ours": ours.score(), "theirs": theirs.score()}
    if not record["cases"]:
        raise MissingError(f"{setup.runs} has no run of benchmarks/scores.py")
    return record


class Answering:
    """A run that answers the same examples whenever it is asked to, once to warm up.

    Args:
        predictor: The run.
        examples: Labelled examples.
    """

    def __init__(self, predictor: Predictor, examples: Sequence[Any]) -> None:
        self.predictor, self.examples = predictor, examples
        self.inputs = [predictor.pipeline.raw_input(example) for example in examples]
        predictor.pipeline.fixed_features(self.inputs)
        self.answers = predictor.predict(self.inputs)

    def seconds(self) -> float:
        """Of one answer."""
        began = time.perf_counter()
        self.answers = self.predictor.predict(self.inputs)
        return (time.perf_counter() - began) / len(self.inputs)

    def score(self) -> float:
        """Of the last answers."""
        scores = self.predictor.pipeline.score(self.examples, self.answers)
        return scores.values[self.predictor.task.metric]
