"""`seqkit train TASK`: settings from flags, a recipe or a file; progress; the scores and what to type next."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from seqkit.errors import ConfigError
from seqkit.registry import get_task, task_names
from seqkit.task import Task

from . import resume
from .ending import tell_ending
from .flags import parse_settings, starting_values, training_parser, with_recipe_files

USAGE = "seqkit train {task} [--data PATH] [--recipe NAME] [--config FILE] [--out DIR] [--SECTION.SETTING VALUE ...]"


def run(argv: Sequence[str]) -> int:
    """Trains and returns the exit status."""
    if any(word.partition("=")[0] == "--resume" for word in argv):
        return resume.run(argv)
    if not argv or argv[0].startswith("-"):
        return _help_without_task(argv)
    task = get_task(argv[0])
    parser = _parser(task, starting_values(task, argv[1:]))
    if {"-h", "--help"} & set(argv[1:]):
        parser.print_help()
        return 0
    config, options = parse_settings(parser, argv[1:], task.Config)
    return _train(task, with_recipe_files(task, config, options["recipe"]), options)


def _help_without_task(argv: Sequence[str]) -> int:
    lines = [USAGE.format(task="TASK"), "", "tasks: " + ", ".join(task_names()),
             "", "seqkit train TASK --help lists every setting of a task.",
             "seqkit train --resume RUN goes on with a training that was stopped."]  # fmt: skip
    if argv and argv[0] not in ("-h", "--help"):
        raise ConfigError(f"A task must come before {argv[0]}: {', '.join(task_names())}.")
    if not argv:
        raise ConfigError(f"A task is missing: seqkit train {' | '.join(task_names())}.")
    print("\n".join(lines))
    return 0


def _parser(task: Task[Any, Any], defaults: Any) -> Any:
    parser = training_parser(
        f"seqkit train {task.name}", USAGE.format(task=task.name), task, defaults
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=str,
        help=f"run folder (default: the next free runs/{task.name}-N)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="go on with the training in --out if it was stopped there, else begin it",
    )
    parser.add_argument("--quiet", action="store_true", help="print the run folder's name only")
    return parser


def _train(task: Task[Any, Any], config: Any, options: Any) -> int:
    from .progress import ConsoleReporter

    reporter = None if options["quiet"] else ConsoleReporter(task.metric)
    splits = task.read(config)
    from seqkit.api import train_on

    with reporter or contextlib.nullcontext():
        trained = train_on(
            task,
            config,
            splits,
            out=options["out"],
            overwrite=options["overwrite"],
            go_on=options["go_on"],
            reporter=reporter,
        )
    tell_ending(task, trained, quiet=options["quiet"])
    return 0
