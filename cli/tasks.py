"""`seqkit tasks`: what is installed."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.errors import SeqkitError
from seqkit.registry import get_task, task_names

from .flags import PlainParser


def run(argv: Sequence[str]) -> int:
    """Prints a row for each task, then why any of them cannot be used, and returns the exit status."""
    PlainParser(prog="seqkit tasks", description="Lists the tasks that are installed.").parse_args(
        argv
    )
    from rich.table import Table

    from .progress import open_console

    table = Table("task", "shape", "input -> output", "best epoch by")
    table.add_column("recipes", no_wrap=True)  # names are there to be typed: never cut one
    errors = []
    for name in task_names():
        try:
            task = get_task(name)
        except SeqkitError as error:
            table.add_row(name, "broken")
            errors.append(str(error))
            continue
        recipes = "\n".join(task.recipe_names())
        table.add_row(name, task.shape, task.summary, task.metric, recipes)
    open_console().print(table, markup=False)
    for message in errors:
        print(message)
    return 0
