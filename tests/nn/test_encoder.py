"""Encoders: what the decoder and the heads are given."""

from __future__ import annotations

import pytest
import torch

from seqkit.nn.cells import CELLS
from seqkit.nn.encoder import Encoder
from seqkit.nn.recurrent import Recurrent

INPUT, HIDDEN = 4, 6
LENGTHS = torch.tensor([5, 2, 3])
every_core = pytest.mark.parametrize("cell", [*CELLS, "transformer"])


def inputs(width: int = 6) -> torch.Tensor:
    return torch.randn(3, width, INPUT, generator=torch.Generator().manual_seed(4))


@every_core
@pytest.mark.parametrize("bidirectional", [False, True])
def test_memory_mask_and_state_have_the_shapes_told(cell: str, bidirectional: bool) -> None:
    encoder = Encoder(cell, INPUT, HIDDEN, 2, bidirectional=bidirectional, num_heads=2)
    encoded = encoder(inputs(), LENGTHS)
    width = encoder.output_size
    assert width == (2 * HIDDEN if bidirectional and cell != "transformer" else HIDDEN)
    assert encoded.memory.shape == (3, 6, width)
    assert encoded.mask.sum(dim=1).tolist() == LENGTHS.tolist()
    assert not encoded.memory[~encoded.mask].any()
    for part in encoded.state:
        assert part.shape == (encoder.state_layers, 3, width)


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_stand_side_by_side_layer_by_layer(cell: str) -> None:
    encoder = Encoder(cell, INPUT, HIDDEN, 2, bidirectional=True)
    encoded = encoder(inputs(), LENGTHS)
    assert isinstance(encoder.layers, Recurrent)
    _, final = encoder.layers(inputs(), LENGTHS)
    for joined, part in zip(encoded.state, final, strict=True):
        for layer in range(2):  # torch counts layer 0 forward, 0 backward, 1 forward, 1 backward
            wanted = torch.cat([part[2 * layer], part[2 * layer + 1]], dim=-1)
            assert torch.equal(joined[layer], wanted)


@pytest.mark.parametrize("cell", CELLS)
def test_the_top_state_is_the_memory_at_each_directions_own_last_step(cell: str) -> None:
    encoded = Encoder(cell, INPUT, HIDDEN, 2, bidirectional=True)(inputs(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        forwards, backwards = encoded.state[0][-1, row].split(HIDDEN)
        torch.testing.assert_close(forwards, encoded.memory[row, length - 1, :HIDDEN])
        torch.testing.assert_close(backwards, encoded.memory[row, 0, HIDDEN:])


@pytest.mark.parametrize("cell", CELLS)
def test_a_long_text_may_be_read_in_parts_with_the_state_carried_on(cell: str) -> None:
    encoder = Encoder(cell, INPUT, HIDDEN, 2, bidirectional=False)
    values, lengths = inputs(6), torch.tensor([6, 6, 6])
    whole = encoder(values, lengths)
    half = torch.tensor([3, 3, 3])
    first = encoder(values[:, :3], half)
    second = encoder(values[:, 3:], half, first.state)
    torch.testing.assert_close(torch.cat([first.memory, second.memory], dim=1), whole.memory)
    torch.testing.assert_close(second.state, whole.state)


@every_core
def test_dropout_acts_in_training_only(cell: str) -> None:
    encoder = Encoder(cell, INPUT, HIDDEN, dropout=0.5, num_heads=2)
    assert not torch.equal(encoder(inputs(), LENGTHS).memory, encoder(inputs(), LENGTHS).memory)
    encoder.eval()
    assert torch.equal(encoder(inputs(), LENGTHS).memory, encoder(inputs(), LENGTHS).memory)
