"""The table of a comparison: a row for each network. Torch-free."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from seqkit.files import write_text
from seqkit.metrics.bootstrap import Difference, difference

if TYPE_CHECKING:
    from seqkit.comparison.measuring import Measured

SURE = 0.05
"""Below this p a difference is called one."""


@dataclass(frozen=True)
class Row:
    """A network of the comparison.

    Attributes:
        network: Its name.
        runs: Its trainings, one at least.
        behind: How much higher the best network scores; None for the best itself.
    """

    network: str
    runs: Sequence[Measured]
    behind: Difference | None

    @property
    def scores(self) -> list[float]:
        """The score of each training."""
        return [run.score for run in self.runs]

    @property
    def mean(self) -> float:
        """Mean score of the trainings."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the score over the trainings; None for a single one."""
        return statistics.stdev(self.scores) if len(self.runs) > 1 else None

    def cost(self, name: str) -> float | None:
        """Mean of one of the costs (`measuring.Cost`) over the trainings; None where one of them does not know it."""
        known = [getattr(run.cost, name) for run in self.runs]
        return None if None in known else statistics.fmean(known)


def make_rows(measured: Mapping[str, Sequence[Measured]]) -> list[Row]:
    """A row for each network, the best first.

    Args:
        measured: The trainings of each network, all on the same examples.
    """
    ranked = sorted(measured, key=lambda name: -statistics.fmean(m.score for m in measured[name]))
    samples = {name: numpy.stack([m.resampled for m in measured[name]]) for name in ranked}
    best = ranked[0]
    return [
        Row(
            name, measured[name], None if name == best else difference(samples[best], samples[name])
        )
        for name in ranked
    ]


def as_cells(row: Row, metric: str) -> dict[str, Any]:
    """The row for people, by column."""
    first = row.runs[0]
    spread = "" if row.spread is None else f" ± {row.spread:.2g}"
    return {
        "network": row.network,
        metric: f"{row.mean:.4g}{spread}",
        "p against best": "best" if row.behind is None else _p_text(row.behind.p),
        "hidden": first.hidden_size,
        "lr": f"{first.lr:g}",
        "parameters": first.cost.parameters,
        "training (s)": _rounded(row.cost("train_seconds")),
        "units/s": _rounded(row.cost("train_speed")),
        "answers/s": _rounded(row.cost("answer_speed")),
        "memory (MB)": _rounded(row.cost("memory"), 1e6, digits=1),
        "gradient a step": _rounded(row.cost("gradient_factor"), digits=3),
    }


def write_csv(rows: Sequence[Row], metric: str, path: Path) -> None:
    """Writes the table with all digits, a line for each network."""
    table = io.StringIO()
    values = [_all_digits(row, metric) for row in rows]
    columns = dict.fromkeys(name for line in values for name in line)
    writer = csv.DictWriter(table, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    write_text(path, table.getvalue())


def verdict(rows: Sequence[Row], metric: str) -> str:
    """A sentence about which network is best, and which are as good as far as these examples can tell."""
    best, *others = rows
    level = [row.network for row in others if row.behind is not None and row.behind.p >= SURE]
    sentence = f"{best.network} has the highest {metric}, {best.mean:.4g}"
    if not level:
        return f"{sentence}; all others are lower by more than chance (p < {SURE})."
    are = "is" if len(level) == 1 else "are"
    return f"{sentence}; that {' and '.join(level)} {are} lower may be chance (p >= {SURE})."


def _all_digits(row: Row, metric: str) -> dict[str, Any]:
    first, behind = row.runs[0], row.behind
    return {
        "network": row.network,
        "runs": len(row.runs),
        metric: row.mean,
        "spread": row.spread,
        "p": behind and behind.p,
        "behind_low": behind and behind.low,
        "behind_high": behind and behind.high,
        "hidden_size": first.hidden_size,
        "lr": first.lr,
        "parameters": first.cost.parameters,
        "train_seconds": row.cost("train_seconds"),
        "train_units_per_second": row.cost("train_speed"),
        "answers_per_second": row.cost("answer_speed"),
        "memory_bytes": row.cost("memory"),
        "gradient_factor": row.cost("gradient_factor"),
        **{f"{metric}_{number}": score for number, score in enumerate(row.scores, start=1)},
    }


def _p_text(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _rounded(value: float | None, unit: float = 1.0, digits: int | None = None) -> float | None:
    """The value in that unit, a whole number where no digits are asked for."""
    return None if value is None else round(value / unit, digits)
