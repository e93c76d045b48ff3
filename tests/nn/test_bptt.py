"""Our own kernels against torch's packed ones."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from seqkit.nn import Recurrent, kernels, small_walks
from seqkit.nn.bptt import run_layer
from seqkit.nn.cells import CELLS
from seqkit.nn.ragged import Ragged, rectangle
from seqkit.nn.walks import kernel_of

LENGTHS = [3, 0, 5, 5, 1]

needs_numba = pytest.mark.skipif(
    not kernels.has_numba(), reason="the extra `compiled` is not installed"
)

own_or_compiled = pytest.mark.parametrize(
    "kernel", ["own", pytest.param("compiled", marks=needs_numba)]
)
every_cell = pytest.mark.parametrize("cell", CELLS)


def twins(
    cell: str, kernel: str = "own", **options: bool | float | int
) -> tuple[Recurrent, Recurrent]:
    """The same weights for a kernel and for torch's."""
    ours = Recurrent(cell, 4, 6, kernel=kernel, **options)  # type: ignore[arg-type]
    theirs = Recurrent(cell, 4, 6, kernel="torch", **options)  # type: ignore[arg-type]
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def results(layer: Recurrent, lengths: Tensor | None) -> list[Tensor]:
    """Outputs, final states and all gradients."""
    torch.manual_seed(1)
    inputs = torch.randn(len(LENGTHS), 5, 4, requires_grad=True)
    outputs, final = layer(inputs, lengths)
    loss = outputs.sin().sum() + sum(part.cos().sum() for part in final)
    grads = torch.autograd.grad(loss, [inputs, *layer.parameters()])
    return [outputs, *final, *grads]


