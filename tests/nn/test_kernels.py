"""Which kernel runs a recurrent layer, and which are refused."""

from __future__ import annotations

import pytest
import torch

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn import Recurrent, kernels
from seqkit.nn.cells import CELLS
from seqkit.nn.running import kernel_for

needs_numba = pytest.mark.skipif(
    not kernels.has_numba(), reason="the extra `compiled` is not installed"
)


def test_the_kernel_is_what_is_fastest_for_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "FAST_LSTM", True)
    monkeypatch.setattr(kernels, "has_numba", lambda: False)
    layer, gru, inputs = Recurrent("lstm", 4, 6), Recurrent("gru", 4, 6), torch.randn(2, 10, 4)
    zero, little, much = layer.zero_state(2, inputs), torch.tensor([10, 8]), torch.tensor([10, 3])
    assert kernel_for(layer, inputs, little, zero) == "padded"
    assert kernel_for(layer, inputs, much, zero) == "own"
    assert kernel_for(layer, inputs, None, zero) == "torch"
    assert kernel_for(layer, inputs, little, tuple(part + 1 for part in zero)) == "own"
    learned = tuple(part.requires_grad_() for part in layer.zero_state(2, inputs))
    assert kernel_for(layer, inputs, little, learned) == "own"
    assert kernel_for(gru, inputs, little, zero[:1]) == "own"
    assert kernel_for(layer, inputs.double(), little, zero) == "own"
    assert kernel_for(layer, inputs.bfloat16(), little, zero) == "torch"
    with torch.autocast("cpu", torch.bfloat16):
        assert kernel_for(layer, inputs, None, zero) == "padded"
        assert kernel_for(gru, inputs, None, zero[:1]) == "own"
    with torch.no_grad():
        assert kernel_for(layer, inputs, little, zero) == "padded"
        assert kernel_for(layer, inputs, None, zero) == "padded"
        assert kernel_for(layer, inputs, much, zero) == "padded"
        assert kernel_for(layer, inputs, torch.tensor([10, 1]), zero) == "torch"
        large = Recurrent("lstm", 4, 65)
        assert kernel_for(large, inputs, much, large.zero_state(2, inputs)) == "torch"
        assert kernel_for(gru, inputs, little, zero[:1]) == "torch"


def test_small_layers_learn_by_machine_code_where_numba_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "has_numba", lambda: True)
    inputs, lengths = torch.randn(2, 10, 4), torch.tensor([10, 3])
    for cell in CELLS:
        small, large = Recurrent(cell, 4, 512), Recurrent(cell, 4, 513)
        assert kernel_for(small, inputs, lengths, small.zero_state(2, inputs)) == "compiled"
        assert kernel_for(large, inputs, lengths, large.zero_state(2, inputs)) == "own"
        with torch.no_grad():
            state = small.zero_state(2, inputs)
            assert kernel_for(small, inputs, lengths, state) == "torch"
            many, state = inputs.repeat(8, 1, 1), small.zero_state(16, inputs)
            monkeypatch.setattr(kernels, "has_started", lambda: False)
            assert kernel_for(small, many, lengths.repeat(8), state) == "torch"
            monkeypatch.setattr(kernels, "has_started", lambda: True)
            assert kernel_for(small, many, lengths.repeat(8), state) == "compiled"
            with torch.autocast("cpu", torch.bfloat16):
                assert kernel_for(small, many, lengths.repeat(8), state) == "torch"
                smaller = Recurrent(cell, 4, 256)
                state = smaller.zero_state(16, inputs)
                assert kernel_for(smaller, many, lengths.repeat(8), state) == "compiled"


def test_machine_code_takes_an_lstm_with_or_without_padding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "FAST_LSTM", True)
    monkeypatch.setattr(kernels, "has_numba", lambda: True)
    layer, inputs = Recurrent("lstm", 4, 6), torch.randn(2, 10, 4)
    zero = layer.zero_state(2, inputs)
    assert kernel_for(layer, inputs, torch.tensor([10, 8]), zero) == "compiled"
    assert kernel_for(layer, inputs, None, zero) == "compiled"
    with torch.autocast("cpu", torch.bfloat16):
        assert kernel_for(layer, inputs, None, zero) == "padded"


def test_a_gpu_runs_padding_along_unless_most_of_it_is_padding() -> None:
    inputs = torch.randn(2, 10, 4)
    for lengths, kernel in (
        (None, "torch"),
        ([10, 2], "held"),
        ([10, 0], "held"),
        ([9, 0], "torch"),
    ):
        given = None if lengths is None else torch.tensor(lengths)
        assert kernels._fastest_on_gpu(inputs, given) == kernel
    assert kernels._fastest_on_gpu(inputs[:0], torch.tensor([], dtype=torch.int64)) == "torch"


@needs_numba
def test_machine_code_is_for_cpus_and_numbers_that_numpy_has() -> None:
    layer = Recurrent("gru", 4, 6, kernel="compiled").bfloat16()
    inputs = torch.randn(2, 5, 4).bfloat16()
    assert kernel_for(layer, inputs, None, layer.zero_state(2, inputs)) == "own"
    assert layer(inputs)[0].dtype == torch.bfloat16


def test_machine_code_without_numba_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "has_numba", lambda: False)
    with pytest.raises(ConfigError, match=r"`compiled` needs numba, .* pip install numba"):
        Recurrent("gru", 4, 6, kernel="compiled")


def test_the_padded_kernel_is_for_lstms() -> None:
    with pytest.raises(ConfigError, match="`padded` is for lstm; gru"):
        Recurrent("gru", 4, 6, kernel="padded")


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="auto, compiled, held, own, padded, torch"):
        Recurrent("gru", 4, 6, kernel="fast")
