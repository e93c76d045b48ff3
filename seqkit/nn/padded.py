"""How a kernel that knows no lengths runs an LSTM over rows of unequal length, exactly.

Each direction reads its rows with the padding in front of them, and has one more input, which is 1 at padding. The
weight of that input closes the input gate, so that a cell that is zero at the start stays zero, and its state with it,
until the row begins. Final states then stand at the last step of every row, and outputs at padding are 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.nn.cells import Cell, State
from seqkit.nn.kernels import exact, lstm_dtype

CLOSED = -1e4
"""What the gate's argument gets at padding: its sigmoid is 0 in every precision."""


def run_padded(
    cell: Cell, lengths: Tensor, inputs: Tensor, state: State, weights: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, State]:
    """One LSTM layer over a padded batch, direction by direction.

    Args:
        cell: The LSTM.
        lengths: Real steps of each row, int64 [batch].
        inputs: float [batch, len, input_size], padding at the end of each row.
        state: Start of each direction, each float [dirs, batch, hidden], which is zero.
        weights: [weight_ih, weight_hh, bias_ih, bias_hh] of each direction.

    Returns:
        Outputs, float [batch, len, dirs * hidden], 0 at padding; final state as `state`.
    """
    lengths = lengths.to(inputs.device)
    dtype = lstm_dtype(inputs)
    outputs, finals = [], []
    for direction, (w_ih, *others) in enumerate(weights):
        back = direction == 1
        rows = padding_in_front(inputs.to(dtype), lengths, backwards=back)
        start = [part[direction : direction + 1].to(dtype) for part in state]
        prepared = [weight.to(dtype) for weight in (closing_weight(w_ih), *others)]
        with exact(inputs.device):
            output, *final = cell.sequence(
                rows, start, prepared, True, 1, 0.0, torch.is_grad_enabled(), False, True
            )
        outputs.append(padding_behind(output, lengths, backwards=back).to(w_ih.dtype))
        finals.append([part.to(w_ih.dtype) for part in final])
    return torch.cat(outputs, dim=2), tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def padding_in_front(inputs: Tensor, lengths: Tensor, *, backwards: bool) -> Tensor:
    """The rows as one direction reads them.

    Args:
        inputs: float [batch, len, size], padding at the end of each row.
        lengths: Real steps of each row, int64 [batch], on the same device.
        backwards: Whether rows are read from their last step to their first.

    Returns:
        float [batch, len, size + 1]; the last input is 1 at padding and 0 elsewhere.

    >>> padding_in_front(torch.tensor([[[5.0], [7.0], [0.0]]]), torch.tensor([2]), backwards=True).squeeze(0)
    tensor([[0., 1.],
            [7., 0.],
            [5., 0.]])
    """
    steps = torch.arange(inputs.size(1), device=inputs.device)
    padding = (steps >= lengths.unsqueeze(1)).unsqueeze(-1)  # [batch, len, 1]
    marked = torch.cat([inputs.masked_fill(padding, 0), padding.to(inputs)], dim=-1)
    return marked.flip(1) if backwards else _rolled(marked, inputs.size(1) - lengths)


def padding_behind(outputs: Tensor, lengths: Tensor, *, backwards: bool) -> Tensor:
    """The outputs of one direction, float [batch, len, size], in the order of the padded rows."""
    return outputs.flip(1) if backwards else _rolled(outputs, lengths)


def closing_weight(w_ih: Tensor) -> Tensor:
    """The LSTM's input weight [4 * hidden, size] with the additional input, [4 * hidden, size + 1]."""
    column = w_ih.new_zeros(w_ih.size(0), 1)
    column[: w_ih.size(0) // 4] = CLOSED  # the input gate comes first
    return torch.cat([w_ih, column], dim=1)


def _rolled(values: Tensor, shifts: Tensor) -> Tensor:
    """Each row [len, size] of [batch, len, size] moved on by its own number of steps, the end coming to the front."""
    batch, length, _ = values.shape
    steps = torch.arange(length, device=values.device)
    places = (steps - shifts.unsqueeze(1)) % length  # [batch, len]
    places = places + length * torch.arange(batch, device=values.device).unsqueeze(1)
    return values.flatten(0, 1).index_select(0, places.flatten()).view_as(values)
