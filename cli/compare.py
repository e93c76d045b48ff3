"""`seqkit compare TASK --cells ...` or `seqkit compare RUN RUN ...`: networks held against each other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seqkit.comparison.plan import Plan, budget_minutes, timed, variants
from seqkit.errors import ConfigError
from seqkit.registry import get_task, task_names
from seqkit.task import Task

from .flags import PlainParser, parse_settings, starting_values, training_parser, with_recipe_files

if TYPE_CHECKING:
    from seqkit.comparison.compare import Comparison

USAGE = "seqkit compare {task} --cells CELL,CELL [--directions 1,2] [--attention NAME,NAME] [--seeds N] [--out DIR] [--SECTION.SETTING VALUE ...]"  # noqa: E501
RUNS_USAGE = "seqkit compare RUN RUN ... [--data PATH] [--out DIR]"

T = TypeVar("T")


def run(argv: Sequence[str]) -> int:
    """Compares and returns the exit status."""
    first = argv[0] if argv else ""
    if first in ("-h", "--help"):
        print("\n".join([USAGE.format(task="TASK"), RUNS_USAGE, "", "tasks: " + ", ".join(task_names()), "",
                         "seqkit compare TASK --help lists every setting of a task."]))  # fmt: skip
        return 0
    if not first or first.startswith("-"):
        raise ConfigError(
            f"A task or runs must come first: seqkit compare {' | '.join(task_names())} | RUN RUN."
        )
    if first not in task_names() and Path(first).exists():
        return _compare_runs(argv)
    return _compare_networks(get_task(first), argv[1:])


def _compare_networks(task: Task[Any, Any], argv: Sequence[str]) -> int:
    parser = _parser(task, starting_values(task, argv))
    if {"-h", "--help"} & set(argv):
        parser.print_help()
        return 0
    config, options = parse_settings(parser, argv, task.Config)
    config = with_recipe_files(task, config, options["recipe"])
    plan = _plan(options)
    variants(task.name, timed(config, plan.minutes), plan)  # refuses before any data is read
    splits = task.read(config)

    from .progress import ConsoleReporter

    reporter = None if options["quiet"] else ConsoleReporter(task.metric)
    from seqkit.comparison.compare import compare_on

    with reporter or contextlib.nullcontext():
        comparison = compare_on(task, config, splits, plan, out=options["out"], reporter=reporter)
    return _tell(comparison, quiet=options["quiet"])


def _compare_runs(argv: Sequence[str]) -> int:
    parser = PlainParser(
        prog="seqkit compare", usage=RUNS_USAGE, description="Compares finished runs of one task."
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders, two at least")
    about = "labelled data to compare on (default: what the runs were trained on)"
    parser.add_argument("--data", metavar="PATH", help=about)
    about = "folder of the comparison (default: the next free runs/TASK-comparison-N)"
    parser.add_argument("--out", metavar="DIR", help=about)
    parser.add_argument("--quiet", action="store_true", help="print the comparison's folder only")
    options = parser.parse_args(argv)
    from seqkit.comparison.compare import compare_runs

    from .progress import ConsoleReporter

    reporter = None if options.quiet else ConsoleReporter("")
    with reporter or contextlib.nullcontext():
        comparison = compare_runs(options.runs, options.data, out=options.out, reporter=reporter)
    return _tell(comparison, quiet=options.quiet)


def _parser(task: Task[Any, Any], defaults: Any) -> Any:
    parser = training_parser(
        f"seqkit compare {task.name}", USAGE.format(task=task.name), task, defaults
    )
    for flag, metavar, about, default in (
        ("--cells", "CELL,CELL", "kinds of core, as `model.cell` has them", None),
        ("--directions", "1,2", "directions of the encoder (default: as the settings say)", None),
        ("--attention", "NAME,NAME", "attention, as `model.attention` has it (default: as the settings say)", None),
        ("--lrs", "LR,LR", "learning rates; each network gets the one that is best on dev", None),
        ("--budget", "BUDGET", "what networks have alike: parameters, or minutes=N of training steps", "parameters"),
        ("--out", "DIR", f"folder; a comparison in it goes on (default: the next free runs/{task.name}-comparison-N)",
         None),
    ):  # fmt: skip
        parser.add_argument(flag, metavar=metavar, type=str, default=default, help=about)
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=3, help="trainings of each network"
    )
    parser.add_argument("--quiet", action="store_true", help="print the comparison's folder only")
    return parser


def _plan(options: Any) -> Plan:
    """What the flags ask for."""
    if not options["cells"]:
        raise ConfigError("--cells is missing, such as --cells rnn_tanh,gru,lstm,transformer.")
    return Plan(
        cells=_listed(options["cells"], str),
        directions=_listed(options["directions"], str),
        attention=_listed(options["attention"], str),
        seeds=options["seeds"],
        lrs=_listed(options["lrs"], _rate),
        minutes=budget_minutes(options["budget"]),
    )


def _listed(text: str | None, kind: Callable[[str], T]) -> list[T]:
    """The parts between commas."""
    return [kind(part.strip()) for part in text.split(",") if part.strip()] if text else []


def _rate(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ConfigError(f"--lrs must be numbers between commas, got {word!r}.") from None


def _tell(comparison: Comparison, *, quiet: bool) -> int:
    from seqkit.comparison.table import as_cells

    from .progress import print_table

    if quiet:
        print(comparison.path)
        return 0
    print_table("", [as_cells(row, comparison.metric) for row in comparison.rows])
    print(
        f"{comparison.verdict}\n\nComparison: {comparison.path} (comparison.html, comparison.csv, pictures)"
    )
    return 0