@pytest.mark.parametrize(
    ("cell", "kernel"),
    [
        *((cell, "own") for cell in CELLS),
        *(pytest.param(cell, "compiled", marks=needs_numba) for cell in CELLS),
        ("lstm", "padded"),
        *((cell, "held") for cell in CELLS),
    ],
)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_all_kernels_agree_in_outputs_states_and_gradients(
    cell: str, kernel: str, bidirectional: bool, lengths: list[int] | None
) -> None:
    ours, theirs = twins(cell, kernel, num_layers=2, bidirectional=bidirectional)
    given = None if lengths is None else torch.tensor(lengths)
    atol = 1e-4 if cell == "rnn_relu" else 1e-5  # its states, and with them its sums, grow
    torch.testing.assert_close(results(ours, given), results(theirs, given), rtol=1e-5, atol=atol)


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, [0] * 5, None])
def test_large_plain_cells_take_the_steps_of_small_ones(
    cell: str, bidirectional: bool, lengths: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, _ = twins(cell, bidirectional=bidirectional)
    given = None if lengths is None else torch.tensor(lengths)
    small = results(layer, given)
    monkeypatch.setattr(small_walks, "ONE_THREAD", 0)
    torch.testing.assert_close(results(layer, given), small, rtol=1e-5, atol=1e-5)


@every_cell
@own_or_compiled
def test_final_states_and_their_gradients_do_not_need_outputs(cell: str, kernel: str) -> None:
    layer = Recurrent(cell, 4, 6, num_layers=2, bidirectional=True, kernel=kernel)
    inputs, lengths = torch.randn(5, 5, 4, requires_grad=True), torch.tensor(LENGTHS)
    found = []
    for need_outputs in (True, False):
        outputs, final = layer(inputs, lengths, need_outputs=need_outputs)
        assert outputs.shape == (5, 5, 12 if need_outputs else 0)
        loss = torch.stack([part.cos().sum() for part in final]).sum()
        found.append([*final, *torch.autograd.grad(loss, [inputs, *layer.parameters()])])
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


@every_cell
@own_or_compiled
def test_gradients_are_those_of_finite_differences(cell: str, kernel: str) -> None:
    layer = Recurrent(cell, 2, 3, bidirectional=True).double()
    ragged = Ragged.of(torch.tensor([2, 4, 1]), 4)
    weights = [torch.stack(kind).detach() for kind in zip(*layer.weights_of(0), strict=True)]
    start = [torch.randn(2, 3, 3, dtype=torch.float64) for _ in range(layer.cell.num_states)]
    inputs = torch.randn(3, 4, 2, dtype=torch.float64)

    def run(inputs: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        weights, start = rest[:4], rest[4:]
        return run_layer(layer.mode, inputs, ragged, start, weights, kernel_of(kernel, layer.mode))  # type: ignore[arg-type]

    arguments = [part.requires_grad_() for part in (inputs, *weights, *start)]
    assert torch.autograd.gradcheck(run, arguments)


def test_the_ragged_layout_holds_each_real_step_once_and_knows_its_predecessor() -> None:
    ragged = Ragged.of(torch.tensor(LENGTHS), 5)
    assert ragged.sizes == [4, 3, 3, 2, 2]
    real = [row * 5 + step for row, length in enumerate(LENGTHS) for step in range(length)]
    assert sorted(ragged.forwards.tolist()) == sorted(ragged.backwards.tolist()) == real
    place = {flat: len(LENGTHS) + i for i, flat in enumerate(ragged.forwards.tolist())}
    for i, flat in enumerate(ragged.forwards.tolist()):
        row, step = divmod(flat, 5)
        start = ragged.order.tolist().index(row)
        assert ragged.previous[i] == (start if step == 0 else place[flat - 1])
    assert ragged.order[ragged.back].tolist() == list(range(len(LENGTHS)))
    for row, length in enumerate(LENGTHS):
        assert ragged.last[row] == (place[row * 5 + length - 1] if length else ragged.back[row])


@needs_numba
@pytest.mark.parametrize("dirs", [1, 2])
@pytest.mark.parametrize("lengths", [LENGTHS, [3, 3], [0, 0], [1]])
def test_machine_code_puts_steps_where_torch_does(dirs: int, lengths: list[int]) -> None:
    from seqkit.nn import compiled_ragged

    ragged = Ragged.of(torch.tensor(lengths), 5)
    batch, total = len(lengths), sum(lengths)
    for first in (0, batch):  # there may be room for the start
        steps = torch.randn(dirs, first + total, 6)
        for width in (6, dirs * 6):
            ours, theirs = (torch.full((batch, 5, width), torch.nan) for _ in range(2))
            found = compiled_ragged.spread(ragged, steps, ours)
            assert torch.equal(found, ragged.spread(steps, theirs)) and found is ours


def test_rows_of_one_length_share_a_layout_whoever_came_first() -> None:
    layer, inputs = Recurrent("gru", 4, 6, kernel="own"), torch.randn(3, 7, 4)
    with torch.inference_mode():
        layer(inputs)
    layer(inputs)[0].sum().backward()
    assert rectangle(3, 7) is rectangle(3, 7)


@every_cell
def test_locked_dropout_keeps_a_mask_over_time_and_weight_dropout_changes_training_only(
    cell: str,
) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, 4, 32, 2, dropout=0.5, locked=True, weight_dropout=0.5)
    inputs = torch.randn(2, 5, 4)
    first, second = layer(inputs)[0], layer(inputs)[0]
    assert not torch.equal(first, second)
    masked = layer.between(torch.ones(2, 5, 32))
    assert torch.equal(masked, masked[:, :1].expand_as(masked))
    assert not torch.equal(masked[0], masked[1])
    layer.eval()
    plain = Recurrent(cell, 4, 32, 2)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(inputs)[0], plain(inputs)[0])


def test_weight_dropout_zeroes_whole_recurrent_weights_and_their_gradients() -> None:
    torch.manual_seed(0)
    for kernel in ("own", "torch"):
        layer = Recurrent("gru", 4, 16, weight_dropout=0.5, kernel=kernel)
        layer(torch.randn(2, 5, 4))[0].sum().backward()
        grad = layer.weight_hh_l0.grad
        assert isinstance(grad, Tensor)
        assert 0.4 < (grad == 0).float().mean() < 0.6


