"""Which devices torch finds on this machine."""

from __future__ import annotations

import torch


def device_exists(name: str) -> bool:
    """Whether torch can compute on `cuda` or `mps` here; any other name (`cpu`, `auto`) always can."""
    if name == "cuda":
        return torch.cuda.is_available()
    return name != "mps" or torch.backends.mps.is_available()
