"""Precision, recall and F1 of one label or of all, from counts. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrecisionRecall:
    """Scores of one label, each 0..1, and `support`: how often it stands in the gold data."""

    precision: float
    recall: float
    f1: float
    support: int


def precision_recall(num_correct: int, num_predicted: int, num_gold: int) -> PrecisionRecall:
    """Scores from counts; a ratio whose denominator is 0 is 0, as in scikit-learn and seqeval."""
    return PrecisionRecall(
        precision=num_correct / num_predicted if num_predicted else 0.0,
        recall=num_correct / num_gold if num_gold else 0.0,
        f1=2 * num_correct / (num_predicted + num_gold) if num_predicted + num_gold else 0.0,
        support=num_gold,
    )
