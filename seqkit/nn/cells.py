"""The textbook cells by name, one step at a time; a layer runs them over a sequence (`recurrent.py`).

All of them update h_t = f(W_h h_{t-1} + W_x x_t + b); LSTM and GRU gate that update. Parameter names, layout
and gate order are PyTorch's: `weight_ih` [gates * hidden, input], gates i, f, g, o for LSTM and r, z, n for GRU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqkit.errors import UnknownNameError

State = tuple[Tensor, ...]
"""A cell's state: (hidden,) or, for LSTM, (hidden, cell)."""


@dataclass(frozen=True)
class Cell:
    """One kind of recurrence.

    Attributes:
        name: As in settings: `rnn_tanh`, `rnn_relu`, `lstm`, `gru`.
        mode: PyTorch's word for it.
        num_gates: Blocks of `hidden_size` rows in each weight.
        num_states: Tensors in the state.
        step: (input [batch, input], state, weight_ih, weight_hh, bias_ih, bias_hh) -> state.
        sequence: PyTorch's fused function over a whole sequence, packed or padded.
    """

    name: str
    mode: str
    num_gates: int
    num_states: int
    step: Callable[[Tensor, State, Tensor, Tensor, Tensor, Tensor], State]
    sequence: Callable[..., Any]


def tanh_step(
    inputs: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """Elman's recurrence with tanh (Elman 1990)."""
    return (torch.rnn_tanh_cell(inputs, state[0], w_ih, w_hh, b_ih, b_hh),)


def relu_step(
    inputs: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """Elman's recurrence with a rectifier; wants an identity recurrence (Le et al. 2015, arXiv 1504.00941)."""
    return (torch.rnn_relu_cell(inputs, state[0], w_ih, w_hh, b_ih, b_hh),)


def lstm_step(
    inputs: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """Long short-term memory with forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""
    return torch.lstm_cell(inputs, [state[0], state[1]], w_ih, w_hh, b_ih, b_hh)


def gru_step(
    inputs: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    """Gated recurrent unit, reset gate after the product, as cuDNN has it (Cho et al. 2014, arXiv 1406.1078)."""
    return (torch.gru_cell(inputs, state[0], w_ih, w_hh, b_ih, b_hh),)


CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell("rnn_tanh", "RNN_TANH", 1, 1, tanh_step, torch.rnn_tanh),
        Cell("rnn_relu", "RNN_RELU", 1, 1, relu_step, torch.rnn_relu),
        Cell("lstm", "LSTM", 4, 2, lstm_step, torch.lstm),
        Cell("gru", "GRU", 3, 1, gru_step, torch.gru),
    )
}


def get_cell(name: str) -> Cell:
    """The cell of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in CELLS:
        raise UnknownNameError("cell", name, CELLS)
    return CELLS[name]
