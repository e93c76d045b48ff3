"""How good a run is on labelled data, and where it fails: what every task can show, and the parts that a task adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.explaining import shortened
from seqkit.lengths import length_groups, score_groups
from seqkit.metrics.calibration import expected_calibration_error, reliability
from seqkit.pipeline import Judgement, Pipeline, Scores
from seqkit.prediction import Prediction
from seqkit.report import Note, Part, Plot, Section, Table

WORST = 20
"""Worst examples that are shown."""
SHOWN = 300
"""Characters of an example that are shown."""


def report_sections(
    pipeline: Pipeline[Any, Any, Any],
    examples: Sequence[Any],
    predictions: Sequence[Prediction],
    scores: Scores,
    metric: str,
) -> list[Section]:
    """The sections of a report.

    Args:
        pipeline: What answered.
        examples: Labelled examples, one at least.
        predictions: An answer for each.
        scores: Of all of them.
        metric: The score that is shown by length.
    """
    judged = [pipeline.judge(*pair) for pair in zip(examples, predictions, strict=True)]
    judgements = [judgement for judgement in judged if judgement is not None]
    values = [{"score": name, "value": value} for name, value in scores.values.items()]
    sections = [
        Section("Scores", [Table("Of all examples", values, scores.signature)]),
        Section("By length", _by_length(pipeline, examples, predictions, metric)),
        Section("Calibration", _calibration(judgements)),
        Section("What goes wrong", pipeline.report(examples, predictions, scores)),
        Section("Worst examples", _worst(pipeline, predictions, judgements)),
    ]
    return [section for section in sections if section.parts]


def _by_length(
    pipeline: Pipeline[Any, Any, Any],
    examples: Sequence[Any],
    predictions: Sequence[Prediction],
    metric: str,
) -> list[Part]:
    """The metric over examples of like length, where lengths differ."""
    lengths = [pipeline.length(pipeline.encode_input(p.input)) for p in predictions]
    groups = length_groups(lengths)
    if len(groups) < 2:
        return []
    names = [group.name for group in groups]
    values = score_groups(pipeline, groups, examples, predictions, metric)
    about = "Inputs of about one length, as the network counts its steps, scored by themselves."
    rows = [
        {"steps": group.name, "examples": len(group.members), metric: value}
        for group, value in zip(groups, values, strict=True)
    ]
    return [
        Plot(
            "Score by length", range(len(groups)), {metric: values}, about, "steps", metric, names
        ),
        Table("In numbers", rows),
    ]


def _calibration(judgements: Sequence[Judgement]) -> list[Part]:
    """The reliability curve of whatever is right or wrong and has a confidence."""
    trials = [trial for judgement in judgements for trial in judgement.trials]
    if not trials:
        return []
    confidences, right = zip(*trials, strict=True)
    bins = reliability(confidences, right)
    error = expected_calibration_error(bins)
    about = (
        f"Expected calibration error {error:.3f} over {len(trials):,} answers in ten bins (Guo et al. 2017). Below the "
        "dotted line the network is surer than it should be, above it less sure."
    )
    rows = [
        {"confidence": f"{b.low:.1f}–{b.high:.1f}", "answers": b.count, "mean confidence": b.confidence,
         "share right": b.accuracy} for b in bins
    ]  # fmt: skip
    curve = Plot(
        "Reliability curve", [b.confidence for b in bins], {"share right": [b.accuracy for b in bins]},
        about, "mean confidence", "share right", diagonal=True,
    )  # fmt: skip
    return [curve, Table("In numbers", rows)]


def _worst(
    pipeline: Pipeline[Any, Any, Any],
    predictions: Sequence[Prediction],
    judgements: Sequence[Judgement],
) -> list[Part]:
    """The lowest scores, the surest of them first."""
    if len(judgements) < len(predictions):
        return []
    ranked = sorted(
        zip(predictions, judgements, strict=True),
        key=lambda p: (p[1].score, -(p[0].confidence or 0.0)),
    )
    rows = [
        {
            "input": shortened(pipeline.input_text(prediction.input), SHOWN),
            "right": shortened(judgement.wanted, SHOWN),
            "answer": shortened(judgement.got, SHOWN),
            "score": judgement.score,
            "confidence": prediction.confidence,
        }
        for prediction, judgement in ranked[:WORST]
        if judgement.score < 1
    ]
    if not rows:
        return [Note("None", "Every answer is right.")]
    about = "Score is that of the example alone, from 0 to 1; among equals the surest answer comes first."
    return [Table(f"The {len(rows)} lowest scores", rows, about)]
