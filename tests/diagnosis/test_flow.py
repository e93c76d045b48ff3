"""The measured flow against theory, and verdicts on networks whose fault is planted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqkit.diagnosis import Flow, gradient_flow, judge
from seqkit.diagnosis.flow import fitted_rate
from seqkit.nn import Recurrent

STEPS, ROWS, HIDDEN = 60, 4, 24


class LastState(nn.Module):
    """A layer whose last state is the loss, by a fixed direction."""

    def __init__(self, cell: str, **settings: Any) -> None:
        super().__init__()
        self.layers = Recurrent(cell, 8, HIDDEN, **settings)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        _, state = self.layers(inputs, lengths)
        return state[0].sum()


def flow_of(
    cell: str, plant: Callable[[Recurrent], None], scale: float = 1.0, **settings: Any
) -> list[Flow]:
    torch.manual_seed(0)
    model = LastState(cell, **settings)
    with torch.no_grad():
        plant(model.layers)
    lengths = torch.full((ROWS,), STEPS)
    inputs = scale * torch.randn(ROWS, STEPS, 8)
    pipeline: Any = SimpleNamespace(model=model, loss=lambda x: (model(x, lengths), 1))
    return gradient_flow(pipeline, [inputs])


def recurrence(weight: Tensor) -> Callable[[Recurrent], None]:
    @torch.no_grad()
    def plant(layer: Recurrent) -> None:
        layer.weight_hh_l0.copy_(weight)
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()

    return plant


def orthogonal(scale: float) -> Tensor:
    return scale * nn.init.orthogonal_(torch.empty(HIDDEN, HIDDEN))


def of_radius(radius: float, seed: int) -> Tensor:
    weight = torch.randn(HIDDEN, HIDDEN, generator=torch.Generator().manual_seed(seed))
    return weight * radius / torch.linalg.eigvals(weight).abs().max()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [0.8, 0.95, 1.05])
def test_a_linear_network_decays_by_its_spectral_radius(radius: float, seed: int) -> None:
    # Tanh of small numbers is linear.
    (flow,) = flow_of("rnn_tanh", recurrence(of_radius(radius, seed)), scale=1e-6)
    assert flow.radii["state"] == pytest.approx(radius, rel=1e-4)
    assert flow.rate == pytest.approx(radius, rel=0.02)


def test_every_distance_is_the_product_of_the_jacobians() -> None:
    weight = of_radius(0.9, 0)
    (flow,) = flow_of("rnn_tanh", recurrence(weight), scale=1e-6)
    gradient, norms = torch.ones(HIDDEN), []
    for _ in range(STEPS):
        norms.append(float(gradient.norm()))
        gradient = weight.T @ gradient
    assert flow.carried == pytest.approx([n / norms[0] for n in norms], rel=1e-3)
    assert flow.total == pytest.approx(
        flow.carried, rel=1e-4
    )  # nothing but the last state is in the loss


PLANTED = [
    ("rnn_tanh", lambda r: recurrence(orthogonal(0.5))(r), 0.1, "vanishes"),
    ("rnn_tanh", lambda r: recurrence(orthogonal(1.0))(r), 0.01, "healthy"),
    ("rnn_relu", lambda r: recurrence(1.5 * torch.eye(HIDDEN))(r), 0.1, "explodes"),
    ("rnn_tanh", lambda r: r.weight_ih_l0.mul_(1000), 1.0, "saturated"),
    ("lstm", lambda r: r.bias_ih_l0.copy_(torch.tensor([20.0, -20.0, 0.0, 20.0]).repeat_interleave(HIDDEN)), 1.0,
     "saturated"),
    ("lstm", lambda r: r.bias_ih_l0[HIDDEN : 2 * HIDDEN].fill_(4.0), 1.0, "healthy"),
    ("gru", lambda r: r.bias_ih_l0[HIDDEN : 2 * HIDDEN].fill_(4.0), 1.0, "healthy"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "plant", "scale", "kind"), PLANTED)
def test_the_verdict_names_the_planted_fault(
    cell: str, plant: Callable[[Recurrent], None], scale: float, kind: str
) -> None:
    (flow,) = flow_of(cell, plant, scale)
    finding = judge(flow)
    assert finding.kind == kind
    assert finding.sentence.startswith(kind)


def test_a_state_that_the_loss_reaches_directly_is_said_to_be_learned_from() -> None:
    flow = Flow("encoder", "lstm", [0.5**k for k in range(50)], [1.0] * 50, 0.5, {}, {})
    assert "all the same" in judge(flow).sentence
    nowhere = Flow("encoder", "rnn_tanh", flow.carried, flow.carried, 0.5, {}, {})
    assert "A gated cell" in judge(nowhere).sentence


def test_each_direction_of_each_layer_has_its_flow() -> None:
    flows = flow_of("gru", lambda r: None, num_layers=2, bidirectional=True)
    names = [flow.layer for flow in flows]
    assert names == ["layers 1", "layers 1, backwards", "layers 2", "layers 2, backwards"]


def test_short_rows_are_measured_from_their_own_last_step() -> None:
    torch.manual_seed(0)
    model = LastState("rnn_tanh")
    recurrence(of_radius(0.9, 0))(model.layers)
    inputs = 1e-6 * torch.randn(2, STEPS, 8)
    pipeline: Any = SimpleNamespace(model=model, loss=lambda lengths: (model(inputs, lengths), 1))
    (whole,) = gradient_flow(pipeline, [torch.tensor([STEPS, STEPS])])
    (short,) = gradient_flow(pipeline, [torch.tensor([STEPS, 20])])
    assert short.carried[:20] == pytest.approx(whole.carried[:20], rel=1e-3)
    assert len(short.carried) == STEPS


def test_looking_leaves_no_trace() -> None:
    torch.manual_seed(0)
    model = LastState("lstm").train()
    inputs, lengths = torch.randn(2, 9, 8), torch.tensor([9, 4])
    before, random = model(inputs, lengths), torch.random.get_rng_state()
    pipeline: Any = SimpleNamespace(model=model, loss=lambda x: (model(x, lengths), 1))
    gradient_flow(pipeline, [inputs])
    assert model.training and all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert torch.equal(model(inputs, lengths), before)


def test_a_rate_is_fitted_where_the_direction_has_settled() -> None:
    shares = torch.cat([torch.tensor([0.0, -3.0, -4.0]), -4.0 + torch.arange(1, 12) * -0.1])
    assert fitted_rate(shares) == pytest.approx(2.718281828**-0.1, rel=1e-4)
    assert fitted_rate(torch.tensor([0.0])) == 1.0
