"""Accuracy, macro F1 and the confusion matrix of predicted labels. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqkit.errors import DataError
from seqkit.metrics.corpus import check_aligned
from seqkit.metrics.precision_recall import PrecisionRecall, precision_recall


@dataclass(frozen=True)
class ClassificationScores:
    """Scores of a classifier, 0..1.

    `macro_f1` is the plain mean of the labels' F1, so a rare label weighs as much as a common one.
    `confusion[i][j]` counts the examples of gold label i that were given label j, in the order of
    the labels; `per_label` has the same order.
    """

    accuracy: float
    macro_f1: float
    per_label: dict[str, PrecisionRecall]
    confusion: list[list[int]]


def classification_scores(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> ClassificationScores:
    """Scores of one predicted label an example.

    Equal to scikit-learn's with `labels=labels, average="macro", zero_division=0`.

    Args:
        gold: Each example's right label.
        predicted: The same examples' predicted labels.
        labels: All labels there are; one that never occurs has F1 0 and lowers `macro_f1`.

    Raises:
        DataError: if `gold` and `predicted` differ in length or are empty, a label is not among
            `labels`, or `labels` has one twice.
    """
    check_aligned(gold, predicted, "gold labels", "predicted labels")
    if len(set(labels)) != len(labels):
        raise DataError(f"A label stands twice in {list(labels)}.")
    _check_known(gold, labels, "Gold")
    _check_known(predicted, labels, "Predicted")
    pairs = Counter(zip(gold, predicted, strict=True))
    num_gold, num_predicted = Counter(gold), Counter(predicted)
    per_label = {
        label: precision_recall(pairs[label, label], num_predicted[label], num_gold[label])
        for label in labels
    }
    return ClassificationScores(
        accuracy=sum(pairs[label, label] for label in labels) / len(gold),
        macro_f1=sum(scores.f1 for scores in per_label.values()) / len(labels),
        per_label=per_label,
        confusion=[[pairs[row, column] for column in labels] for row in labels],
    )


def _check_known(given: Sequence[str], labels: Sequence[str], side: str) -> None:
    known = set(labels)
    for index, label in enumerate(given):
        if label not in known:
            raise DataError(
                f"{side} label {index} is {label!r}; the labels are {', '.join(map(repr, labels))}."
            )
