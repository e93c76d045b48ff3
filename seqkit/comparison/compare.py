"""Python's door to comparisons: networks that are trained for it, or runs that are there. `seqkit.compare` and
`seqkit.compare_runs` come from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.api import fingerprint, prepare
from seqkit.comparison.budget import equal_parameters
from seqkit.comparison.folder import ANSWERS, PAGE, TABLE, open_folder
from seqkit.comparison.measuring import Ground, Measured, measure, sum_of
from seqkit.comparison.page import comparison_page
from seqkit.comparison.plan import Plan, budget_minutes, timed, variants
from seqkit.comparison.series import Series
from seqkit.comparison.table import Row, make_rows, verdict, write_csv
from seqkit.config import to_dict
from seqkit.errors import ConfigError, DataError, RunError
from seqkit.predictor import read_again
from seqkit.report import write_page
from seqkit.run import Run, next_run_name, open_run
from seqkit.task import Splits, Task
from seqkit.training.interruption import Interrupted
from seqkit.training.report import Reporter


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Attributes:
        path: Its folder: table, page, pictures, and the runs that were trained for it.
        metric: The score that is compared.
        rows: A row for each network, the best first.
        verdict: What came out, in a sentence.
    """

    path: Path
    metric: str
    rows: list[Row]
    verdict: str


