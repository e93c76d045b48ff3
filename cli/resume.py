"""`seqkit train --resume RUN`: goes on with a training that was stopped, as if it had not been."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from typing import NoReturn

from seqkit.errors import ConfigError
from seqkit.run import open_run

from .ending import tell_ending

USAGE = "seqkit train [TASK] --resume RUN [--quiet]"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            f"{message}; a training goes on with the settings it began with ({USAGE})."
        )


def run(argv: Sequence[str]) -> int:
    """Trains on and returns the exit status."""
    parser = _Parser(prog="seqkit train", usage=USAGE, allow_abbrev=False)
    parser.add_argument("task", nargs="?", help="the run's task; it is known anyway")
    parser.add_argument("--resume", metavar="RUN", required=True, help="run folder")
    parser.add_argument("--quiet", action="store_true", help="print the run folder's name only")
    options = parser.parse_args(argv)
    opened = open_run(options.resume)
    if options.task not in (None, opened.task.name):
        raise ConfigError(f"{opened.path}: a run of {opened.task.name}, not of {options.task}.")

    from .progress import ConsoleReporter

    reporter = None if options.quiet else ConsoleReporter(opened.task.metric)
    from seqkit.api import resume

    with reporter or contextlib.nullcontext():
        trained = resume(opened.path, reporter=reporter)
    tell_ending(opened.task, trained, quiet=options.quiet)
    return 0
