"""Where a training stands. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqkit.pipeline import Scores

if TYPE_CHECKING:
    from seqkit.training.update import Step


@dataclass
class Epoch:
    """How far an epoch has come.

    Attributes:
        updates: Steps done, those left out for a fault included.
        faults: Steps left out.
        loss: Sum of the training loss in nats.
        units: Number of units it is summed over.
        norm: Sum of the gradient's norms before clipping.
        largest_norm: The largest of them.
        clipped: Steps whose gradient was clipped.
        real: Steps of the sequences that were read.
        padded: The same with padding.
        seconds: Time it took so far.
    """

    updates: int = 0
    faults: int = 0
    loss: float = 0.0
    units: int = 0
    norm: float = 0.0
    largest_norm: float = 0.0
    clipped: int = 0
    real: int = 0
    padded: int = 0
    seconds: float = 0.0

    def take(self, step: Step, limit: float) -> None:
        """Counts a step, whose gradient was clipped where its norm is above the limit."""
        self.updates += 1
        self.loss += step.loss
        self.units += step.units
        self.norm += step.norm
        self.largest_norm = max(self.largest_norm, step.norm)
        self.clipped += step.norm > limit
        self.real += step.real
        self.padded += step.padded

    def summary(self) -> dict[str, float]:
        """Means over its steps and the units they were made on, for its row of history."""
        steps = max(1, self.updates - self.faults)
        return {
            "train_loss": self.loss / max(1, self.units),
            "gradient_norm": self.norm / steps,
            "largest_norm": self.largest_norm,
            "clipped": self.clipped / steps,
            "padding": 1 - self.real / self.padded if self.padded else 0.0,
            "units": self.units,
        }


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
        epoch: Epochs done.
        step: Steps done.
        best: Best dev score so far.
        best_epoch: The epoch of that score.
        stale: Epochs since then.
        history: A row for each epoch.
        best_scores: Scores of the best epoch.
        faults: Steps in a row that were left out for a fault.
        usual_norm: Moving average of the gradient's norm.
        spike: The first step whose gradient was far above that; 0 before.
        current: The epoch that is under way.
    """

    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_scores: Scores | None = None
    faults: int = 0
    usual_norm: float = 0.0
    spike: int = 0
    current: Epoch = field(default_factory=Epoch)

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainingState:
        """From the values that `dataclasses.asdict` makes of one."""
        scores, current = values["best_scores"], Epoch(**values["current"])
        return cls(**{**values, "best_scores": scores and Scores(**scores), "current": current})

    @property
    def training_seconds(self) -> float:
        """Time that the steps took, without that of scoring."""
        return sum((row["train_seconds"] for row in self.history), self.current.seconds)

    @property
    def seconds(self) -> float:
        """Time that the epochs took, those before an interruption included."""
        return sum((row["seconds"] for row in self.history), self.current.seconds)
