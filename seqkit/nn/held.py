"""How kernels that know no lengths run rows of unequal length on a GPU, exactly.

cuDNN takes packed rows step by step, two launches each, and padded rows in one. So every direction reads its rows with
the real steps first, those of the backward one in reverse, and what comes behind them is put right afterwards: outputs
there become 0, and the hidden state is taken from each row's last real step. An LSTM's cell is not among the outputs;
one more input, which is 1 at padding, closes its input gate and opens its forget gate, which holds the cell to the end.
A rectifier's state, which could grow without bounds there, becomes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqkit.nn.cells import Cell, State
from seqkit.nn.kernels import exact

SHUT = 1e4
"""What a gate's argument gets at padding: its sigmoid is 0 or 1 in every precision."""

AT_PADDING: dict[str, tuple[float, ...]] = {
    "LSTM": (-SHUT, SHUT, 0.0, 0.0),
    "RNN_RELU": (-SHUT,),
}
"""What is added to the argument of each gate at padding, for the cells that need it."""


@dataclass(frozen=True)
class Held:
    """Where the steps of a padded batch stand, on the device of its values.

    Attributes:
        padding: True at padding, bool [batch, len, 1].
        reverse: Place in the flat batch [batch * len] of what stands at each place when the real steps of every row
            are read backwards, int64 [batch * len]; padding stays.
        last: Place of each row's last real step, int64 [batch]; of its first step where it has none.
        empty: True at rows without a real step, bool [batch, 1]; None if there are none.
    """

    padding: Tensor
    reverse: Tensor
    last: Tensor
    empty: Tensor | None

    @classmethod
    def of(cls, lengths: Tensor, max_len: int, device: torch.device) -> Held:
        """The places for lengths int64 [batch] on the CPU, 0 to max_len.

        >>> Held.of(torch.tensor([3, 1]), 3, torch.device("cpu")).reverse.tolist()
        [2, 1, 0, 3, 4, 5]
        """
        steps, ends = torch.arange(max_len), lengths.unsqueeze(1)
        padding = steps >= ends
        rows = max_len * torch.arange(len(lengths)).unsqueeze(1)
        reverse = rows + torch.where(padding, steps, ends - 1 - steps)
        last = rows.squeeze(1) + (lengths - 1).clamp(min=0)
        empty = lengths == 0
        return cls(
            padding.unsqueeze(2).to(device),
            reverse.flatten().to(device),
            last.to(device),
            empty.unsqueeze(1).to(device) if bool(empty.any()) else None,
        )

    def reversed(self, rows: Tensor) -> Tensor:
        """The rows [batch, len, size] with their real steps from the last to the first."""
        return rows.flatten(0, 1).index_select(0, self.reverse).view_as(rows)

    def final(self, outputs: Tensor, start: Tensor) -> Tensor:
        """Each row's last output, or its start where it has no step, both [1, batch, hidden]."""
        last = outputs.flatten(0, 1).index_select(0, self.last)
        return (last if self.empty is None else torch.where(self.empty, start[0], last))[None]


def run_held(
    cell: Cell, held: Held, inputs: Tensor, state: State, weights: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, State]:
    """One layer over a padded batch, in full precision.

    Args:
        cell: Its kind.
        held: Where the steps of the batch stand.
        inputs: float [batch, len, input_size], padding at the end of each row.
        state: Start of each direction, each float [dirs, batch, hidden].
        weights: [weight_ih, weight_hh, bias_ih, bias_hh] of each direction.

    Returns:
        Outputs, float [batch, len, dirs * hidden], 0 at padding; final state as `state`.
    """
    dtype, added = weights[0][0].dtype, AT_PADDING.get(cell.mode)
    rows = inputs.to(dtype).masked_fill(held.padding, 0)
    if added is not None:
        rows = torch.cat([rows, held.padding.to(rows)], dim=2)
    outputs, finals = [], []
    for direction, (w_ih, *others) in enumerate(weights):
        if added is not None:
            w_ih = torch.cat([w_ih, _column(added, w_ih)], dim=1)
        start = [part[direction : direction + 1].to(dtype).contiguous() for part in state]
        initial = start if cell.num_states > 1 else start[0]
        learning = torch.is_grad_enabled()
        with exact(inputs.device):
            output, *final = cell.sequence(
                held.reversed(rows) if direction == 1 else rows, initial, _joined([w_ih, *others]),
                True, 1, 0.0, learning, False, True,
            )  # fmt: skip
        final[0] = held.final(output, start[0])
        output = output.masked_fill(held.padding, 0)
        outputs.append(held.reversed(output) if direction == 1 else output)
        finals.append(final)
    return torch.cat(outputs, dim=2), tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def _column(added: Sequence[float], w_ih: Tensor) -> Tensor:
    """The weight [gates * hidden, 1] of the input that is 1 at padding."""
    each = w_ih.new_tensor(added).unsqueeze(1)
    return each.expand(-1, w_ih.size(0) // len(added)).reshape(-1, 1)


def _joined(weights: Sequence[Tensor]) -> list[Tensor]:
    """The weights one behind the other in memory, as cuDNN wants them; it would copy them itself, with a warning."""
    chunk = torch.cat([weight.flatten() for weight in weights])
    parts = torch.split(chunk, [weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
