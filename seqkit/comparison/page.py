"""A comparison as a page: the table, quality against cost, and both by length. Torch-free."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from seqkit.comparison.table import Row, as_cells, verdict
from seqkit.lengths import LengthGroup
from seqkit.report import Note, Page, Plot, Section, Table

if TYPE_CHECKING:
    from seqkit.comparison.measuring import Measured

NAN = float("nan")


def comparison_page(
    title: str,
    metric: str,
    rows: Sequence[Row],
    groups: Sequence[LengthGroup],
    facts: Mapping[str, str],
    part: str,
) -> Page:
    """The page of a comparison.

    Args:
        title: Its heading.
        metric: The score.
        rows: The networks, the best first.
        groups: The examples of about one length.
        facts: What was compared on what.
        part: Name of the split that is compared on.
    """
    costs = [
        _against(metric, rows, "training", "seconds", lambda run: run.cost.train_seconds),
        _against(metric, rows, "answer", "ms", lambda run: 1000 / run.cost.answer_speed),
    ]
    return Page(
        title,
        [
            Section("Scores and costs", [Table("Networks, best first", [as_cells(row, metric) for row in rows])],
                    verdict(rows, metric)),
            Section("Quality against cost", costs, "A point for each training; high and left is good."),
            *_by_length(metric, rows, groups),
            Section("How it was measured", _notes(len(rows[0].runs[0].resampled), part)),
        ],
        facts,
    )  # fmt: skip


def _against(
    metric: str, rows: Sequence[Row], what: str, unit: str, cost: Callable[[Measured], float]
) -> Plot:
    """Every training's score at its cost; a network's points look alike."""
    runs = [(row.network, run) for row in rows for run in row.runs]
    return Plot(
        f"{metric} by {what} time",
        [cost(run) for _, run in runs],
        {
            row.network: [run.score if name == row.network else NAN for name, run in runs]
            for row in rows
        },
        x_label=f"{what} ({unit})",
        y_label=metric,
        joined=False,
    )


def _by_length(metric: str, rows: Sequence[Row], groups: Sequence[LengthGroup]) -> list[Section]:
    """Score and speed of each network on inputs of about one length, where lengths differ."""
    if len(groups) < 2:
        return []
    names = [group.name for group in groups]

    def plot(what: str, values: Callable[[Measured], Sequence[float]]) -> Plot:
        means = {
            row.network: [statistics.fmean(of) for of in zip(*map(values, row.runs), strict=True)]
            for row in rows
        }
        return Plot(f"{what} by length", range(len(groups)), means, "", "steps", what, names)

    about = "Inputs of about one length, as the first network counts its steps, by themselves; means over trainings."
    plots = [
        plot(metric, lambda run: run.by_length),
        plot("answers a second", lambda run: run.cost.answer_speeds),
    ]
    return [Section("By length", plots, about)]


def _notes(samples: int, part: str) -> list[Note]:
    return [
        Note("spread (±)", "The standard deviation over a network's trainings, which differ by their seeds."),
        Note("p against best", f"How often chance alone would set two networks so far apart, on either side: a paired "
             f"bootstrap with {samples:,} samples of the {part} examples and of the trainings. It is of one pair; of "
             "twenty networks that are equally good, one falls below 0.05."),
        Note("units/s", "What a second of training steps takes in; a unit is what the loss is a mean over: a text, a "
             "tag, a token of a sentence that is written."),
        Note("answers/s", f"Inputs of the {part} part answered in a second, as the run decodes; features that stay "
             "fixed are computed before."),
        Note("gradient a step", "What a gradient is multiplied by on its way one step back through the recurrence, "
             "geometric mean over recurrent layers and directions: 1 keeps it, 0.5 leaves a thousandth after ten "
             "steps. `seqkit diagnose RUN` tells of each layer."),
        Note("memory", f"Weights, gradients, the optimizer's state and what the backward pass keeps, in a step on the "
             f"longest batch of the {part} part; what passes within an operation is left out."),
    ]  # fmt: skip
