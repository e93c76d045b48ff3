"""Times of two ways to do the same work: taken in turns, so that what else the machine does falls on both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

Times = dict[str, list[float]]
"""Seconds a unit of work: one for each repetition, of `ours` and of `theirs`."""


def alternate(ours: Callable[[], float], theirs: Callable[[], float], repeats: int) -> Times:
    """Seconds of either way, one after the other, the first one last in the next turn."""
    times: Times = {"ours": [], "theirs": []}
    ways = [("ours", ours), ("theirs", theirs)]
    for _ in range(repeats):
        for name, way in ways:
            times[name].append(way())
        ways.reverse()
    return times


def ratio(times: Times) -> float:
    """How many times as long they take as we do, by the medians."""
    return statistics.median(times["theirs"]) / statistics.median(times["ours"])


def typical(side: str, cases: Mapping[str, Times]) -> float:
    """Seconds of a side: the geometric mean over the cases of their medians."""
    return statistics.geometric_mean(statistics.median(times[side]) for times in cases.values())


def ratios(cases: Mapping[str, Times]) -> Sequence[float]:
    """The ratio of each case."""
    return [ratio(times) for times in cases.values()]
