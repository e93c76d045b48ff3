"""A bound on the memory that building a network may take, where a stranger's settings say how large it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from seqkit.errors import RunError

SPARE = 1 << 22
"""Numbers that are allowed beside the weights, such as a blank picture."""

TIMES = 8
"""Times its weights that a network may take while it is built: starting values are drawn and thrown away."""

LEAST = 1024
"""What every tensor counts at least, since millions of small ones take long too."""


class Budget(TorchFunctionMode):
    """Within this context, no more tensors are made than a network of some weights needs.

    Settings that promise a network of terabytes would otherwise be found out only when memory has gone: weights of
    another shape are noticed after the network is built.

    Args:
        shapes: The weights' shapes by name.
        source: File that they are in, for people.

    Raises:
        RunError: at the first tensor that goes beyond.
    """

    def __init__(self, shapes: Mapping[str, torch.Size], source: str) -> None:
        super().__init__()
        self.room = TIMES * sum(math.prod(shape) for shape in shapes.values()) + SPARE
        self.source = source

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Counts the numbers of what `func` is about to make."""
        if func in _MAKERS:
            size = kwargs.get("size", args) if kwargs else args
            numbers = math.prod(_flat(size[:1] if func is torch.full else size))
            self.room -= max(LEAST, numbers)
            if self.room < 0:
                raise RunError(
                    f"{self.source}: the settings promise a far larger network than these weights are of; "
                    "were they replaced?"
                )
        return func(*args, **(kwargs or {}))


_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange}


def _flat(size: Any) -> list[int]:
    """A shape that was given as numbers or as a tuple of them."""
    parts = [
        part for item in size for part in (item if isinstance(item, (tuple, list)) else [item])
    ]
    return [int(part) for part in parts]
