"""Recurrent layers against torch's own, and what padding, boundaries and single steps must not change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqkit.errors import ConfigError, ShapeError, UnknownNameError
from seqkit.nn.cells import CELLS, State
from seqkit.nn.crf import CRF
from seqkit.nn.dropout import Dropout
from seqkit.nn.recurrent import Recurrent, set_kernel

INPUT, HIDDEN = 3, 4
LENGTHS = [4, 6, 1, 3]

every_layer = pytest.mark.parametrize("cell", CELLS)
every_depth = pytest.mark.parametrize("num_layers", [1, 2, 3])
both_directions = pytest.mark.parametrize("bidirectional", [False, True])


@pytest.fixture(autouse=True)
def _same_weights_each_time() -> None:
    torch.manual_seed(0)


def torch_layer(cell: str, num_layers: int, **options: Any) -> nn.RNNBase:
    kinds = {"lstm": nn.LSTM, "gru": nn.GRU}
    if cell in kinds:
        layer: nn.RNNBase = kinds[cell](INPUT, HIDDEN, num_layers, batch_first=True, **options)
        return layer
    kind = cell.removeprefix("rnn_")
    return nn.RNN(INPUT, HIDDEN, num_layers, nonlinearity=kind, batch_first=True, **options)


def as_state(state: Any) -> State:
    return state if isinstance(state, tuple) else (state,)


def packed_run(
    layer: nn.RNNBase, inputs: Tensor, lengths: Tensor, state: State | None
) -> tuple[Tensor, State]:
    """What a careful user of `torch.nn` would write."""
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    start = state[0] if state is not None and len(state) == 1 else state
    outputs, final = layer(packed, start)
    padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=inputs.size(1))
    return padded, as_state(final)


def scalar(outputs: Tensor, state: State) -> Tensor:
    """A loss that every output and every final state has a part in, 0 where they are 0."""
    loss = outputs.sin().sum()
    for index, part in enumerate(state):
        loss = loss + (part * (2 + index)).sin().sum()
    return loss


def random_inputs(batch: int, length: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, INPUT, generator=generator, dtype=torch.float64)


def random_state(layer: Recurrent, batch: int, seed: int = 1) -> State:
    generator = torch.Generator().manual_seed(seed)
    zero = layer.zero_state(batch, torch.zeros(1, dtype=torch.float64))
    return tuple(torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in zero)


@every_layer
@every_depth
@both_directions
@pytest.mark.parametrize("given_start", [False, True])
def test_outputs_states_and_all_gradients_are_those_of_torch(
    cell: str, num_layers: int, bidirectional: bool, given_start: bool
) -> None:
    ours = Recurrent(cell, INPUT, HIDDEN, num_layers, bidirectional=bidirectional).double()
    theirs = torch_layer(cell, num_layers, bidirectional=bidirectional).double()
    theirs.load_state_dict(ours.state_dict())
    lengths = torch.tensor(LENGTHS)
    results = []
    for run in (ours, lambda *args: packed_run(theirs, *args)):
        inputs = random_inputs(len(LENGTHS), max(LENGTHS)).requires_grad_()
        start = random_state(ours, len(LENGTHS)) if given_start else None
        outputs, final = run(inputs, lengths, start)
        scalar(outputs, final).backward()
        assert inputs.grad is not None
        results.append((outputs, *final, inputs.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-10, atol=1e-10)
    grads = {name: weight.grad for name, weight in theirs.named_parameters()}
    assert grads.keys() == dict(ours.named_parameters()).keys()
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight.grad, grads[name], rtol=1e-10, atol=1e-10)


@every_layer
@both_directions
def test_weights_of_torchs_layer_load_here(cell: str, bidirectional: bool) -> None:
    theirs = torch_layer(cell, 2, bidirectional=bidirectional)
    ours = Recurrent(cell, INPUT, HIDDEN, 2, bidirectional=bidirectional)
    ours.load_state_dict(theirs.state_dict())
    inputs = random_inputs(2, 5).float()
    outputs, final = ours(inputs)
    wanted, wanted_final = theirs(inputs)
    torch.testing.assert_close((outputs, *final), (wanted, *as_state(wanted_final)))


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    spare=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_a_batch_is_its_rows_alone_whatever_stands_in_the_padding(
    cell: str, num_layers: int, bidirectional: bool, lengths: list[int], spare: int, seed: int
) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, num_layers, bidirectional=bidirectional).double()
    width = max(1, *lengths) + spare
    inputs = (10 * random_inputs(len(lengths), width, seed)).requires_grad_()
    start = random_state(layer, len(lengths), seed)
    outputs, final = layer(inputs, torch.tensor(lengths), start)
    scalar(outputs, final).backward()
    assert inputs.grad is not None
    together = {name: w.grad.clone() for name, w in layer.named_parameters() if w.grad is not None}
    layer.zero_grad()
    for row, length in enumerate(lengths):
        assert not outputs[row, length:].any()
        assert not inputs.grad[row, length:].any()
        begin = tuple(part[:, row : row + 1] for part in start)
        if length == 0:
            for part, old in zip(final, begin, strict=True):
                assert torch.equal(part[:, row : row + 1], old)
            continue
        alone = inputs.detach()[row : row + 1, :length].clone().requires_grad_()
        own, last = layer(alone, None, begin)
        scalar(own, last).backward()
        assert alone.grad is not None
        torch.testing.assert_close(outputs[row, :length], own[0], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(inputs.grad[row, :length], alone.grad[0], rtol=1e-8, atol=1e-8)
        for part, part_alone in zip(final, last, strict=True):
            torch.testing.assert_close(part[:, row], part_alone[:, 0], rtol=1e-9, atol=1e-9)
    for name, weight in layer.named_parameters():
        summed = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.testing.assert_close(together[name], summed, rtol=1e-8, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(len(LENGTHS))), cell=st.sampled_from(sorted(CELLS)))
def test_another_order_of_rows_changes_no_row(order: list[int], cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, 2, bidirectional=True).double()
    inputs, lengths = random_inputs(len(LENGTHS), max(LENGTHS)), torch.tensor(LENGTHS)
    outputs, final = layer(inputs, lengths)
    moved, moved_final = layer(inputs[order], lengths[order])
    torch.testing.assert_close(moved, outputs[order])
    for part, moved_part in zip(final, moved_final, strict=True):
        torch.testing.assert_close(moved_part, part[:, order])


@every_layer
def test_the_final_state_of_each_direction_is_its_own_last_step(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, bidirectional=True).double()
    lengths = torch.tensor(LENGTHS)
    outputs, (hidden, *_) = layer(random_inputs(len(LENGTHS), max(LENGTHS) + 2), lengths)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(hidden[0, row], outputs[row, length - 1, :HIDDEN])
        torch.testing.assert_close(hidden[1, row], outputs[row, 0, HIDDEN:])


@every_layer
@every_depth
def test_steps_by_hand_give_the_outputs_of_the_sequence(cell: str, num_layers: int) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, num_layers).double()
    inputs = random_inputs(3, 5)
    state = random_state(layer, 3)
    outputs, final = layer(inputs, None, state)
    for index in range(5):
        output, state = layer.step(inputs[:, index], state)
        torch.testing.assert_close(output, outputs[:, index])
    torch.testing.assert_close(state, final)


@every_layer
@pytest.mark.parametrize("tbptt_steps", [1, 2, 3, 7, 20])
def test_truncated_gradients_leave_outputs_and_carried_state_as_in_one_long_pass(
    cell: str, tbptt_steps: int
) -> None:
    whole = Recurrent(cell, INPUT, HIDDEN, 2).double()
    cut = Recurrent(cell, INPUT, HIDDEN, 2, tbptt_steps=tbptt_steps).double()
    cut.load_state_dict(whole.state_dict())
    inputs, lengths = random_inputs(5, 7), torch.tensor([7, 2, 0, 5, 4])
    start = random_state(whole, 5)
    wanted, wanted_final = whole(inputs, lengths, start)
    outputs, final = cut(inputs, lengths, start)
    torch.testing.assert_close((outputs, *final), (wanted, *wanted_final))


@every_layer
def test_truncated_gradients_stop_at_the_boundary_and_nowhere_else(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, tbptt_steps=3).double()
    for weight in layer.parameters():
        weight.data.abs_()  # with positive inputs no rectifier is shut
    inputs = random_inputs(2, 6).abs().requires_grad_()
    outputs, _ = layer(inputs)
    for step in range(6):
        (grad,) = torch.autograd.grad(outputs[:, step].exp().sum(), inputs, retain_graph=True)
        reached = grad.abs().sum(dim=(0, 2)) > 0
        wanted = [step // 3 * 3 <= index <= step for index in range(6)]
        assert reached.tolist() == wanted


@every_layer
def test_dropout_falls_between_layers_as_in_torch_and_only_in_training(cell: str) -> None:
    ours = Recurrent(cell, INPUT, HIDDEN, 3, dropout=0.5, kernel="torch")
    theirs = torch_layer(cell, 3, dropout=0.5)
    theirs.load_state_dict(ours.state_dict())
    inputs = random_inputs(4, 5).float()
    torch.manual_seed(7)
    outputs, _ = ours(inputs)
    torch.manual_seed(7)
    wanted, _ = theirs(inputs)
    torch.testing.assert_close(outputs, wanted)
    assert not torch.equal(outputs, ours(inputs)[0])
    ours.eval()
    plain = Recurrent(cell, INPUT, HIDDEN, 3)
    plain.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(inputs)[0], plain(inputs)[0])


@every_layer
def test_a_step_drops_between_layers_only_in_training(cell: str) -> None:
    layer = Recurrent(cell, INPUT, 64, 2, dropout=0.5)
    inputs, state = torch.ones(2, INPUT), layer.zero_state(2, torch.zeros(1))
    first, (hidden, *_) = layer.step(inputs, state)
    second, (other, *_) = layer.step(inputs, state)
    assert not torch.equal(first, second)
    assert torch.equal(hidden[0], other[0])  # the lowest layer's own state is whole
    assert torch.equal(first, hidden[-1])  # and so is what the highest gives out
    layer.eval()
    assert torch.equal(layer.step(inputs, state)[0], layer.step(inputs, state)[0])


@every_layer
def test_one_layer_drops_nothing(cell: str) -> None:
    layer = Recurrent(cell, INPUT, HIDDEN, dropout=0.5)
    inputs = random_inputs(2, 3).float()
    assert torch.equal(layer(inputs)[0], layer(inputs)[0])


def test_truncation_in_both_directions_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs `bidirectional` to be false"):
        Recurrent("gru", INPUT, HIDDEN, bidirectional=True, tbptt_steps=4)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown cell 'gruu'"):
        Recurrent("gruu", INPUT, HIDDEN)
    with pytest.raises(UnknownNameError, match="Unknown initialisation 'kera'"):
        Recurrent("gru", INPUT, HIDDEN, init="kera")


def test_shapes_that_do_not_fit_are_told_with_both_shapes() -> None:
    layer, inputs = Recurrent("lstm", INPUT, HIDDEN), torch.zeros(2, 5, INPUT)
    with pytest.raises(ShapeError, match=r"inputs must be \[batch, len, 3\], got \[2, 5, 4\]"):
        layer(torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match=r"lengths must be \[2\], got \[3\]"):
        layer(inputs, torch.tensor([1, 2, 3]))
    with pytest.raises(ShapeError, match="lengths go up to 6, but inputs have 5 steps"):
        layer(inputs, torch.tensor([6, 2]))
    with pytest.raises(ShapeError, match=r"2 tensors of \[1, 2, 4\], got \[\[1, 2, 4\]\]"):
        layer(inputs, None, (torch.zeros(1, 2, HIDDEN),))


def test_a_kernel_is_set_for_every_layer_of_a_network() -> None:
    network = nn.ModuleList([Recurrent("lstm", 2, 3), nn.Sequential(Recurrent("lstm", 2, 3))])
    set_kernel(network, "padded")
    layers = [part for part in network.modules() if isinstance(part, Recurrent)]
    assert [layer.kernel for layer in layers] == ["padded", "padded"]
    with pytest.raises(UnknownNameError, match="kernel"):
        set_kernel(network, "fast")
    with pytest.raises(ConfigError, match="`padded` is for lstm"):
        set_kernel(Recurrent("gru", 2, 3), "padded")


def test_a_kernel_of_torch_does_without_machine_code_elsewhere_too() -> None:
    network = nn.Sequential(Recurrent("gru", 4, 6), Dropout(0.5), CRF(3))
    recurrent, dropout, crf = network
    for kernel, compiles in (("own", False), ("auto", True), ("torch", False), ("auto", True)):
        set_kernel(network, kernel)
        assert recurrent.kernel == kernel
        assert dropout.compiles == crf.compiles == compiles
