"""What a person sees while a network trains, and tables of scores. Torch-free."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from seqkit.compiling import MESSAGE
from seqkit.errors import printable
from seqkit.training.report import Reporter


class ConsoleReporter(Reporter):
    """A progress bar with the time left where there is a terminal, and a line an epoch everywhere.

    Args:
        metric: Name of the score that selects the best epoch.
    """

    def __init__(self, metric: str) -> None:
        self.console = open_console()
        self.metric = metric
        self.epochs = 0
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"), console=self.console, transient=True,
            disable=not self.console.is_terminal,
        )  # fmt: skip
        self.line: TaskID | None = None

    def __enter__(self) -> ConsoleReporter:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def note(self, text: str) -> None:
        self._say(text)

    def features_done(self, done: int, total: int) -> None:
        if self.line is None:
            self._say(f"Features of {total:,} inputs are computed, once for all trainings.")
            self.line = self.bar.add_task("features", total=total, loss="")
        self.bar.update(self.line, completed=done)
        if done == total:
            self._drop_line()

    def started(self, facts: dict[str, Any]) -> None:
        sizes = ", ".join(f"{count:,} {name}" for name, count in facts["examples"].items() if count)
        self._say(f"Data: {facts['data']} ({sizes})")
        threads = _threads(facts) if facts["device"] == "cpu" else ""
        memory = ", freed memory kept" if facts["keeps_memory"] else ""
        self._say(
            f"Network: {facts['parameters']:,} parameters on {facts['device']}{threads}{memory}"
        )

    def compiling(self) -> None:
        self._say(MESSAGE)

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        self.epochs = epochs
        self._drop_line()
        self.line = self.bar.add_task(f"epoch {epoch}/{epochs}", total=batches, loss="")

    def batch_done(self, loss: float) -> None:
        if self.line is not None and not self.bar.disable:
            self.bar.update(self.line, advance=1, loss=f"loss {loss:.3f}")

    def scoring(self, what: str) -> None:
        self._drop_line()
        self.line = self.bar.add_task(f"scoring {what}", total=None, loss="")

    def epoch_done(self, row: dict[str, Any], is_best: bool) -> None:
        self._drop_line()
        score = row[f"dev_{self.metric}"]
        self._say(
            f"epoch {row['epoch']:>{len(str(self.epochs))}}/{self.epochs}  train loss {row['train_loss']:.4f}  "
            f"dev loss {row['dev_loss']:.4f}  dev {self.metric} {score:.4g}{' *' if is_best else '  '}  "
            f"{row['seconds']:.1f} s"
        )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)
        sys.stdout.flush()

    def _drop_line(self) -> None:
        if self.line is not None:
            self.bar.remove_task(self.line)
            self.line = None


def open_console() -> Console:
    """Standard output; where it is no terminal, tables are as wide as they need."""
    width = None if sys.stdout.isatty() else 200
    return Console(highlight=False, soft_wrap=True, width=width)


def print_scores(scores: Mapping[str, Mapping[str, float]], signature: str) -> None:
    """A table with a row for each split, and how the scores were computed."""
    print_table("", [{"split": split, **values} for split, values in scores.items()])
    open_console().print(printable(f"Signature: {signature}"), markup=False)


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Plain values by column. What is wider than the terminal becomes several tables, each with the first column."""
    if not rows:
        return
    console = open_console()
    names = dict.fromkeys(name for row in rows for name in row)
    first, *others = ([_cell(name), *(_cell(row.get(name)) for row in rows)] for name in names)
    for group in _fitting(console.width, first, others):
        header, *lines = zip(first, *group, strict=True)
        table = Table(*header, title=title, title_justify="left")
        for line in lines:
            table.add_row(*line)
        console.print(table)
        title = ""


def _fitting(width: int, first: list[str], others: list[list[str]]) -> list[list[list[str]]]:
    """The other columns in groups that fit beside the first one, each of one column at least."""
    room = free = width - 1 - _width(first)
    groups: list[list[list[str]]] = [[]]
    for column in others:
        if groups[-1] and _width(column) > free:
            groups.append([])
            free = room
        groups[-1].append(column)
        free -= _width(column)
    return groups


def _width(column: list[str]) -> int:
    """Characters that a column takes, its margins and one border with it."""
    return 3 + max(map(cell_len, column), default=0)


def _cell(value: Any) -> str:
    """A value as the table shows it: brackets of labels are no markup, control characters are written out."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if type(value) is int else escape(printable(str(value or "")))


def _threads(facts: dict[str, Any]) -> str:
    """How many threads there are, for torch and for machine code.

    >>> _threads({"threads": 1, "compiled_threads": 2})
    ', 1 thread (2 for machine code)'
    """
    count, more = facts["threads"], facts.get("compiled_threads", 0)
    for_machine_code = f" ({more} for machine code)" if more > count else ""
    return f", {count} thread{'s' if count != 1 else ''}{for_machine_code}"
