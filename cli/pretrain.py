"""`seqkit pretrain`: trains the task whose runs others start from; `--model.pretrained RUN` then does so."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.errors import ConfigError
from seqkit.registry import get_task, task_names

from . import train


def run(argv: Sequence[str]) -> int:
    """Trains and returns the exit status."""
    names = [name for name in task_names() if get_task(name).pretrains]
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise ConfigError(f"One installed task must be for pretraining, found {found}; use train.")
    return train.run([names[0], *argv])
