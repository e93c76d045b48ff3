"""How a kernel that knows no lengths runs an LSTM over rows of unequal length, exactly.

Each direction reads its rows with the padding in front of them, and has one more input, which is 1 at padding. The
weight of that input closes the input gate, so that a cell that is zero at the start stays zero, and its state with it,
until the row begins. Final states then stand at the last step of every row, and outputs at padding are 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

CLOSED = -1e4
"""What the gate's argument gets at padding: its sigmoid is 0 in every precision."""


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
