"""Answers in fewer bits: close to those in float32, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.decoder import Readout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.precision import (
    Int8Linear,
    computing_in,
    has_bfloat16,
    has_whole_products,
    lower_precision,
    rounded,
)

CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(
    not has_whole_products(), reason="this processor has no exact product of whole numbers"
)


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_in_whole_numbers_is_close_to_the_layer_it_stands_for(bias: bool) -> None:
    torch.manual_seed(0)
    linear, inputs = nn.Linear(40, 30, bias=bias), torch.randn(2, 7, 40)
    with torch.no_grad():
        whole, exact = Int8Linear(linear)(inputs), linear(inputs)
    assert whole.shape == exact.shape
    torch.testing.assert_close(whole, exact, rtol=0, atol=0.02)
    assert not torch.equal(whole, exact)


@needs_int8
def test_what_whole_numbers_can_hold_is_computed_exactly() -> None:
    linear = nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[127.0, 1.0, 0.0], [0.0, -2.0, 254.0]]))
        linear.bias.copy_(torch.tensor([0.5, 0.0]))
        outputs = Int8Linear(linear)(torch.tensor([[1.0, 127.0, 5.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(outputs, torch.tensor([[254.5, 1016.0], [0.5, 0.0]]))


@needs_int8
def test_a_row_in_whole_numbers_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    layer, row = Int8Linear(nn.Linear(16, 8)), torch.randn(1, 16)
    with torch.no_grad():
        beside = layer(torch.cat([row, 1000 * torch.randn(3, 16)]))[:1]
        assert torch.equal(beside, layer(row))
        assert layer(row[:0]).shape == (0, 8)


def test_weights_that_are_no_numbers_stay_none() -> None:
    linear = nn.Linear(4, 2)
    with torch.no_grad():
        linear.weight[1, 0] = torch.nan
        outputs = Int8Linear(linear)(torch.ones(1, 4))
    assert outputs.isnan().tolist() == [[False, True]]


@needs_int8
def test_a_vocabulary_projection_keeps_its_names_and_shares_its_weight() -> None:
    readout = Readout(TokenEmbedding("learned", 50, 16), 16, tied=True)
    before = readout.state_dict()
    lower_precision(readout, "int8")
    assert isinstance(readout.projection, Int8Linear)
    assert readout.state_dict().keys() == before.keys()
    assert readout.projection.weight is dict(readout.named_parameters())["projection.weight"]


def test_rounding_keeps_every_number_within_half_a_unit() -> None:
    rows = torch.randn(5, 20, generator=torch.Generator().manual_seed(1))
    whole, unit = rounded(rows)
    assert bool(((whole * unit - rows).abs() <= unit / 2 + 1e-7).all())


def test_products_are_in_bfloat16_where_that_is_asked_for() -> None:
    if not has_bfloat16(CPU):
        pytest.skip("this processor computes nothing in bfloat16")
    layer = nn.Linear(4, 4)
    for precision, dtype in (("bf16", torch.bfloat16), ("float32", torch.float32)):
        lower_precision(layer, precision)
        with computing_in(precision, CPU):
            assert layer(torch.zeros(1, 4)).dtype == dtype


def test_a_precision_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="precision 'half'"):
        lower_precision(nn.Linear(2, 2), "half")
    with pytest.raises(ConfigError, match="int8: for cpu, not for meta"):
        lower_precision(nn.Linear(2, 2, device="meta"), "int8")
    overflowing = torch.full((64, 64), 64 * 2**15, dtype=torch.int32)
    monkeypatch.setattr(torch, "_int_mm", lambda left, right: overflowing)
    with pytest.raises(ConfigError, match="int8: this processor has no exact product"):
        lower_precision(nn.Linear(2, 2), "int8")
    monkeypatch.setattr("seqkit.nn.precision.has_bfloat16", lambda device: False)
    with pytest.raises(ConfigError, match="bf16: not on this cpu; use float32"):
        lower_precision(nn.Linear(2, 2), "bf16")
