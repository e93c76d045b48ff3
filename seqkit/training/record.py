"""What a training leaves for people to look at, after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.curves import Curves
from seqkit.run import CURVES, TENSORBOARD, write_history
from seqkit.training.tracking import Tracker


class Record:
    """Writes `history.csv`, the curves and TensorBoard's files.

    Args:
        folder: The run folder.
        metric: The score that chooses the best epoch.
        tensorboard: Whether to write for TensorBoard too.

    Raises:
        ConfigError: if TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, metric: str, *, tensorboard: bool) -> None:
        self.folder = folder
        self.curves = Curves(metric, folder / CURVES)
        self.tracker = Tracker(folder / TENSORBOARD) if tensorboard else None

    def epoch_done(self, history: Sequence[Mapping[str, Any]], best_epoch: int) -> None:
        """Writes what the epochs so far were, a row for each."""
        write_history(self.folder, history)
        self.curves.epoch_done(history, best_epoch)
        if self.tracker is not None:
            self.tracker.epoch_done(history[-1])
