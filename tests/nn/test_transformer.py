"""The transformer encoder: positions by the formula, padding without effect, the same in training and use."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.nn.transformer import Positions, TransformerEncoder, sinusoids

INPUT, HIDDEN = 5, 8


def encoder(num_layers: int = 2, dropout: float = 0.0) -> TransformerEncoder:
    return TransformerEncoder(INPUT, HIDDEN, num_layers, 2, dropout).double()


@pytest.mark.parametrize("size", [1, 4, 7])
def test_positions_are_the_papers_sines_and_cosines(size: int) -> None:
    waves = sinusoids(6, size, torch.zeros(1))
    for step in range(6):
        for place in range(size):
            angle = step / 10000 ** (place // 2 * 2 / size)
            wanted = math.cos(angle) if place % 2 else math.sin(angle)
            assert waves[step, place].item() == pytest.approx(wanted, abs=1e-5)


def test_positions_are_added_to_the_scaled_inputs() -> None:
    positions = Positions(HIDDEN, HIDDEN, 0.0)
    vectors = torch.randn(2, 3, HIDDEN)
    wanted = vectors * math.sqrt(HIDDEN) + sinusoids(3, HIDDEN, vectors)
    torch.testing.assert_close(positions(vectors), wanted)
    assert Positions(INPUT, HIDDEN, 0.0)(torch.zeros(2, 3, INPUT)).shape == (2, 3, HIDDEN)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    spare=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_padding_changes_no_output_and_no_gradient(
    lengths: list[int], spare: int, seed: int
) -> None:
    layer = encoder()
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths) + spare
    inputs = torch.randn(len(lengths), width, INPUT, generator=generator).double()
    inputs.requires_grad_()
    memory, mean = layer(inputs, torch.tensor(lengths))
    (memory.sin().sum() + mean.cos().sum()).backward()
    assert inputs.grad is not None
    for row, length in enumerate(lengths):
        alone = inputs.detach()[row : row + 1, :length].clone().requires_grad_()
        own, own_mean = layer(alone, torch.tensor([length]))
        (own.sin().sum() + own_mean.cos().sum()).backward()
        assert alone.grad is not None
        torch.testing.assert_close(memory[row, :length], own[0])
        torch.testing.assert_close(mean[row], own[0].mean(dim=0))
        torch.testing.assert_close(inputs.grad[row, :length], alone.grad[0])
        assert not memory[row, length:].any() and not inputs.grad[row, length:].any()


def test_use_without_gradients_gives_the_outputs_of_training() -> None:
    layer = encoder().eval()
    inputs, lengths = torch.randn(3, 6, INPUT).double(), torch.tensor([6, 1, 3])
    memory, mean = layer(inputs, lengths)
    with torch.inference_mode():  # torch takes another path here
        again, mean_again = layer(inputs, lengths)
    torch.testing.assert_close(again, memory.detach())
    torch.testing.assert_close(mean_again, mean.detach())


def test_order_matters() -> None:
    layer = encoder().eval()
    inputs = torch.randn(1, 4, INPUT).double()
    _, mean = layer(inputs, torch.tensor([4]))
    _, turned = layer(inputs.flip(1), torch.tensor([4]))
    assert not torch.allclose(mean, turned)
