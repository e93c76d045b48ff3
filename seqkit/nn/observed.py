"""A recurrent layer step by step, for whoever wants to see each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqkit.nn.cells import Cell, State


@dataclass(frozen=True)
class SeenStep:
    """One step of one direction of a layer; all tensors belong to the graph of the computation.

    Attributes:
        cell: The layer's cell.
        layer: Which layer, counted from 0.
        backwards: Whether the step came from the side of a row's end.
        inputs: float [batch, input_size].
        before, after: States, each float [batch, hidden_size]; a row whose step is padding keeps its own.
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.
        real: True where the step is no padding, bool [batch].
    """

    cell: Cell
    layer: int
    backwards: bool
    inputs: Tensor
    before: State
    after: State
    weights: Sequence[Tensor]
    real: Tensor


Observer = Callable[[SeenStep], None]
"""Is told of every step."""


def run_observed(
    observer: Observer,
    cell: Cell,
    layer: int,
    inputs: Tensor,
    lengths: Tensor,
    state: State,
    weights: Sequence[Sequence[Tensor]],
) -> tuple[Tensor, State]:
    """One layer, in one or both directions.

    Args:
        observer: Who is told.
        cell: Its cell.
        layer: Its number, for the observer.
        inputs: float [batch, len, input_size].
        lengths: Real steps of each row, int64 [batch].
        state: Start, each float [num_directions, batch, hidden_size].
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` of each direction.

    Returns:
        Outputs, float [batch, len, num_directions * hidden_size], 0 at padding; final state as `state`.
    """
    max_len = inputs.size(1)
    real = torch.arange(max_len, device=inputs.device) < lengths.to(inputs.device).unsqueeze(1)
    outputs, finals = [], []
    for direction, own in enumerate(weights):
        now = tuple(part[direction] for part in state)
        order = range(max_len) if direction == 0 else range(max_len - 1, -1, -1)
        made = []
        for at in order:
            here = real[:, at]
            stepped = cell.step(inputs[:, at], now, own[0], own[1], own[2], own[3])
            before = now
            now = tuple(
                torch.where(here.unsqueeze(1), new, old)
                for new, old in zip(stepped, before, strict=True)
            )
            seen = SeenStep(cell, layer, direction == 1, inputs[:, at], before, now, own, here)
            observer(seen)
            made.append(now[0] * here.unsqueeze(1))
        outputs.append(torch.stack(made if direction == 0 else made[::-1], dim=1))
        finals.append(now)
    return torch.cat(outputs, dim=-1), tuple(
        torch.stack(parts) for parts in zip(*finals, strict=True)
    )
