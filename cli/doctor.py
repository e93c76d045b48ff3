"""`seqkit doctor`: checks the installation, or with `data TASK PATH` a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.config import from_dict
from seqkit.errors import ConfigError, SeqkitError
from seqkit.registry import get_task, task_names
from seqkit.task import Task

from .flags import PlainParser, parse_settings, settings_parser

USAGE = "seqkit doctor [data TASK PATH [--data.SETTING VALUE ...]]"
SHOWN = 50
"""Faults that are printed; the others are counted."""
FAULTY = 1


def run(argv: Sequence[str]) -> int:
    """Prints what was found and returns the exit status: 0 sound, 1 not."""
    if argv and argv[0] == "data":
        return _examine_data(argv[1:])
    parser = PlainParser(
        prog="seqkit doctor",
        usage=USAGE,
        description="Checks the installation by a small training of every task, or looks through a data set.",
    )
    parser.parse_args(argv)
    return _examine_installation()


def _examine_data(argv: Sequence[str]) -> int:
    words = list(argv)
    if words[:1] in (["-h"], ["--help"]):
        print(f"usage: {USAGE}\n\ntasks: {', '.join(task_names())}")
        return 0
    if len(words) < 2 or words[1].startswith("-"):
        raise ConfigError(f"A task and a path are needed: {USAGE}.")
    task = get_task(words[0])
    parser = settings_parser(
        f"seqkit doctor data {task.name}", USAGE, task.Config, from_dict(task.Config, {})
    )
    config, _ = parse_settings(parser, ["--data.path", *words[1:]], task.Config)

    from seqkit.examination import examine

    from .progress import print_table

    found = examine(task, config)
    for fault in found.faults[:SHOWN]:
        print(fault)
    if len(found.faults) > SHOWN:
        print(f"... and {len(found.faults) - SHOWN:,} more.")
    for note in found.notes:
        print(note)
    print_table("Splits", found.splits)
    print_table("Lengths", found.lengths)
    print_table("Labels", found.labels)
    if found.train:
        print(_expected(task, config, found.train))
    count = len(found.faults)
    print(f"{count:,} fault{'s' if count != 1 else ''} found." if count else "No fault found.")
    return FAULTY if count else 0


def _expected(task: Task[Any, Any], config: Any, train: Sequence[Any]) -> str:
    """What an epoch takes, or why that cannot be said."""
    from seqkit.estimate import expected

    try:
        return expected(task, config, train)
    except SeqkitError as error:
        return f"What an epoch takes cannot be said: {error}"


def _examine_installation() -> int:
    import sys
    import time

    from seqkit.selftest import installed, trial

    for name, version in installed().items():
        print(f"{name:<14}{version}")
    sound = True
    for name in task_names():
        began = time.perf_counter()
        fault = trial(name)
        sound = sound and not fault
        took = f"{time.perf_counter() - began:.1f} s"
        print(f"{name:<14}{f'FAULT: {fault}' if fault else f'trains and answers ({took})'}")
        sys.stdout.flush()
    print("All is well." if sound else "Something is wrong with this installation.")
    return 0 if sound else FAULTY
