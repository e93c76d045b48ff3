"""From every encoder to every decoder: widths, layers, directions and what feeds what."""

from __future__ import annotations

import itertools

import pytest
import torch

from seqkit.nn.bridge import Bridge
from seqkit.nn.cells import CELLS, get_cell
from seqkit.nn.encoder import Encoder
from seqkit.nn.recurrent import Recurrent

BATCH, INPUT, HIDDEN, TO = 3, 4, 5, 6
SOURCES = [*CELLS, "transformer"]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(SOURCES, CELLS)))
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("from_layers", "to_layers"), [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_every_encoder_starts_every_decoder(
    source: str, target: str, bidirectional: bool, from_layers: int, to_layers: int
) -> None:
    encoder = Encoder(source, INPUT, HIDDEN, from_layers, bidirectional=bidirectional, num_heads=1)
    encoded = encoder(torch.randn(BATCH, 4, INPUT), torch.tensor([4, 2, 1]))
    num_states = get_cell(target).num_states
    bridge = Bridge(encoder.output_size, encoder.state_layers, TO, to_layers, num_states)
    state = bridge(encoded.state)
    assert [part.shape for part in state] == [(to_layers, BATCH, TO)] * num_states
    Recurrent(target, INPUT, TO, to_layers)(torch.randn(BATCH, 2, INPUT), None, state)


@pytest.mark.parametrize(
    ("from_layers", "to_layers", "feeds"),
    [(1, 1, [0]), (3, 1, [2]), (3, 2, [1, 2]), (1, 3, [0, 0, 0]), (2, 4, [0, 0, 0, 1])],
)
def test_layers_are_matched_from_the_top(
    from_layers: int, to_layers: int, feeds: list[int]
) -> None:
    bridge = Bridge(HIDDEN, from_layers, TO, to_layers, 1)
    source = torch.randn(from_layers, BATCH, HIDDEN)
    (hidden,) = bridge((source,))
    for layer, (proj, fed_by) in enumerate(zip(bridge.hidden, feeds, strict=True)):
        torch.testing.assert_close(hidden[layer], torch.tanh(proj(source[fed_by])))


@pytest.mark.parametrize("num_parts", [1, 2])
def test_a_cell_state_comes_from_the_cell_state_or_else_from_the_hidden_one(num_parts: int) -> None:
    bridge = Bridge(HIDDEN, 1, TO, 1, 2)
    parts = tuple(torch.randn(1, BATCH, HIDDEN) for _ in range(num_parts))
    hidden, cell = bridge(parts)
    torch.testing.assert_close(hidden[0], torch.tanh(bridge.hidden[0](parts[0][0])))
    torch.testing.assert_close(cell[0], bridge.cell[0](parts[-1][0]))


def test_a_decoder_without_cell_state_ignores_the_encoders() -> None:
    bridge = Bridge(HIDDEN, 1, TO, 1, 1)
    hidden, cell = torch.randn(2, 1, BATCH, HIDDEN)
    assert torch.equal(bridge((hidden, cell))[0], bridge((hidden, cell + 1))[0])
    assert len(list(bridge.parameters())) == 2
