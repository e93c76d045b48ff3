"""Whether confidences are probabilities: of all answers given with 0.8, are 80 % right? Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seqkit.errors import DataError
from seqkit.metrics.corpus import check_aligned


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence is above `low` and at most `high` (0 counts to the lowest).

    Attributes:
        low, high: Bounds, 0..1.
        count: Answers.
        confidence: Their mean confidence.
        accuracy: Share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(
    confidences: Sequence[float], right: Sequence[bool], num_bins: int = 10
) -> list[Bin]:
    """The points of a reliability curve: answers by confidence in bins of equal width, empty ones left out.

    Args:
        confidences: Of each answer, 0..1.
        right: Whether it is right.
        num_bins: Bins between 0 and 1.

    Raises:
        DataError: if the two differ in length or are empty, or a confidence is not from 0 to 1.

    Guo et al. 2017, section 2, https://arxiv.org/abs/1706.04599.
    """
    check_aligned(confidences, right, "confidences", "answers")
    members: list[list[tuple[float, bool]]] = [[] for _ in range(num_bins)]
    for confidence, is_right in zip(confidences, right, strict=True):
        if not 0 <= confidence <= 1:
            raise DataError(f"A confidence must be from 0 to 1, got {confidence}.")
        place = max(0, math.ceil(confidence * num_bins) - 1)
        members[place].append((confidence, is_right))
    return [
        Bin(
            place / num_bins, (place + 1) / num_bins, len(answers),
            math.fsum(confidence for confidence, _ in answers) / len(answers),
            sum(is_right for _, is_right in answers) / len(answers),
        )
        for place, answers in enumerate(members)
        if answers
    ]  # fmt: skip


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """ECE, 0..1: how far accuracy and confidence are apart in a bin, averaged over the answers.

    Guo et al. 2017, eq. 3, https://arxiv.org/abs/1706.04599 (there with 15 bins).
    """
    total = sum(each.count for each in bins)
    return math.fsum(each.count * abs(each.accuracy - each.confidence) for each in bins) / total
