"""Recurrent layers by PyTorch's kernels (cuDNN, oneDNN or its native loop), over packed rows where lengths differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqkit.nn.cells import Cell, State


@dataclass(frozen=True)
class Fused:
    """What PyTorch's kernels are asked for.

    Attributes:
        cell: Kind of the cells.
        weights: [weight_ih, weight_hh, bias_ih, bias_hh] of each direction of each layer, one after the other.
        num_layers: Layers on top of each other.
        dropout: Share of values zeroed between them.
        bidirectional: Whether there are two directions.
    """

    cell: Cell
    weights: Sequence[Tensor]
    num_layers: int
    dropout: float
    bidirectional: bool

    def run(self, data: Tensor, batch_sizes: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Outputs and final state of padded rows, or of packed ones where `batch_sizes` is given."""
        initial: Any = (
            state[0] if self.cell.num_states == 1 else [part.contiguous() for part in state]
        )
        # cuDNN needs to know whether there will be a backward pass, which there may be in evaluation mode too.
        learning = torch.is_grad_enabled()
        common = (
            self.weights, True, self.num_layers, self.dropout, learning, self.bidirectional
        )  # fmt: skip
        if batch_sizes is None:
            output, *final = self.cell.sequence(data, initial, *common, True)
        else:
            output, *final = self.cell.sequence(data, batch_sizes, initial, *common)
        return output, tuple(final)


def run_packed(
    fused: Fused, lengths: Tensor | None, inputs: Tensor, state: State
) -> tuple[Tensor, State]:
    """Layers over a padded batch.

    Args:
        fused: The layers.
        lengths: Real steps of each row, int64 [batch] on the CPU; None where all are.
        inputs: float [batch, len, input_size], padding at the end of each row.
        state: Start, each float [num_layers * dirs, batch, hidden].

    Returns:
        Outputs, float [batch, len, dirs * hidden], 0 at padding; final state as `state`.
    """
    if lengths is None:
        return fused.run(inputs, None, state)
    if bool((lengths > 0).all()):
        return _run_rows(fused, lengths, inputs, state)
    outputs, final = _run_rows(fused, lengths.clamp(min=1), inputs, state)
    some = (lengths > 0).to(inputs.device)
    kept = tuple(
        torch.where(some.view(1, -1, 1), new, old) for new, old in zip(final, state, strict=True)
    )
    return outputs * some.view(-1, 1, 1), kept


def _run_rows(fused: Fused, lengths: Tensor, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """The same of rows that have a step at least."""
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    sorted_state = tuple(part.index_select(1, order) for part in state)
    data, final = fused.run(packed.data, packed.batch_sizes, sorted_state)
    ragged = PackedSequence(data, packed.batch_sizes, order, back)
    outputs, _ = pad_packed_sequence(ragged, batch_first=True, total_length=inputs.size(1))
    return outputs, tuple(part.index_select(1, back) for part in final)
