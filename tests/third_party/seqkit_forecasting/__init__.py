"""Forecasting as a seqkit task: numbers -> the next number. No torch here, so that `--help` answers at once."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.config import Faults
from seqkit.data.readers import read_table
from seqkit.data.splits import split_files
from seqkit.errors import DataError
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig
from seqkit.task import Splits, Task

if TYPE_CHECKING:
    from .pipeline import ForecastingPipeline


@dataclass(frozen=True)
class ForecastingData(DataConfig):
    """Where the series comes from."""

    column: str = "value"
    """Column of the table that holds the numbers, oldest first."""
    window: int = 24
    """Numbers that the network reads before it names the next."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "window", 2, "numbers")
        return faults


@dataclass(frozen=True)
class ForecastingConfig:
    """Sections of settings: each `section.field` is a flag, a key in YAML and a keyword of `seqkit.train`."""

    data: ForecastingData = field(default_factory=ForecastingData)
    model: CoreConfig = field(default_factory=lambda: CoreConfig(hidden_size=32, dropout=0.0))
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(lr=5e-3))


@dataclass(frozen=True)
class Window:
    """Numbers in a row, and the one that came next where it is known."""

    values: list[float]
    target: float = math.nan


class ForecastingTask(Task[ForecastingConfig, Window]):
    """Many-to-one over real values."""

    name = "forecasting"
    shape = "many-to-one"
    summary = "numbers -> the next number"
    metric = "r2"
    example = "0.0 0.7 1.0 0.7 0.0 -0.7 -1.0 -0.7 0.0 0.7 1.0 0.7"
    Config = ForecastingConfig

    def read(self, config: ForecastingConfig) -> Splits[Window]:
        """Tables with a column of numbers; else the built-in sample."""
        data = config.data
        files = split_files(data, (".csv", ".tsv", ".jsonl"))
        series = {name: read_series(file, data.column) for name, file in files.items()}
        windows = {name: cut(s, data.window) for name, s in (series or sample()).items()}
        notes = []
        if "train" in windows and "dev" not in windows:  # not drawn at random: time must not leak
            count = max(1, round(len(windows["train"]) * data.dev_fraction))
            windows["train"], windows["dev"] = windows["train"][:-count], windows["train"][-count:]
            notes.append(f"No dev data: the latest {count} windows choose the best epoch.")
        source = ", ".join(map(str, files.values())) or "built-in sample"
        return Splits(**windows, source=source, notes=notes)

    def fit(
        self, config: ForecastingConfig, train: Sequence[Window], others: Sequence[Window] = ()
    ) -> ForecastingPipeline:
        """A pipeline that knows the mean and spread of the training series."""
        from .pipeline import ForecastingPipeline

        values = [window.target for window in train]
        spread = statistics.pstdev(values) or 1.0
        return ForecastingPipeline(config, statistics.fmean(values), spread)

    def load(self, config: ForecastingConfig, folder: Path) -> ForecastingPipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import ForecastingPipeline

        scale = json.loads((folder / "scale.json").read_text(encoding="utf-8"))
        return ForecastingPipeline(config, scale["mean"], scale["std"])


def numbers(parts: Iterable[Any], source: str) -> list[float]:
    """The parts as finite numbers."""
    values = []
    for place, part in enumerate(parts, start=1):
        try:
            values.append(float(part))
        except (TypeError, ValueError):
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            raise DataError(f"{source}: value {place} must be a number, got {part!r}.")
    return values


def read_series(path: Path, column: str) -> list[float]:
    """One column of a table."""
    return numbers((row[column] for row in read_table(path, (column,))), f"{path}, {column}")


def cut(series: Sequence[float], size: int) -> list[Window]:
    """Every window of that many numbers, with the number after it."""
    if len(series) < size + 2:
        raise DataError(f"`data.window` {size} needs {size + 2} numbers, got {len(series)}.")
    return [Window(list(series[i : i + size]), series[i + size]) for i in range(len(series) - size)]


def sample() -> dict[str, list[float]]:
    """A sine whose frequency swings between 0.3 and 1.3 radians a step, with noise; always the same."""
    rng, phase, series = random.Random(0), 0.0, []
    for step in range(2400):
        phase += 0.8 + 0.5 * math.sin(step / 60)
        series.append(math.sin(phase) + rng.gauss(0, 0.1))
    return {"train": series[:1600], "dev": series[1600:1900], "test": series[1900:]}
