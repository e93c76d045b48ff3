"""Trains a task of seqkit, an epoch whenever it is asked to; the first one warms up.

An epoch's time is that of its steps and its checkpoint; the quality is its score on the dev split.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from talking import asked, tell

import seqkit
from seqkit.registry import get_task
from seqkit.training.report import Reporter


class Paced(Reporter):
    """Lets an epoch begin when it is asked for, and tells its time and score."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.began = self.seconds = 0.0
        self.parameters = 0

    def started(self, facts: dict[str, Any]) -> None:
        self.parameters = facts["parameters"]

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        if epoch == 2:
            tell(version=seqkit.__version__, parameters=self.parameters)
        if epoch > 1 and not asked():
            raise SystemExit
        self.began = time.perf_counter()

    def scoring(self, what: str) -> None:
        self.seconds = time.perf_counter() - self.began

    def epoch_done(self, row: dict[str, Any], is_best: bool) -> None:
        if row["epoch"] > 1:
            tell(seconds=self.seconds, quality=row[self.metric])


def main() -> None:
    """Trains until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--settings", type=Path, required=True, help="JSON, section by section")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--epochs", type=int, required=True, help="one more than are asked for")
    parser.add_argument("--quality", required=True, help="column of history.csv, such as dev_loss")
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text(encoding="utf-8"))
    training = {**settings["training"], "epochs": options.epochs, "patience": 0}
    seqkit.train(
        get_task(options.task).name, out=options.out, config={**settings, "training": training},
        reporter=Paced(options.quality),
    )  # fmt: skip


if __name__ == "__main__":
    main()
