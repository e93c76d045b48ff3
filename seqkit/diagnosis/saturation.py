"""How much of a layer is stuck: gates that are shut or wide open, tanh units at their ends, rectifiers at zero."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqkit.nn.observed import SeenStep

EDGE = 0.01
"""A gate within this of 0 or 1 hardly learns: the slope of its sigmoid is a twenty-fifth of its largest, or less."""

GATES = {
    "lstm": (("input", 0), ("forget", 1), ("output", 3)),
    "gru": (("reset", 0), ("update", 1)),
}
"""Gates of each cell, and which block of the weights is theirs."""


@dataclass
class Saturation:
    """Shares of gates and units, over all real steps so far.

    Attributes:
        counts: How many values are low and how many are high, by gate; `unit` stands for the state of a cell without
            gates: within 0.01 of -1 or 1 for tanh, 0 for a rectifier (low).
        values: How many there were.
    """

    counts: dict[str, Tensor] = field(default_factory=lambda: defaultdict(lambda: torch.zeros(2)))
    values: int = 0

    @torch.no_grad()
    def take(self, step: SeenStep) -> None:
        """Counts a step."""
        for name, values in _activations(step).items():
            edge = torch.stack([values <= EDGE, values >= 1 - EDGE]).flatten(1)
            self.counts[name] += edge.sum(dim=1).cpu()
        self.values += int(step.real.sum()) * step.after[0].size(1)

    def add(self, other: Saturation) -> None:
        """Counts what another has counted."""
        for name, counts in other.counts.items():
            self.counts[name] += counts
        self.values += other.values

    def shares(self) -> dict[str, tuple[float, float]]:
        """(low, high) of each gate, between 0 and 1."""
        total = max(1, self.values)
        return {
            n: (float(low) / total, float(high) / total) for n, (low, high) in self.counts.items()
        }


def _activations(step: SeenStep) -> dict[str, Tensor]:
    """What is held against its ends, 0 and 1, float [real rows, hidden]."""
    gates = GATES.get(step.cell.name)
    if gates is None:
        state = step.after[0][step.real]
        return {"unit": (state + 1) / 2 if step.cell.name == "rnn_tanh" else state.clamp(max=0.5)}
    w_ih, w_hh, b_ih, b_hh = step.weights
    inputs, hidden = step.inputs[step.real], step.before[0][step.real]
    blocks = (inputs @ w_ih.T + b_ih + hidden @ w_hh.T + b_hh).chunk(step.cell.num_gates, dim=1)
    return {name: blocks[at].sigmoid() for name, at in gates}
