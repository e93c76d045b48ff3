"""Examples of like length, which are scored by themselves. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqkit.pipeline import Pipeline
    from seqkit.prediction import Prediction

MOST_GROUPS = 8
"""Groups of lengths."""
FEWEST = 10
"""Examples that a group has at least."""


@dataclass(frozen=True)
class LengthGroup:
    """Examples of about one length.

    Attributes:
        low, high: The shortest and the longest.
        members: Their places in the order in which lengths were given.
    """

    low: int
    high: int
    members: Sequence[int]

    @property
    def name(self) -> str:
        """For people, such as `5–9`."""
        return f"{self.low}–{self.high}" if self.low < self.high else str(self.low)


def length_groups(lengths: Sequence[int]) -> list[LengthGroup]:
    """Groups with about as many examples each, the shortest first; one length is never in two of them.

    >>> [group.name for group in length_groups([3] * 10 + [5] * 10 + [6] * 5 + [9] * 5)]
    ['3', '5', '6–9']
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    size = max(FEWEST, -(-len(order) // MOST_GROUPS))
    groups: list[LengthGroup] = []
    start = 0
    while start < len(order):
        longest = lengths[order[min(start + size, len(order)) - 1]]
        end = next((i for i in range(start, len(order)) if lengths[order[i]] > longest), len(order))
        if len(order) - end < FEWEST:  # too few for a group of their own
            end = len(order)
        members = order[start:end]
        groups.append(LengthGroup(lengths[members[0]], lengths[members[-1]], members))
        start = end
    return groups


def score_groups(
    pipeline: Pipeline[Any, Any, Any],
    groups: Sequence[LengthGroup],
    examples: Sequence[Any],
    predictions: Sequence[Prediction],
    metric: str,
) -> list[float]:
    """The score of each group by itself.

    Args:
        pipeline: What scores.
        groups: Of the examples.
        examples: Labelled examples.
        predictions: An answer for each.
        metric: The score's name.
    """
    parts = [
        ([examples[i] for i in group.members], [predictions[i] for i in group.members])
        for group in groups
    ]
    return [pipeline.score(*part).values[metric] for part in parts]
