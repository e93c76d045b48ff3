"""What torchrun or `accelerate launch` told this process when they started it. Torch-free."""

from __future__ import annotations

import os


def rank() -> int:
    """Number of this process among all that the command runs as, from 0; 0 where it runs alone."""
    return _number("RANK", 0)


def size() -> int:
    """Number of processes that the command runs as."""
    return _number("WORLD_SIZE", 1)


def local_rank() -> int:
    """Number of this process among those on its machine, from 0."""
    return _number("LOCAL_RANK", 0)


def local_size() -> int:
    """Number of processes on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1)


def may_restart() -> bool:
    """Whether torchrun starts all processes again when one has died (`--max-restarts`)."""
    return _number("TORCHELASTIC_MAX_RESTARTS", 0) > 0


def _number(name: str, default: int) -> int:
    """An environment variable that the launcher sets; the default where there is no launcher."""
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default
