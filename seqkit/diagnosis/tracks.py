"""The states of every recurrent layer of a network while a loss is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from seqkit.diagnosis.saturation import Saturation
from seqkit.nn.cells import Cell
from seqkit.nn.observed import SeenStep
from seqkit.nn.recurrent import Recurrent


@dataclass
class Track:
    """One direction of one layer, its steps in the order in which they were made.

    Attributes:
        cell: Its cell.
        weight_hh: Its recurrent weight, float [gates * hidden, hidden].
        states: What the cell remembers after each step, float [batch, hidden]: an LSTM's cell, otherwise its state.
        real: True where a step is no padding, bool [batch].
        saturation: How far its gates and units are at their ends.
    """

    cell: Cell
    weight_hh: Tensor
    states: list[Tensor] = field(default_factory=list)
    real: list[Tensor] = field(default_factory=list)
    saturation: Saturation = field(default_factory=Saturation)

    def take(self, step: SeenStep) -> None:
        """Adds a step."""
        self.states.append(step.after[-1])
        self.real.append(step.real)
        self.saturation.take(step)


Tracks = dict[str, Track]
"""By the layer's name in the network, its number and direction."""


@contextmanager
def tracking(model: nn.Module) -> Iterator[Tracks]:
    """Fills the yielded tracks by whatever the network computes in this context."""
    tracks: Tracks = {}
    layers = {name: part for name, part in model.named_modules() if isinstance(part, Recurrent)}
    for name, part in layers.items():
        part.observer = partial(_record, tracks, name, part.num_layers)
    try:
        yield tracks
    finally:
        for part in layers.values():
            part.observer = None


def _record(tracks: Tracks, name: str, num_layers: int, step: SeenStep) -> None:
    name = name.removesuffix(".layers")  # what encoders and decoders call theirs
    which = f"{name} {step.layer + 1}" if num_layers > 1 else name
    key = f"{which}, backwards" if step.backwards else which
    if key not in tracks:
        tracks[key] = Track(step.cell, step.weights[1].detach())
    tracks[key].take(step)


def spectral_radius(weight: Tensor) -> float:
    """The largest absolute eigenvalue of a square matrix, float [hidden, hidden]."""
    return float(torch.linalg.eigvals(weight.double().cpu()).abs().max())
