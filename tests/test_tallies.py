"""Each task's score of any choice of examples, from tallies, is the score that the task itself gives them."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from seqkit.config import from_dict
from seqkit.metrics.bootstrap import draws
from seqkit.prediction import Prediction
from seqkit.registry import get_task

COUNT = 12
SMALL: dict[str, Any] = {"model": {"hidden_size": 8}}


def half_right(task: str, index: int, example: Any) -> Prediction:
    """An answer to the example that is wrong for every second one."""
    wrong = index % 2
    if task == "sentiment":
        return Prediction(None, "positive" if wrong else example.label)
    if task == "ner":
        tags = ["O", *example.tags[1:]] if wrong else example.tags
        return Prediction(None, [], detail={"tags": list(tags)})
    if task == "language":
        return Prediction(None, "", score=-1.5 * index, detail={"tokens": example.split()})
    words = (example.tgt if task == "translation" else example.captions[0]).split()
    return Prediction(None, " ".join(words[:: 1 + wrong]))


def prepared(name: str) -> tuple[Any, str, list[Any], list[Prediction]]:
    """(pipeline, metric, examples of the sample, answers)."""
    task = get_task(name)
    config = from_dict(
        task.Config, SMALL | ({"data": {"units": "word"}} if name == "translation" else {})
    )
    splits = task.read(config)
    examples = list(splits.test[:COUNT])
    predictions = [half_right(name, i, example) for i, example in enumerate(examples)]
    return task.fit(config, splits.train[:100]), task.metric, examples, predictions


@pytest.mark.parametrize("name", ["sentiment", "ner", "translation", "language"])
def test_samples_are_scored_as_by_the_task(name: str) -> None:
    pipeline, metric, examples, predictions = prepared(name)
    tallies = pipeline.tallies(examples, predictions)
    assert tallies is not None
    scores = tallies.resampled(20)
    assert len(set(scores.tolist())) > 5
    for count, score in zip(draws(COUNT, 20), scores, strict=True):
        drawn = numpy.repeat(numpy.arange(COUNT), count).tolist()
        wanted = pipeline.score([examples[i] for i in drawn], [predictions[i] for i in drawn])
        assert score == pytest.approx(wanted.values[metric], abs=1e-9)


def test_captions_are_weighed_by_the_whole_split_in_every_sample() -> None:
    pipeline, metric, examples, predictions = prepared("captioning")
    tallies = pipeline.tallies(examples, predictions)
    assert tallies is not None
    everything = tallies.score(tallies.rows.sum(axis=0, keepdims=True))[0]
    assert everything == pytest.approx(pipeline.score(examples, predictions).values[metric])
    assert numpy.std(tallies.resampled(50)) > 0
