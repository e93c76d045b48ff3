"""`seqkit tasks`: what is installed."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.registry import get_task, task_names

from .flags import PlainParser


def run(argv: Sequence[str]) -> int:
    """Prints a row for each task and returns the exit status."""
    PlainParser(prog="seqkit tasks", description="Lists the tasks that are installed.").parse_args(
        argv
    )
    from rich.console import Console
    from rich.table import Table

    table = Table("task", "shape", "input -> output", "best epoch by", "recipes")
    for name in task_names():
        task = get_task(name)
        table.add_row(name, task.shape, task.summary, task.metric, ", ".join(task.recipe_names()))
    Console(highlight=False).print(table)
    return 0
