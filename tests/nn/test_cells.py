"""Each cell's single step against its equations and against torch's own cells."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqkit.errors import UnknownNameError
from seqkit.nn.cells import CELLS, State, get_cell

BATCH, INPUT, HIDDEN = 3, 4, 5
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def textbook(name: str, x: Tensor, state: State, weights: Weights) -> State:
    """The update as the papers write it, gate by gate."""
    w_ih, w_hh, b_ih, b_hh = weights
    hidden = state[0]
    from_input, from_hidden = x @ w_ih.T + b_ih, hidden @ w_hh.T + b_hh
    if name == "rnn_tanh":
        return (torch.tanh(from_input + from_hidden),)
    if name == "rnn_relu":
        return (torch.relu(from_input + from_hidden),)
    if name == "lstm":
        i, f, g, o = (from_input + from_hidden).chunk(4, dim=1)
        cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell
    (r, z, n), (hr, hz, hn) = from_input.chunk(3, dim=1), from_hidden.chunk(3, dim=1)
    reset, update = (r + hr).sigmoid(), (z + hz).sigmoid()
    return ((1 - update) * (n + reset * hn).tanh() + update * hidden,)


def drawn(name: str) -> tuple[Tensor, State, Weights]:
    cell = get_cell(name)
    generator = torch.Generator().manual_seed(len(name))
    rows = cell.num_gates * HIDDEN
    shapes = [(rows, INPUT), (rows, HIDDEN), (rows,), (rows,)]
    shapes += [(BATCH, INPUT)] + [(BATCH, HIDDEN)] * cell.num_states
    tensors = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    for tensor in tensors:
        tensor.requires_grad_()
    w_ih, w_hh, b_ih, b_hh, x, *state = tensors
    return x, tuple(state), (w_ih, w_hh, b_ih, b_hh)


@pytest.mark.parametrize("name", CELLS)
def test_a_step_is_the_textbook_update_in_values_and_gradients(name: str) -> None:
    x, state, weights = drawn(name)
    got = get_cell(name).step(x, state, *weights)
    wanted = textbook(name, x, state, weights)
    assert len(got) == len(wanted) == get_cell(name).num_states
    leaves = (x, *state, *weights)
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
        grads = torch.autograd.grad(ours.sin().sum(), leaves, retain_graph=True, allow_unused=True)
        others = torch.autograd.grad(
            theirs.sin().sum(), leaves, retain_graph=True, allow_unused=True
        )
        for grad, other in zip(grads, others, strict=True):
            zero = torch.zeros(())
            torch.testing.assert_close(
                zero if grad is None else grad, zero if other is None else other, check_dtype=False
            )


@pytest.mark.parametrize("name", CELLS)
def test_the_gates_stand_in_the_order_of_torchs_cells(name: str) -> None:
    x, state, weights = drawn(name)
    kinds = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}
    if name in kinds:
        theirs = kinds[name](INPUT, HIDDEN).double()
    else:
        theirs = nn.RNNCell(INPUT, HIDDEN, nonlinearity=name.removeprefix("rnn_")).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    theirs.load_state_dict(dict(zip(names, weights, strict=True)))
    wanted = theirs(x, state if name == "lstm" else state[0])
    got = get_cell(name).step(x, state, *weights)
    for ours, other in zip(got, wanted if name == "lstm" else (wanted,), strict=True):
        torch.testing.assert_close(ours, other)


def test_an_unknown_cell_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown cell 'lstn'.*Did you mean 'lstm'\?"):
        get_cell("lstn")