def compare(
    task: str,
    data: Any = None,
    *,
    cells: Sequence[str],
    directions: Sequence[int] = (),
    attention: Sequence[str] = (),
    seeds: int = 3,
    lrs: Sequence[float] = (),
    budget: str = "parameters",
    out: str | Path | None = None,
    recipe: str | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Comparison:
    """Trains networks on the same data within the same budget, and holds them against each other.

    Args:
        task: As in `seqkit.train`, and so `data`, `recipe`, `config`, `reporter` and `settings`.
        cells: Values of `model.cell`.
        directions: 1, 2 or both; none given: as the settings say.
        attention: Values of `model.attention`; none given: as the settings say.
        seeds: Trainings of each network.
        lrs: Learning rates; each network gets the one that its first training scores highest on dev with.
        budget: `parameters` gives each network the hidden size at which it has as many as the network of the settings;
            `minutes=N` gives each training that time.
        out: Folder of the comparison; one that was stopped goes on. None takes the next free `runs/TASK-comparison-N`.

    >>> import seqkit
    >>> seqkit.compare("sentiment", cells=["gru", "lstm"], seeds=3).verdict  # doctest: +SKIP

    Raises:
        SeqkitError: for settings, data or folders that cannot be used.
    """
    chosen, resolved, splits = prepare(task, data, recipe, config, settings)
    plan = Plan(cells, [str(d) for d in directions], attention, seeds, lrs, budget_minutes(budget))
    frame = data if hasattr(data, "columns") else None
    return compare_on(chosen, resolved, splits, plan, out=out, reporter=reporter, frame=frame)


def compare_on(
    task: Task[Any, Any],
    config: Any,
    splits: Splits[Any],
    plan: Plan,
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    frame: Any = None,
) -> Comparison:
    """Compares on splits that are read already; `compare` is the usual door."""
    reporter = reporter or Reporter()
    config = timed(config, plan.minutes)
    networks = variants(task.name, config, plan)
    part = "test" if splits.test else "dev"
    train_set, examples = splits.get("train"), splits.get(part)
    folder = Path(out) if out else next_run_name(f"{task.name}-comparison")
    about = {"task": task.name, "data": fingerprint(splits), "settings": to_dict(config)}
    open_folder(folder, about, usual={"settings": to_dict(task.Config())})
    if not plan.minutes:
        others = [*splits.get("dev"), *splits.test]
        networks = equal_parameters(task, config, networks, train_set, others, reporter.note)
    series = Series(task, config, splits, folder, reporter, frame)
    try:
        runs = series.runs(networks, plan)
        reporter.scoring(part)
        ground = Ground.of(part, examples, next(iter(runs.values()))[0])
        measured = {
            name: [measure(path, ground, folder / ANSWERS, path.name) for path in paths]
            for name, paths in runs.items()
        }
    except Interrupted as stop:
        kept = f"Stopped. What is trained is kept; go on by the same command with --out {folder}"
        raise Interrupted(kept, stop.number) from stop
    return _told(task, folder, splits.source, ground, measured, _facts(plan, config))


def compare_runs(
    runs: Sequence[str | Path],
    data: Any = None,
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Holds finished runs of one task against each other.

    Args:
        runs: Their folders, two at least.
        data: Labelled data to compare on, a path or a DataFrame; None is what they were trained on, which must be the
            same for all.
        out: Folder of the comparison; None takes the next free `runs/TASK-comparison-N`.
        reporter: Hears of progress; None keeps silent.

    Raises:
        SeqkitError: if the runs cannot be compared.
    """
    reporter = reporter or Reporter()
    opened = [open_run(run) for run in runs]
    task = _common_task(opened)
    splits = read_again(task, opened[0].config, data)
    part = "test" if splits.test else "dev"
    examples = splits.get(part)
    if data is None:
        _check_common_data(opened, part, examples)
    folder = Path(out) if out else next_run_name(f"{task.name}-comparison")
    open_folder(folder, {"task": task.name, "runs": [str(run.path) for run in opened]})
    ground, measured = Ground.of(part, examples, opened[0].path), {}
    for number, (name, run) in enumerate(_named(opened).items(), start=1):
        reporter.note(f"[{number}/{len(opened)}] {run.path}")
        reporter.scoring(part)
        file = f"{number}-{run.path.name}"
        measured[name] = [measure(run.path, ground, folder / ANSWERS, file)]
    return _told(task, folder, splits.source, ground, measured, {})


def _common_task(runs: Sequence[Run]) -> Task[Any, Any]:
    """The one task of several finished runs.

    Raises:
        ConfigError: if there are fewer than two, or they are of several tasks.
        RunError: if the training of one has not ended.
    """
    if len(runs) < 2:
        raise ConfigError("Two runs at least are needed to compare.")
    first, *others = runs
    for run in others:
        if run.task.name != first.task.name:
            raise ConfigError(
                f"{run.path}: a run of {run.task.name}; {first.path} is of {first.task.name}."
            )
    for run in runs:
        if not run.metrics():
            go_on = f"seqkit train --resume {run.path}"
            raise RunError(f"{run.path}: its training has not ended; go on with: {go_on}")
    return first.task


def _check_common_data(runs: Sequence[Run], part: str, examples: Sequence[Any]) -> None:
    """Raises DataError unless these are the examples that each run was scored on."""
    first, *others = runs
    for run in others:
        theirs = run.task.read(run.config).get(part)
        if sum_of(theirs) != sum_of(examples):
            raise DataError(
                f"{run.path}: its {part} part is not that of {first.path}; name the data to compare on by --data."
            )


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """The runs by the names of their folders, by their paths where two have the same name."""
    names = [run.path.name for run in runs]
    return {
        run.path.name if names.count(run.path.name) == 1 else str(run.path): run for run in runs
    }


def _facts(plan: Plan, config: Any) -> dict[str, str]:
    """What was made equal, and how the learning rates were chosen."""
    time, rates = (
        f"{plan.minutes:g} minutes of steps a training",
        ", ".join(f"{lr:g}" for lr in plan.lrs),
    )
    return {
        "Budget": time if plan.minutes else "equal numbers of parameters",
        "Learning rates": f"of {rates} the one whose first training scores highest on dev"
        if rates
        else f"{config.training.lr:g} for all",
    }


def _told(
    task: Task[Any, Any],
    folder: Path,
    source: str,
    ground: Ground,
    measured: Mapping[str, Sequence[Measured]],
    facts: Mapping[str, str],
) -> Comparison:
    """Writes the table and the page with its pictures."""
    rows = make_rows(measured)
    write_csv(rows, task.metric, folder / TABLE)
    data = f"{source}, {len(ground.examples):,} examples of the {ground.part} part"
    signature = next(iter(measured.values()))[0].signature
    about = {"Data": data, **facts, "Score": signature}
    title = f"{task.name}: {len(rows)} networks compared"
    write_page(
        comparison_page(title, task.metric, rows, ground.groups, about, ground.part), folder / PAGE
    )
    return Comparison(folder, task.metric, rows, verdict(rows, task.metric))
