"""Averages of weights: over the steps while training goes on, and over its last epochs when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]

WARMUP = 10
"""Steps after which the decay may be as high as 1/2; the first average forgets the starting weights."""


class MovingAverage:
    """An exponential moving average of a network's parameters (Polyak & Juditsky 1992, doi 10.1137/0330046).

    Args:
        model: The network, whose parameters are averaged; its buffers are not.
        decay: Share of the old average that a step keeps (0 to 1), less in the first steps: (1 + step) / (10 + step).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.averages = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the parameters as a step has left them."""
        decay = min(self.decay, (1 + self.steps) / (WARMUP + self.steps))
        self.steps += 1
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            average.lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has the averages as its parameters as long as the context lasts."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, Any]:
        """What `set_state` takes."""
        return {"steps": self.steps, "averages": self.averages}

    @torch.no_grad()
    def set_state(self, state: dict[str, Any]) -> None:
        """Goes back to an earlier average."""
        self.steps = state["steps"]
        for average, value in zip(self.averages, state["averages"], strict=True):
            average.copy_(value)

    @torch.no_grad()
    def _swap(self) -> None:
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


def copied_state(model: nn.Module) -> State:
    """The network's weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def mean_state(states: Sequence[State]) -> State:
    """The mean of weights and buffers; what counts (integers) is taken from the last state.

    >>> mean_state([{"w": torch.tensor([1.0])}, {"w": torch.tensor([3.0])}])
    {'w': tensor([2.])}
    """
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in states[-1].items()
    }
