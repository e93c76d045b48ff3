"""One vector for a sequence: every kind sees the real steps and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import UnknownNameError
from seqkit.nn.cells import CELLS
from seqkit.nn.encoder import Encoded, Encoder
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.pooling import KINDS, Pooling

SIZE = 4
LENGTHS = [3, 1, 5]
every_kind = pytest.mark.parametrize("kind", KINDS)


def encoded(seed: int = 0, lengths: list[int] = LENGTHS, spare: int = 2) -> Encoded:
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths) + spare
    mask = lengths_to_mask(torch.tensor(lengths), width)
    memory = torch.randn(len(lengths), width, SIZE, generator=generator).double()
    state = torch.randn(2, len(lengths), SIZE, generator=generator).double()
    return Encoded(memory * mask.unsqueeze(-1), (state,), torch.tensor(lengths))


def reference(pooling: Pooling, source: Encoded, row: int) -> Tensor:
    real = source.memory[row, : int(source.lengths[row])]

    def one(kind: str) -> Tensor:
        if kind == "last":
            return source.state[0][1, row]
        if kind == "max":
            return real.max(dim=0).values
        if kind == "mean":
            return real.mean(dim=0)
        return pooling.energy(pooling.hidden(real).tanh()).squeeze(-1).softmax(dim=0) @ real

    return torch.cat([one(kind) for kind in pooling.parts])


@every_kind
def test_pooling_is_what_it_says_row_by_row(kind: str) -> None:
    pooling, source = Pooling(kind, SIZE).double(), encoded()
    pooled, weights = pooling(source)
    for row in range(len(LENGTHS)):
        torch.testing.assert_close(pooled[row], reference(pooling, source, row))
    assert (weights is not None) == ("attention" in kind)
    assert pooled.shape == (len(LENGTHS), pooling.output_size)


@every_kind
@settings(max_examples=25, deadline=None)
@given(
    cell=st.sampled_from([*CELLS, "transformer"]),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    spare=st.integers(0, 3),
)
def test_padding_changes_no_pooled_vector(
    kind: str, cell: str, lengths: list[int], spare: int
) -> None:
    encoder = Encoder(cell, SIZE, SIZE, bidirectional=False, num_heads=2).double()
    pooling = Pooling(kind, SIZE).double()
    inputs = torch.randn(len(lengths), max(lengths) + spare, SIZE).double()
    pooled, _ = pooling(encoder(inputs, torch.tensor(lengths)))
    for row, length in enumerate(lengths):
        alone, _ = pooling(encoder(inputs[row : row + 1, :length], torch.tensor([length])))
        torch.testing.assert_close(pooled[row], alone[0])


def test_attention_weights_sum_to_1_over_the_real_steps() -> None:
    source = encoded()
    _, weights = Pooling("attention", SIZE).double()(source)
    assert weights is not None
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(LENGTHS)).double())
    assert not weights[~source.mask].any()


def test_a_maximum_below_0_is_not_hidden_by_the_padding() -> None:
    source = encoded()
    below = replace(source, memory=-source.memory.abs() - source.mask.unsqueeze(-1).double())
    pooled, _ = Pooling("max", SIZE)(below)
    assert (pooled < 0).all()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown pooling 'maxx'.*Did you mean 'max'"):
        Pooling("maxx", SIZE)
