"""How much of a gradient reaches the steps far back: measured, not assumed.

For a layer with states h_1 ... h_T, the gradient that arrives at the last step is sent back through the recurrence
alone, and its norm is taken at every step: what is left of it k steps back is the product of k Jacobians (Hochreiter
1991; Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, section 2). Beside it stands the whole gradient of the loss
in each state, which also has what pooling, attention or a loss at every step bring there directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqkit.diagnosis.saturation import Saturation
from seqkit.diagnosis.tracks import Track, Tracks, spectral_radius, tracking
from seqkit.pipeline import Pipeline

FEWEST = 0.25
"""Share of the rows that a distance needs to count; only long rows reach far."""
TINY = 1e-30
"""Norms below this share of the last step's are rounding."""


@dataclass(frozen=True)
class Flow:
    """One direction of one layer.

    Attributes:
        layer: Its name in the network, its number and direction.
        cell: Its cell.
        carried: Share of the last step's gradient that the recurrence carries k steps back, for k = 0, 1, ...;
            geometric mean over rows.
        total: Norm of the loss's whole gradient in the state k steps back, as a share of the last step's.
        rate: Factor a step, fitted to `carried`; 1 keeps the gradient as it is.
        radii: Spectral radius of each block of `weight_hh`, by gate; `state` where the cell has none.
        saturation: Shares of values at their (low, high) end, by gate.
    """

    layer: str
    cell: str
    carried: list[float]
    total: list[float]
    rate: float
    radii: dict[str, float]
    saturation: dict[str, tuple[float, float]]


BLOCKS = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
}
"""Names of the blocks of `weight_hh`."""


def gradient_flow(pipeline: Pipeline[Any, Any, Any], batches: Iterable[Any]) -> list[Flow]:
    """The flow in every recurrent layer, in the order in which they are first used.

    The network is in evaluation mode meanwhile; its weights, gradients and random states stay as they are.

    Args:
        pipeline: The network and its loss.
        batches: Labelled items as the pipeline collates them, on the network's device.
    """
    training = pipeline.model.training
    pipeline.model.eval()
    measured: dict[str, _Measured] = {}
    try:
        for batch in batches:
            with torch.enable_grad(), tracking(pipeline.model) as tracks:
                loss, _ = pipeline.loss(batch)
            _measure(loss, tracks, measured)
    finally:
        pipeline.model.train(training)
    return [found.flow(name) for name, found in measured.items()]


class _Measured:
    """Sums over batches for one track."""

    def __init__(self, track: Track) -> None:
        self.cell, self.weight_hh = track.cell, track.weight_hh
        self.saturation = Saturation()
        self.carried: list[Tensor] = []  # log norms [rows, steps back], nan where a row is shorter
        self.total: list[Tensor] = []

    def take(self, track: Track, carried: Tensor, total: Tensor) -> None:
        self.carried.append(carried)
        self.total.append(total)
        self.saturation.add(track.saturation)

    def flow(self, name: str) -> Flow:
        carried, total = _mean(self.carried), _mean(self.total)
        blocks = self.weight_hh.chunk(self.cell.num_gates)
        names = BLOCKS.get(self.cell.name, ("state",))
        radii = {n: spectral_radius(b) for n, b in zip(names, blocks, strict=True)}
        return Flow(
            name, self.cell.name, carried.exp().tolist(), total.exp().tolist(), fitted_rate(carried),
            radii, self.saturation.shares(),
        )  # fmt: skip


def _measure(loss: Tensor, tracks: Tracks, measured: dict[str, _Measured]) -> None:
    """Adds what one batch's loss says."""
    for name, track in tracks.items():
        real = torch.stack(track.real)  # [steps, batch]
        whole = _gradients(loss, track.states)  # [steps, batch, hidden]
        norms = whole.norm(dim=-1)
        last = _last(real & (norms > 0))
        rows = (last >= 0).nonzero().squeeze(1)
        if not len(rows):
            continue
        at = last[rows]
        seeds = whole[at, rows]
        ends = torch.stack(track.states)[at, rows]
        arriving = (ends * seeds / seeds.norm(dim=-1, keepdim=True)).sum()
        carried = _gradients(arriving, track.states).norm(dim=-1)
        measured.setdefault(name, _Measured(track)).take(
            track, _by_distance(carried, rows, at, real), _by_distance(norms, rows, at, real)
        )


def _gradients(value: Tensor, states: list[Tensor]) -> Tensor:
    """Of a number, in every state: float [steps, batch, hidden]."""
    found = torch.autograd.grad(value, states, retain_graph=True, allow_unused=True)
    return torch.stack(
        [torch.zeros_like(s) if g is None else g for g, s in zip(found, states, strict=True)]
    ).detach()


def _last(where: Tensor) -> Tensor:
    """The last step of each row that is True, int64 [batch], -1 where none is; from bool [steps, batch]."""
    steps = torch.arange(len(where), device=where.device).unsqueeze(1)
    return torch.where(where, steps, -1).amax(dim=0)


def _by_distance(norms: Tensor, rows: Tensor, last: Tensor, real: Tensor) -> Tensor:
    """Logarithms of norms [steps, batch] by steps back from the last, over that one's, float [rows, steps]; nan where
    a row has no such step."""
    back = torch.arange(len(norms), device=norms.device)
    at = last.unsqueeze(1) - back  # [rows, steps]
    found = norms[at.clamp(min=0), rows.unsqueeze(1)]
    there = (at >= 0) & real[at.clamp(min=0), rows.unsqueeze(1)]
    shares = (found / found[:, :1]).clamp(min=TINY).log()
    return torch.where(there, shares, torch.nan).cpu()


def _mean(parts: list[Tensor]) -> Tensor:
    """Mean of [rows, steps] over rows, as far back as enough rows reach."""
    longest = max(part.size(1) for part in parts)
    padded = [
        torch.nn.functional.pad(part, (0, longest - part.size(1)), value=torch.nan)
        for part in parts
    ]
    rows = torch.cat(padded)
    reach = int(((~rows.isnan()).float().mean(dim=0) >= FEWEST).sum())
    return rows[:, :reach].nanmean(dim=0)


def fitted_rate(carried: Tensor) -> float:
    """Factor a step of log norms [steps back], by least squares over the farther three quarters, where the direction
    of the gradient has settled; those that are rounding are left out.

    >>> round(fitted_rate(torch.arange(20) * torch.tensor(0.5).log()), 6)
    0.5
    """
    floor = torch.tensor(TINY).log() + 1
    known = carried[: int((carried > floor).sum())].double()
    first = len(known) // 4
    known = known[first:]
    if len(known) < 2:
        return 1.0 if len(carried) < 2 else float(carried[1].exp())
    steps = torch.arange(len(known), dtype=torch.float64)
    centred = steps - steps.mean()
    return float((centred @ known / (centred @ centred)).exp())
