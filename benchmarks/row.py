"""A row of the table of speed, and what it is measured with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class MissingError(Exception):
    """A row that cannot be measured here, and why."""


@dataclass(frozen=True)
class Setup:
    """What a row is measured with.

    Attributes:
        data: Folder of the data sets.
        peers: Folder of a virtual environment each peer.
        runs: Folder of the runs of scores.py.
        work: An empty folder that is removed when the row is done.
        repeats: Repetitions of either side.
        threads: Threads of either side.
    """

    data: Path
    peers: Path
    runs: Path
    work: Path
    repeats: int
    threads: int


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: What `--rows` is given.
        work: What is done.
        against: What else does it.
        aim: The ratio that is aimed at.
        measure: Gives the record: `cases` with seconds a unit of work, `versions`, and `quality` where it is a task, or
            `qualities` by case.
        unit: What a figure is shown in.
        scale: Units of work that the seconds shown are of; 0 shows units a second.
        quality: What the quality is, where the work has any.
    """

    name: str
    work: str
    against: str
    aim: str
    measure: Callable[[Setup], dict[str, Any]]
    unit: str
    scale: float = 0
    quality: str = ""

    def shown(self, seconds: float) -> str:
        """A figure of a side, from its seconds a unit of work."""
        value = seconds * self.scale if self.scale else 1 / seconds
        return f"{value:,.0f} {self.unit}" if value >= 100 else f"{value:.3g} {self.unit}"
