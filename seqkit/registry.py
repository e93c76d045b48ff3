"""The tasks that are installed, found by the entry-point group `seqkit.tasks`. Torch-free."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from seqkit.errors import SeqkitError, UnknownNameError
from seqkit.task import Task

GROUP = "seqkit.tasks"
REQUIRED = ("Config", "shape", "summary", "metric", "example")
"""What a task must say of itself, beside its name."""


def task_names() -> list[str]:
    """Names of the installed tasks, in alphabetical order; one that cannot be used is among them."""
    return sorted(_entries())


def get_task(name: str) -> Task[Any, Any]:
    """The task of that name.

    Raises:
        UnknownNameError: if no installed package offers it.
        SeqkitError: if the package that offers it is broken, or several packages offer it; names them.
    """
    entries = _entries()
    if name not in entries:
        hint = "A new task shows up after its package is installed, such as by pip install -e ."
        raise UnknownNameError("task", name, entries, hint)
    offers = entries[name]
    if len(offers) > 1:
        packages = ", ".join(sorted(_package(entry) for entry in offers))
        raise SeqkitError(
            f"Task {name!r} is offered by several packages: {packages}. Uninstall all but one."
        )
    return _load(offers[0])


def _entries() -> dict[str, list[EntryPoint]]:
    """Who offers each name; read anew each time, so that a notebook sees what it has just installed."""
    entries: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        entries.setdefault(entry.name, []).append(entry)
    return entries


def _load(entry: EntryPoint) -> Task[Any, Any]:
    try:
        task = entry.load()()
    except Exception as error:  # someone else's code may fail in any way while it is imported
        reason = " ".join(str(error).split()) or "no message"
        raise _broken(entry, f"{reason} ({type(error).__name__})") from error
    if not isinstance(task, Task):
        raise _broken(entry, f"it makes a {type(task).__name__}, not a seqkit.task.Task")
    missing = [attribute for attribute in REQUIRED if not hasattr(task, attribute)]
    if missing:
        raise _broken(entry, f"its class does not set {', '.join(missing)}")
    if getattr(task, "name", None) != entry.name:
        given = getattr(task, "name", None)
        raise _broken(
            entry, f"its class sets name to {given!r}, its entry point says {entry.name!r}"
        )
    return task


def _broken(entry: EntryPoint, reason: str) -> SeqkitError:
    return SeqkitError(
        f"Task {entry.name!r} of package {_package(entry)} ({entry.value}) cannot be used: {reason}. "
        "Repair or uninstall that package."
    )


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"
