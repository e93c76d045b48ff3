"""The states of every random number generator that a training may draw from."""

from __future__ import annotations

import random
from typing import Any

import numpy
import torch
from torch import Tensor


def random_states() -> dict[str, Any]:
    """What `set_random_states` takes: plain values."""
    version, numbers, gauss = random.getstate()
    _, keys, position, has_gauss, cached = numpy.random.get_state()
    states = {
        "python": [version, list(numbers), gauss],
        "numpy": [[int(key) for key in keys], position, has_gauss, cached],
        "torch": torch.get_rng_state().tolist(),
        "cuda": [state.tolist() for state in _cuda_states()],
    }
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state().tolist()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Sets every generator back to where it was; devices that are not here any more are left out."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    keys, position, has_gauss, cached = states["numpy"]
    numpy.random.set_state(("MT19937", keys, position, has_gauss, cached))
    torch.set_rng_state(_bytes(states["torch"]))
    for device, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(_bytes(state), device)
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(_bytes(states["mps"]))


def draw_apart(seed: int, rank: int) -> None:
    """Has a process draw other numbers (dropout) than the first one, which goes on as it is."""
    if rank:
        random.seed(f"{seed} {rank}")
        torch.manual_seed(random.getrandbits(63))


def _cuda_states() -> list[Tensor]:
    """Of every device; none where CUDA is not in use, which to ask would start."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if in_use else []


def _bytes(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8)
