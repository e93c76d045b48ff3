"""Trains a task of seqkit, an epoch whenever it is asked to; the first one warms up.

An epoch's time is that of its steps and its checkpoint; told with it are the seconds inside forward, backward and
update, the score on the dev split and the most memory so far.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from talking import asked, tell
from torch.optim import SGD, Adam, AdamW, NAdam

import seqkit
from seqkit.nn.kernels import has_numba
from seqkit.registry import get_task
from seqkit.training.report import Reporter
from seqkit.training.update import Updater

FOREVER = 10**6
"""Epochs: as many as are asked for."""


class Stopwatch:
    """Seconds spent inside of some methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: type, name: str) -> None:
        """Counts the calls of a method from now on."""
        method = getattr(owner, name)

        @functools.wraps(method)
        def watched(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                self.seconds += time.perf_counter() - began

        setattr(owner, name, watched)


class Paced(Reporter):
    """Lets an epoch begin when it is asked for, and tells its time and score."""

    def __init__(self, metric: str, inside: Stopwatch) -> None:
        self.metric = metric
        self.inside = inside
        self.began = self.seconds = 0.0
        self.parameters = 0

    def started(self, facts: dict[str, Any]) -> None:
        self.parameters = facts["parameters"]

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        if epoch == 2:
            tell(version=seqkit.__version__, parameters=self.parameters)
        if epoch > 1 and not asked():
            raise SystemExit
        self.inside.seconds = 0.0
        self.began = time.perf_counter()

    def scoring(self, what: str) -> None:
        self.seconds = time.perf_counter() - self.began

    def epoch_done(self, row: dict[str, Any], is_best: bool) -> None:
        if row["epoch"] > 1:
            tell(
                seconds=self.seconds, inside=self.inside.seconds, quality=row[self.metric],
                megabytes=peak_memory(),
            )  # fmt: skip


def peak_memory() -> float:
    """The most memory that this process has had, in megabytes; 0 where the system does not say.

    Linux' `getrusage` begins with that of the process that started this one, so the kernel's own account is read there.
    """
    account = Path("/proc/self/status")
    if account.is_file():
        lines = account.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def parts_of_steps() -> list[tuple[type, str]]:
    """What a step is there for: owners and names of methods."""
    optimizers = [SGD, Adam, NAdam, AdamW]
    if has_numba():
        from seqkit.training.compiled_update import CompiledAdam

        optimizers.append(CompiledAdam)
    for kind in optimizers:  # the first of a kind wraps its `step` in what torch does around it
        kind([torch.zeros(1)], lr=1.0)
    steps = ((kind, "step") for kind in optimizers if "step" in vars(kind))
    return [(Updater, "_learn"), (Updater, "_clip"), *steps]


def without_features(task: type) -> None:
    """Nothing is computed before training: a frozen backbone sees every picture in every epoch."""
    fit = task.fit

    def fit_without(*args: Any) -> Any:
        pipeline = fit(*args)
        pipeline.fixed_features = lambda *_: None
        type(pipeline).learns_stepwise = True  # so that torch has all threads for the backbone
        return pipeline

    task.fit = fit_without


def main() -> None:
    """Trains until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--settings", type=Path, required=True, help="JSON, section by section")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--quality", required=True, help="column of history.csv, such as dev_loss")
    parser.add_argument("--without-features", action="store_true", help="keep no picture features")
    parser.add_argument("--without-extra", action="store_true", help="as if numba were not there")
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text(encoding="utf-8"))
    training = {**settings["training"], "epochs": FOREVER, "patience": 0}
    if options.without_extra:
        sys.modules["numba"] = None  # type: ignore[assignment]
    inside = Stopwatch()
    for owner, name in parts_of_steps():
        inside.watch(owner, name)
    if options.without_features:
        without_features(type(get_task(options.task)))
    seqkit.train(
        options.task, out=options.out, config={**settings, "training": training},
        reporter=Paced(options.quality, inside),
    )  # fmt: skip


if __name__ == "__main__":
    main()
