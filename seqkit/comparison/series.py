"""The trainings of a comparison, one after the other, each an ordinary run folder that a stopped comparison goes on
from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.api import resume, train_on
from seqkit.comparison.plan import Plan, Variant, unique
from seqkit.run import CHECKPOINTS, METRICS, open_run
from seqkit.task import Splits, Task
from seqkit.training.checkpoint import read_checkpoint
from seqkit.training.report import Reporter


@dataclass
class Series:
    """Trains the runs of a comparison in its folder.

    Attributes:
        task, config, splits: What the networks share.
        folder: Where the runs are.
        reporter: Hears of progress.
        frame: The pandas DataFrame that the data is from; None where it is read from files.
        total: Trainings that there will be.
        begun: Trainings that were asked for so far.
    """

    task: Task[Any, Any]
    config: Any
    splits: Splits[Any]
    folder: Path
    reporter: Reporter
    frame: Any = None
    total: int = 0
    begun: int = 0

    def runs(self, networks: Sequence[Variant], plan: Plan) -> dict[str, list[Path]]:
        """Folders of the finished trainings of each network.

        Each network's first training chooses its learning rate. The others take turns, so that a machine that becomes
        slower does so for all.
        """
        rates = unique(plan.lrs) or [self.config.training.lr]
        first = self.config.training.seed
        self.total = len(networks) * (len(rates) + plan.seeds - 1)
        chosen = {network.name: self._best_rate(network, first, rates) for network in networks}
        runs = {name: [path] for name, (_, path) in chosen.items()}
        for seed in range(first + 1, first + plan.seeds):
            for network in networks:
                runs[network.name].append(self._run(network, seed, chosen[network.name][0]))
        return runs

    def _best_rate(self, network: Variant, seed: int, rates: Sequence[float]) -> tuple[float, Path]:
        """(learning rate that scores highest on dev, the run trained with it)."""
        tried = [(rate, self._run(network, seed, rate)) for rate in rates]
        return max(tried, key=lambda pair: dev_score(pair[1]))

    def _run(self, network: Variant, seed: int, lr: float) -> Path:
        """The folder of a finished training: kept, gone on with, or made now."""
        path = self.folder / f"{network.name}-lr{lr:g}-seed{seed}"
        self.begun += 1
        heading = f"[{self.begun}/{self.total}] {path.name}"
        if (path / METRICS).is_file():
            self.reporter.note(f"{heading}: is trained already.")
        elif read_checkpoint(path / CHECKPOINTS, self.reporter.note) is not None:
            self.reporter.note(heading)
            resume(path, self.frame, reporter=self.reporter)
        else:
            self.reporter.note(heading)
            config = network.settings(self.config, seed=seed, lr=lr)
            train_on(
                self.task, config, self.splits, out=path, overwrite=True, reporter=self.reporter
            )
        return path


def dev_score(path: Path) -> float:
    """The dev score that chose the best epoch of a finished run."""
    run = open_run(path)
    score: float = run.metrics()["scores"]["dev"][run.task.metric]
    return score
