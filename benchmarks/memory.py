"""Whether memory stays flat: many training steps and many predictions of a tiny model of each task.

    python benchmarks/memory.py [--steps 200000] [--predictions 1000000] [--tasks sentiment ner ...]

Prints the memory of the process over time. A run is flat if it ends within 2 % of what it took after the first 5 % of
its steps, or of its predictions; the exit status is 1 if one is not. Both numbers are shared among the tasks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401 - what a training loads after 20 seconds, for its curves, is no growth
from fuzz import resident

from seqkit.api import train_on
from seqkit.config import from_dict, merge
from seqkit.predictor import Predictor, load
from seqkit.registry import get_task
from seqkit.task import Splits
from seqkit.training.report import Reporter

EARLY, ALLOWED = 0.05, 0.02
"""Share of the work after which memory is measured first, and share by which it may have grown at the end."""

SETTINGS: dict[str, dict[str, Any]] = {
    "sentiment": {}, "language": {}, "translation": {"data": {"units": "word"}}, "ner": {"model": {"char_size": 8}},
}  # fmt: skip
SMALL = {"model": {"hidden_size": 8, "emb_size": 8},
         "training": {"patience": 0, "device": "cpu", "batch_size": 8, "checkpoint_steps": 5000}}  # fmt: skip
EXAMPLES, TIMES, BATCH = 400, 10, 8
"""Different examples, how often each stands in the training part (an epoch adds a row to the history that is kept), and
examples of a batch."""


class Gauge:
    """Memory over time.

    Args:
        name: What is measured.
        total: Units of work there will be.
    """

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.readings: list[float] = []
        self.began = time.perf_counter()

    def advance(self, amount: int = 1) -> None:
        """Counts work; memory is read twenty times in all."""
        self.done += amount
        while (len(self.readings) + 1) * EARLY * self.total <= self.done:
            self.readings.append(resident())

    def verdict(self) -> bool:
        """Prints all readings, and whether the last is near the first."""
        growth = self.readings[-1] / self.readings[0] - 1
        flat = growth <= ALLOWED
        shown = " ".join(f"{reading:.0f}" for reading in self.readings)
        seconds = time.perf_counter() - self.began
        print(f"{self.name}: {self.done:,} in {seconds:.0f} s; MB at each {EARLY:.0%}: {shown}; {growth:+.2%}: "
              f"{'flat' if flat else 'GROWN'}", flush=True)  # fmt: skip
        return flat


class StepReporter(Reporter):
    """Tells a gauge of every step."""

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge

    def batch_done(self, loss: float) -> None:
        self.gauge.advance()


def main() -> int:
    """Measures all tasks and returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--predictions", type=int, default=1_000_000)
    parser.add_argument("--tasks", nargs="+", default=[*SETTINGS], choices=[*SETTINGS])
    options = parser.parse_args()
    steps, predictions = (n // len(options.tasks) for n in (options.steps, options.predictions))
    flat = [measured(task, steps, predictions) for task in options.tasks]
    return 0 if all(flat) else 1


def measured(name: str, steps: int, predictions: int) -> bool:
    """Whether training and answering of one task keep memory flat."""
    task = get_task(name)
    epochs = max(1, steps // (EXAMPLES * TIMES // BATCH))
    config = from_dict(
        task.Config, merge(merge(SMALL, SETTINGS[name]), {"training": {"epochs": epochs}})
    )
    sample = task.read(config)
    examples = sample.train[:EXAMPLES]
    splits = Splits(examples * TIMES, sample.dev[:8], (), sample.source)
    gauge = Gauge(f"{name}, training steps", epochs * (len(splits.train) // BATCH))
    with tempfile.TemporaryDirectory() as folder:
        path = train_on(
            task, config, splits, out=Path(folder) / "run", reporter=StepReporter(gauge)
        ).path
        trained = gauge.verdict()
        predictor = load(path, device="cpu")
    inputs = [predictor.pipeline.raw_input(example) for example in examples]
    return answered(predictor, inputs, predictions) and trained


def answered(predictor: Predictor, inputs: list[Any], predictions: int) -> bool:
    """Whether a stream of answers keeps memory flat."""
    gauge = Gauge(f"{predictor.task.name}, predictions", predictions)
    for _ in predictor.stream(islice(cycle(inputs), predictions), batch_size=64):
        gauge.advance()
    return gauge.verdict()


if __name__ == "__main__":
    sys.exit(main())
