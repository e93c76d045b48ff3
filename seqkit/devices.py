"""Which devices torch finds on this machine."""

from __future__ import annotations

import torch

from seqkit import launch
from seqkit.errors import ConfigError


def device_exists(name: str) -> bool:
    """Whether torch can compute on `cuda` or `mps` here; any other name (`cpu`, `auto`) always can."""
    if name == "cuda":
        return torch.cuda.is_available()
    return name != "mps" or torch.backends.mps.is_available()


def check_device_each(name: str) -> None:
    """Raises ConfigError unless each process on this machine can have such a device of its own."""
    found = {"cuda": torch.cuda.device_count(), "mps": 1}.get(name, launch.local_size())
    if found < launch.local_size():
        raise ConfigError(
            f"{launch.local_size()} processes on a machine with {found} devices of kind {name}: start as many "
            "processes as there are devices, or use device cpu."
        )
