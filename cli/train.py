"""`seqkit train TASK`: settings from flags, a recipe or a file; progress; the scores and what to type next."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from seqkit.config import from_dict, merge, read_yaml
from seqkit.errors import ConfigError
from seqkit.recipes import fill_needs
from seqkit.registry import get_task, task_names
from seqkit.task import Task

from . import resume
from .ending import tell_ending
from .flags import parse_settings, settings_parser

USAGE = "seqkit train {task} [--data PATH] [--recipe NAME] [--config FILE] [--out DIR] [--SECTION.SETTING VALUE ...]"


def run(argv: Sequence[str]) -> int:
    """Trains and returns the exit status."""
    if any(word.partition("=")[0] == "--resume" for word in argv):
        return resume.run(argv)
    if not argv or argv[0].startswith("-"):
        return _help_without_task(argv)
    task = get_task(argv[0])
    base = _starting_values(task, argv[1:])
    parser = _parser(task, base)
    if {"-h", "--help"} & set(argv[1:]):
        parser.print_help()
        return 0
    config, options = parse_settings(parser, argv[1:], task.Config)
    if recipe := options["recipe"]:
        config = fill_needs(config, task.recipe_needs(recipe), recipe)
    return _train(task, config, options)


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


def _starting_values(task: Task[Any, Any], argv: Sequence[str]) -> Any:
    """The settings that a recipe and a settings file give, before single flags."""
    values: dict[str, Any] = {}
    for flag, read in (("--recipe", task.recipe), ("--config", read_yaml)):
        for index, word in enumerate(argv):
            if word == flag and index + 1 < len(argv):
                values = merge(values, read(argv[index + 1]))
            elif word.startswith(f"{flag}="):
                values = merge(values, read(word.partition("=")[2]))
    return from_dict(task.Config, values)


def _parser(task: Task[Any, Any], defaults: Any) -> Any:
    parser = settings_parser(
        f"seqkit train {task.name}", USAGE.format(task=task.name), task.Config, defaults
    )
    recipes = ", ".join(task.recipe_names()) or "none"
    parser.add_argument(
        "--recipe", metavar="NAME", type=str, help=f"settings that come with the task: {recipes}"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=str,
        help="YAML file of settings, such as a run's config.yaml",
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
