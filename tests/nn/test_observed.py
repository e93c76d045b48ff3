"""Layers run step by step for an observer give what they give otherwise."""

from __future__ import annotations

import pytest
import torch

from seqkit.nn import Recurrent
from seqkit.nn.cells import CELLS
from seqkit.nn.observed import SeenStep


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_an_observed_layer_gives_the_same_outputs_states_and_gradients(
    cell: str, bidirectional: bool
) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, 5, 7, num_layers=2, bidirectional=bidirectional)
    inputs, lengths = torch.randn(3, 6, 5, requires_grad=True), torch.tensor([6, 0, 4])
    results = []
    for observer in (None, lambda step: None):
        layer.observer = observer
        outputs, state = layer(inputs, lengths)
        value = (outputs * outputs.detach().cos()).sum() + sum(part.sum() for part in state)
        results.append(
            [outputs, *state, *torch.autograd.grad(value, [inputs, *layer.parameters()])]
        )
    for plain, observed in zip(*results, strict=True):
        torch.testing.assert_close(observed, plain, rtol=1e-4, atol=1e-5)


def test_the_observer_sees_every_real_step_in_its_order() -> None:
    layer = Recurrent("gru", 2, 3, bidirectional=True)
    seen: list[SeenStep] = []
    layer.observer = seen.append
    layer(torch.randn(2, 4, 2), torch.tensor([4, 2]))
    assert [step.backwards for step in seen] == [False] * 4 + [True] * 4
    assert [step.real.tolist() for step in seen[4:]] == [[True, False]] * 2 + [[True, True]] * 2
    assert torch.equal(seen[5].before[0], seen[4].after[0])


def test_single_steps_are_seen_too() -> None:
    layer = Recurrent("lstm", 2, 3, num_layers=2)
    seen: list[SeenStep] = []
    layer.observer = seen.append
    layer.step(torch.randn(1, 2), layer.zero_state(1, torch.zeros(1)))
    assert [step.layer for step in seen] == [0, 1]
