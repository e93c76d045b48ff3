"""Forecasting at work: scale, encode, predict, score."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.data.batch import Batch, move, pad
from seqkit.errors import DataError
from seqkit.nn import Classifier, Encoder, Pooling
from seqkit.pipeline import Pipeline, Scores
from seqkit.prediction import Prediction

from . import ForecastingConfig, Window, numbers


@dataclass(frozen=True)
class WindowBatch:
    """Scaled windows, float [batch, len, 1], and what came next, float [batch]."""

    windows: Batch
    targets: Tensor

    def to(self, device: torch.device) -> WindowBatch:
        """The batch on that device."""
        return move(self, device)


class ForecastingPipeline(Pipeline[Window, Window, WindowBatch]):
    """Numbers -> scaled numbers -> encoder -> the next number."""

    def __init__(self, config: ForecastingConfig, mean: float, std: float) -> None:
        self.config, self.mean, self.std = config, mean, std
        model = config.model
        encoder = Encoder(
            model.cell, 1, model.hidden_size, model.num_layers,
            bidirectional=False, dropout=model.dropout, init=model.init, num_heads=model.num_heads,
        )  # fmt: skip
        pooling = Pooling("last", encoder.output_size)
        self.model = Classifier(nn.Identity(), encoder, pooling, 1, model.dropout, model.init)

    def save(self, folder: Path) -> None:
        scale = {"mean": self.mean, "std": self.std}
        (folder / "scale.json").write_text(json.dumps(scale), encoding="utf-8")

    def encode(self, example: Window) -> Window:
        return Window(self._scaled(example.values), *self._scaled([example.target]))

    def encode_input(self, raw: Any) -> Window:
        """A text of numbers between blanks or commas, or a list; the last `data.window` of them count."""
        parts = raw.replace(",", " ").split() if isinstance(raw, str) else raw
        values = numbers(parts if isinstance(parts, Iterable) else [parts], "input")
        if len(values) < 2:
            raise DataError(f"input: a forecast needs 2 numbers at least, got {raw!r}.")
        return Window(self._scaled(values[-self.config.data.window :]))

    def raw_input(self, example: Window) -> list[float]:
        return example.values

    def length(self, item: Window) -> int:
        return len(item.values)

    def collate(self, items: Sequence[Window]) -> WindowBatch:
        padded = pad([item.values for item in items])  # [batch, len]
        targets = torch.tensor([item.target for item in items])
        return WindowBatch(Batch(padded.values.unsqueeze(-1), padded.lengths), targets)

    def loss(self, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        error = nn.functional.mse_loss(self._outputs(batch), batch.targets, reduction="sum")
        return error, torch.tensor(len(batch.targets))

    def predict(self, items: Sequence[Window], batch: WindowBatch) -> list[Prediction]:
        values = (self._outputs(batch) * self.std + self.mean).tolist()
        return [Prediction(None, value, text=f"{value:.6g}") for value in values]

    def score(self, examples: Sequence[Window], predictions: Sequence[Prediction]) -> Scores:
        targets = [example.target for example in examples]
        pairs = zip(targets, predictions, strict=True)
        error = statistics.fmean((target - p.output) ** 2 for target, p in pairs)
        spread = statistics.pvariance(targets)
        scores = {"r2": 1 - error / spread if spread else 0.0, "rmse": math.sqrt(error)}
        return Scores(scores, f"R2 (0: no better than the mean) and RMSE of {len(targets)} values")

    def _scaled(self, values: Sequence[float]) -> list[float]:
        return [(value - self.mean) / self.std for value in values]

    def _outputs(self, batch: WindowBatch) -> Tensor:
        """The next numbers as the network sees them, scaled, float [batch]."""
        outputs: Tensor = self.model(batch.windows)[0]
        return outputs.squeeze(-1).float()
