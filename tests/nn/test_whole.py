"""Whole numbers of 8 bits: what they hold exactly, what rounding costs, and that a row is a matter of its own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqkit.nn import Recurrent
from seqkit.nn.cells import CELLS
from seqkit.nn.trace import KnownInputs
from seqkit.nn.whole import Int8Linear, has_whole_products, has_words, rounded
from seqkit.nn.workers import set_workers

by_torch_and_machine_code = pytest.mark.parametrize("words", [False, True])
needs_words = pytest.mark.skipif(
    not has_words(), reason="machine code multiplies no whole numbers here"
)
every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(autouse=True)
def _who_multiplies(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has torch or machine code multiply in tests of both."""
    if "words" not in request.fixturenames:
        return
    words = request.getfixturevalue("words")
    if not (has_words() if words else has_whole_products()):
        pytest.skip("this processor, or what is installed, has no exact product of whole numbers")
    monkeypatch.setattr("seqkit.nn.whole.has_words", lambda: words)


@by_torch_and_machine_code
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_in_whole_numbers_is_close_to_the_layer_it_stands_for(
    bias: bool, words: bool
) -> None:
    torch.manual_seed(0)
    linear, inputs = nn.Linear(41, 30, bias=bias), torch.randn(2, 7, 41)
    with torch.no_grad():
        whole, exact = Int8Linear(linear)(inputs), linear(inputs)
    assert whole.shape == exact.shape
    torch.testing.assert_close(whole, exact, rtol=0, atol=0.02)
    assert not torch.equal(whole, exact)


@by_torch_and_machine_code
def test_what_whole_numbers_can_hold_is_computed_exactly(words: bool) -> None:
    linear = nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[127.0, 1.0, 0.0], [0.0, -2.0, 254.0]]))
        linear.bias.copy_(torch.tensor([0.5, 0.0]))
        outputs = Int8Linear(linear)(torch.tensor([[1.0, 127.0, 5.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(outputs, torch.tensor([[254.5, 1016.0], [0.5, 0.0]]))


@by_torch_and_machine_code
def test_a_row_in_whole_numbers_does_not_depend_on_the_others(words: bool) -> None:
    torch.manual_seed(0)
    layer, row = Int8Linear(nn.Linear(16, 8)), torch.randn(1, 16)
    with torch.no_grad():
        beside = layer(torch.cat([row, 1000 * torch.randn(3, 16)]))[:1]
        assert torch.equal(beside, layer(row))
        assert layer(row[:0]).shape == (0, 8)


@by_torch_and_machine_code
def test_what_is_no_number_stays_none(words: bool) -> None:
    linear, inputs = nn.Linear(4, 2), torch.ones(2, 4)
    inputs[1, 2] = torch.nan
    with torch.no_grad():
        linear.weight[1, 0] = torch.nan
        outputs = Int8Linear(linear)(inputs)
    assert outputs.isnan().tolist() == [[False, True], [True, True]]


def test_rounding_keeps_every_number_within_half_a_unit() -> None:
    rows = torch.randn(5, 20, generator=torch.Generator().manual_seed(1))
    whole, unit = rounded(rows)
    assert bool(((whole * unit - rows).abs() <= unit / 2 + 1e-7).all())


@needs_words
@pytest.mark.parametrize("rows", [1, 3, 4, 7, 16, 21, 40])
@pytest.mark.parametrize(("size", "to"), [(1, 1), (5, 33), (64, 32), (200, 100), (256, 7)])
def test_machine_code_multiplies_as_torch_does(rows: int, size: int, to: int) -> None:
    from seqkit.nn import compiled_whole

    torch.manual_seed(rows)
    inputs, weight, bias = torch.randn(rows, size), torch.randn(to, size), torch.randn(to)
    (whole, unit), (weights, units) = rounded(inputs), rounded(weight)
    exact = whole.double() @ weights.double().T * unit.double() * units.T.double() + bias
    found = compiled_whole.linear(inputs, compiled_whole.pieces(weight), bias)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


@needs_words
def test_parts_of_an_input_may_be_of_different_sizes() -> None:
    from seqkit.nn import compiled_whole

    torch.manual_seed(0)
    weight, inputs = torch.randn(8, 600), torch.randn(5, 600)
    inputs[:, :256] *= 1000
    weight[:, :256] = 0
    found = compiled_whole.linear(inputs, compiled_whole.pieces(weight), torch.zeros(8))
    torch.testing.assert_close(found, inputs @ weight.T, rtol=0, atol=1.0)


def layers(cell: str, **options: int | bool) -> tuple[Recurrent, Recurrent]:
    """Layers, and the same in whole numbers."""
    torch.manual_seed(0)
    exact = Recurrent(cell, 5, 33, num_layers=2, **options).eval()  # type: ignore[arg-type]
    whole = Recurrent(cell, 5, 33, num_layers=2, **options).eval()  # type: ignore[arg-type]
    whole.load_state_dict(exact.state_dict())
    whole.to_whole_numbers()
    return exact, whole


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(21, 9, 5), torch.randint(0, 10, (21,))


@needs_words
@every_cell
@torch.no_grad()
def test_layers_in_whole_numbers_are_close_to_those_they_stand_for(cell: str) -> None:
    exact, whole = layers(cell, bidirectional=True)
    inputs, lengths = batch()
    (outputs, final), (wanted, wanted_final) = whole(inputs, lengths), exact(inputs, lengths)
    for found, right in zip((outputs, *final), (wanted, *wanted_final), strict=True):
        large = max(1.0, float(right.abs().max()))
        torch.testing.assert_close(found, right, rtol=0, atol=0.05 * large)
        assert not torch.equal(found, right)
    padding = torch.arange(9) >= lengths.unsqueeze(1)
    assert not outputs[padding].any()


@needs_words
@every_cell
@torch.no_grad()
def test_rows_in_whole_numbers_depend_on_no_others_and_on_no_threads(cell: str) -> None:
    _, whole = layers(cell, bidirectional=True)
    inputs, lengths = batch()
    outputs, _ = whole(inputs, lengths)
    assert torch.equal(whole(inputs[4:9], lengths[4:9])[0], outputs[4:9])
    set_workers(3)
    assert torch.equal(whole(inputs, lengths)[0], outputs)


@needs_words
@every_cell
@torch.no_grad()
def test_a_step_in_whole_numbers_is_that_of_a_sequence(cell: str) -> None:
    _, whole = layers(cell)
    inputs, _ = batch()
    outputs, final = whole(inputs)
    state = whole.zero_state(len(inputs), inputs)
    for index in range(inputs.size(1)):
        output, state = whole.step(inputs[:, index], state)
        assert torch.equal(output, outputs[:, index])
    assert all(map(torch.equal, state, final))


@needs_words
@every_cell
@torch.no_grad()
def test_what_is_known_of_inputs_stands_for_them_in_whole_numbers(cell: str) -> None:
    _, whole = layers(cell, bidirectional=True)
    torch.manual_seed(2)
    vectors, rows = torch.randn(7, 5), torch.randint(0, 7, (21, 9))
    sums = whole.known_sums(vectors)
    assert sums is not None
    lengths = batch()[1]
    outputs, _ = whole(vectors[rows], lengths, known=KnownInputs(sums, rows))
    torch.testing.assert_close(outputs, whole(vectors[rows], lengths)[0], rtol=0, atol=1e-5)


@needs_words
def test_whole_numbers_are_not_learned_through() -> None:
    exact, whole = layers("gru")
    inputs, lengths = batch()
    torch.testing.assert_close(whole(inputs, lengths)[0], exact(inputs, lengths)[0])
