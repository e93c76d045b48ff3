"""When a training writes a checkpoint, and what it says of the last one where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqkit.errors import RunError
from seqkit.run import CHECKPOINTS
from seqkit.settings import TrainingConfig
from seqkit.training.checkpoint import save_checkpoint


class Keeper:
    """Keeps checkpoints in a run folder.

    Args:
        folder: The run folder.
        config: How often one is due.
        writes: Whether this process writes them; of several that train together, one does.

    Attributes:
        saved: The step of the newest checkpoint, -1 where there is none.
    """

    def __init__(self, folder: Path, config: TrainingConfig, *, writes: bool) -> None:
        self.folder = folder
        self.config = config
        self.writes = writes
        self.saved = -1
        self._saved_at = time.perf_counter()

    def is_due(self, step: int) -> bool:
        """Whether the steps or minutes between two checkpoints are over."""
        steps, minutes = self.config.checkpoint_steps, self.config.checkpoint_minutes
        by_steps = steps > 0 and step % steps == 0
        return by_steps or 0 < 60 * minutes < time.perf_counter() - self._saved_at

    def save(self, step: int, snapshot: Callable[[], dict[str, Any]]) -> None:
        """Writes a checkpoint, unless that of the step is there.

        Args:
            step: Training steps done.
            snapshot: Gives all that changes while training; called by every process.

        Raises:
            RunError: if it cannot be written; it says what is kept.
        """
        if self.saved == step:
            return
        taken = snapshot()
        try:
            if self.writes:
                save_checkpoint(self.folder / CHECKPOINTS, step, taken)
        except RunError as error:
            raise RunError(f"{error} {self.kept()}") from error
        self.saved, self._saved_at = step, time.perf_counter()

    def kept(self) -> str:
        """What a training that ends now leaves, in words."""
        if self.saved < 0:
            return "Nothing of the training is kept."
        go_on = f"seqkit train --resume {self.folder}"
        return f"The training up to step {self.saved:,} is kept; go on with: {go_on}"
