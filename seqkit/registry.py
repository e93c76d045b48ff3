"""The tasks that are installed, found by the entry-point group `seqkit.tasks`. Torch-free."""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from seqkit.errors import SeqkitError, UnknownNameError
from seqkit.task import Task

GROUP = "seqkit.tasks"


@functools.cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}


def task_names() -> list[str]:
    """Names of the installed tasks, in alphabetical order."""
    return list(_entries())


def get_task(name: str) -> Task[Any, Any]:
    """The task of that name.

    Raises:
        UnknownNameError: if no installed package offers it.
        SeqkitError: if the package that offers it cannot be imported.
    """
    entries = _entries()
    if name not in entries:
        hint = "A new task shows up after its package is installed, such as by pip install -e ."
        raise UnknownNameError("task", name, entries, hint)
    try:
        task: Task[Any, Any] = entries[name].load()()
    except ImportError as error:
        raise SeqkitError(
            f"Task {name!r} ({entries[name].value}) cannot be imported: {error}"
        ) from error
    return task