@pytest.mark.parametrize(
    ("cell", "kernel"), [("lstm", "padded"), *((cell, "held") for cell in CELLS)]
)
def test_padding_may_hold_anything_where_it_is_computed_too(cell: str, kernel: str) -> None:
    layer = Recurrent(cell, 4, 6, bidirectional=True, kernel=kernel)
    lengths, found = torch.tensor([5, 2]), []
    inputs = torch.randn(2, 5, 4)
    for filling in (0.0, torch.nan):
        filled = inputs.clone()
        filled[1, 2:] = filling
        outputs, final = layer(filled, lengths)
        loss = outputs.sum() + sum(part.sum() for part in final)
        found.append([outputs, *final, *torch.autograd.grad(loss, list(layer.parameters()))])
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_padded_rows_start_from_any_state_and_bring_its_gradients(cell: str) -> None:
    ours, theirs = twins(cell, "held", bidirectional=True)
    inputs, lengths = torch.randn(5, 5, 4), torch.tensor(LENGTHS)
    start = tuple(torch.randn_like(part).requires_grad_() for part in ours.zero_state(5, inputs))
    found = []
    for layer in (ours, theirs):
        outputs, final = layer(inputs, lengths, start)
        loss = outputs.sin().sum() + sum(part.cos().sum() for part in final)
        found.append([outputs, *final, *torch.autograd.grad(loss, [*start, *layer.parameters()])])
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@needs_numba
@every_cell
def test_machine_code_gives_the_same_numbers_each_time_and_whatever_rows_stand_beside(
    cell: str,
) -> None:
    layer = Recurrent(cell, 4, 9, bidirectional=True, kernel="compiled")
    inputs, lengths = torch.randn(21, 12, 4), torch.randint(0, 13, (21,))
    outputs, _ = layer(inputs, lengths)
    torch.testing.assert_close(layer(inputs, lengths)[0], outputs, rtol=0, atol=0)
    torch.testing.assert_close(layer(inputs[5:15], lengths[5:15])[0], outputs[5:15])


@needs_numba
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_of_an_answer_is_that_of_training(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqkit.nn import compiled_layers

    calls: list[Tensor] = []
    step = compiled_layers.gru_step
    monkeypatch.setattr(
        compiled_layers, "gru_step", lambda *given: calls.append(given[0]) or step(*given)
    )
    layer, inputs = Recurrent(cell, 4, 9, num_layers=2), torch.randn(7, 4)
    state = tuple(torch.randn(2, 7, 9) for _ in range(layer.cell.num_states))
    wanted = layer.step(inputs, state)
    assert not calls
    with torch.no_grad():
        torch.testing.assert_close(layer.step(inputs, state), wanted)
        assert len(calls) == (2 if cell == "gru" else 0)
        layer.kernel = "own"
        layer.step(inputs, state)
        with torch.autocast("cpu"):
            layer.step(inputs, state)
    assert len(calls) == (2 if cell == "gru" else 0)


@needs_numba
def test_machine_code_squashes_to_the_last_digits_and_keeps_what_is_no_number() -> None:
    from seqkit.nn.compiled import sigmoid, tanh

    for value in (0.0, 1e-9, -0.3, 1.0, -7.5, 25.0, -1e30, math.inf):
        assert tanh(value) == pytest.approx(math.tanh(value), rel=1e-14)
    for value in np.linspace(-12, 12, 9_999, dtype=np.float32):
        assert tanh(value) == pytest.approx(math.tanh(value), rel=5e-7) and abs(tanh(value)) <= 1
    assert sigmoid(-3.0) == pytest.approx(1 / (1 + math.exp(3)), rel=1e-14)
    assert math.isnan(tanh(math.nan)) and math.isnan(tanh(np.float32(math.nan)))


@needs_numba
@pytest.mark.parametrize("cell", CELLS)
def test_machine_code_lets_go_of_what_it_was_given(cell: str) -> None:
    layer, inputs = Recurrent(cell, 4, 6, kernel="compiled"), torch.randn(3, 5, 4)
    layout, state = rectangle(3, 5), layer.zero_state(3, inputs)
    weights = list(zip(*layer.weights_of(0), strict=True))
    counts = []
    for _ in range(3):
        outputs, *_ = run_layer(
            layer.mode, inputs, layout, state, weights, kernel_of("compiled", layer.mode)
        )
        outputs.sum().backward()
        counts.append(sys.getrefcount(layout.places))
    assert counts[0] == counts[1] == counts[2]


def test_an_lstm_stays_exact_where_the_processor_cannot_learn_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "bfloat16_learns", lambda: False)
    layer = Recurrent("lstm", 4, 6, bidirectional=True, kernel="padded")
    lengths = torch.tensor(LENGTHS)
    wanted = results(layer, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        found = results(layer, lengths)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_mixed_precision_on_a_cpu_is_near_full_precision(cell: str) -> None:
    layer = Recurrent(cell, 4, 6, 2, bidirectional=True)
    lengths = torch.tensor([5, 5, 5, 4, 5])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = results(layer, lengths)
        half, _ = layer(torch.randn(5, 5, 4).bfloat16(), lengths)
    assert half.dtype == torch.float32
    for found, wanted in zip(mixed, results(layer, lengths), strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 0.03 * wanted.norm()
