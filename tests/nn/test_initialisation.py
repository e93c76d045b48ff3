"""Starting weights: what each scheme promises of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from seqkit.nn.cells import CELLS
from seqkit.nn.initialisation import initialise_embedding, initialise_linear
from seqkit.nn.recurrent import Recurrent

INPUT, HIDDEN = 6, 8
every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(autouse=True)
def _same_weights_each_time() -> None:
    torch.manual_seed(0)


def gates(layer: Recurrent, start: str) -> list[Tensor]:
    """The blocks, one a gate, of every weight whose name begins so."""
    named = [weight for name, weight in layer.named_parameters() if name.startswith(start)]
    assert len(named) == layer.num_layers * layer.num_directions
    return [block for weight in named for block in weight.detach().split(HIDDEN)]


def is_identity(weight: Tensor) -> bool:
    return torch.allclose(weight, torch.eye(len(weight)), atol=1e-5)


@every_cell
def test_keras_makes_each_gates_recurrence_orthogonal(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, 2, bidirectional=True, init="keras")
    blocks = gates(layer, "weight_hh")
    assert all(is_identity(block @ block.T) and not is_identity(block) for block in blocks)
    assert not torch.equal(blocks[0], blocks[-1])


@every_cell
def test_identity_makes_each_gates_recurrence_the_identity(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, 2, init="identity")
    assert all(is_identity(block) for block in gates(layer, "weight_hh"))


@every_cell
def test_auto_is_the_identity_for_the_rectifier_and_orthogonal_for_the_rest(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN)
    for block in gates(layer, "weight_hh"):
        assert is_identity(block @ block.T)
        assert is_identity(block) == (cell == "rnn_relu")


@every_cell
@pytest.mark.parametrize("init", ["keras", "identity"])
def test_input_weights_fill_glorots_interval_gate_by_gate(cell: str, init: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, init=init)
    bound = math.sqrt(6 / (INPUT + HIDDEN))
    for block in gates(layer, "weight_ih"):
        assert 0.7 * bound < block.abs().max() <= bound


@every_cell
@pytest.mark.parametrize("init", ["keras", "identity"])
def test_biases_are_0_but_for_the_forget_gate_of_an_lstm(cell: str, init: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, 2, bidirectional=True, init=init)
    assert not any(block.any() for block in gates(layer, "bias_hh"))
    for index, block in enumerate(gates(layer, "bias_ih")):
        forget = cell == "lstm" and index % 4 == 1
        assert torch.equal(block, torch.full((HIDDEN,), float(forget)))


@every_cell
def test_the_scheme_torch_fills_torchs_interval(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, 2, init="torch")
    bound = 1 / math.sqrt(HIDDEN)
    for _, weight in layer.named_parameters():
        assert 0.3 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("init", ["auto", "torch"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_chrono_gates_remember_for_all_times_up_to_the_longest(cell: str, init: str) -> None:
    layer = Recurrent(cell, INPUT, 500, init=init, chrono_steps=101)
    admitting, keeping, *others = layer.bias_ih_l0.detach().split(500)
    times = keeping.exp()
    assert 1 <= times.min() < 5 and 95 < times.max() <= 100
    assert times.mean() == pytest.approx(50, abs=5)  # uniform
    assert (torch.equal(admitting, -keeping)) == (cell == "lstm")
    if init == "auto":
        assert all(not other.any() for other in others)


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu"])
def test_plain_cells_have_no_gates_to_spread(cell: str) -> None:
    assert not Recurrent(cell, INPUT, HIDDEN, chrono_steps=50).bias_ih_l0.any()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_signal_of_fifty_steps_ago_is_there_with_chrono_gates(cell: str) -> None:
    def reaching(**options: int) -> float:
        torch.manual_seed(1)
        layer = Recurrent(cell, INPUT, 64, **options)
        inputs = torch.randn(8, 50, INPUT, requires_grad=True)
        layer(inputs)[0][:, -1].sum().backward()
        assert inputs.grad is not None
        return float(inputs.grad[:, 0].norm() / inputs.grad[:, -1].norm())

    assert reaching(chrono_steps=50) > 0.03 > reaching()


def test_an_orthogonal_recurrence_keeps_the_length_of_a_signal() -> None:
    weight = Recurrent("rnn_tanh", INPUT, HIDDEN).weight_hh_l0.detach().double()
    signal = torch.randn(HIDDEN, dtype=torch.float64)
    after = torch.linalg.matrix_power(weight, 200) @ signal
    assert after.norm().item() == pytest.approx(signal.norm().item(), rel=1e-3)


@pytest.mark.parametrize(("scheme", "std"), [("keras", 0.1 / math.sqrt(12)), ("torch", 1.0),
                                             ("auto", 0.1), ("identity", 0.1)])  # fmt: skip
def test_word_vectors_have_the_spread_of_their_scheme_and_padding_is_0(
    scheme: str, std: float
) -> None:
    weight = nn.Embedding(500, 64).weight
    initialise_embedding(weight, scheme, pad_idx=3)
    assert not weight[3].any()
    assert weight[4:].std().item() == pytest.approx(std, rel=0.05)
    if scheme == "keras":
        assert weight.abs().max() <= 0.05


def test_a_linear_layer_starts_in_glorots_interval_without_bias() -> None:
    layer = nn.Linear(30, 20)
    initialise_linear(layer, "auto")
    bound = math.sqrt(6 / 50)
    assert 0.9 * bound < layer.weight.abs().max() <= bound
    assert not layer.bias.any()


def test_a_linear_layer_keeps_torchs_start_when_asked_to() -> None:
    layer = nn.Linear(30, 20)
    before = layer.weight.clone(), layer.bias.clone()
    initialise_linear(layer, "torch")
    assert torch.equal(layer.weight, before[0]) and torch.equal(layer.bias, before[1])
