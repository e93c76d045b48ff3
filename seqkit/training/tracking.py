"""Loss, scores and the rest of an epoch's row for TensorBoard, where it is installed and asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.errors import ConfigError


class Tracker:
    """Writes TensorBoard's files.

    Args:
        folder: Where to; `tensorboard --logdir` reads them there, of several runs side by side from the folder above.

    Raises:
        ConfigError: if TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "`training.tensorboard` needs TensorBoard, which is not installed: pip install tensorboard."
            ) from error
        self._writer: Any = SummaryWriter(str(folder))

    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """Adds the numbers of one epoch, by its step."""
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()
