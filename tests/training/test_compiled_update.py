"""Steps by machine code are those of torch, whose state they share."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from seqkit.nn import workers
from seqkit.settings import TrainingConfig
from seqkit.training.schedules import build_optimizer

compiled_update = pytest.importorskip(
    "seqkit.training.compiled_update", reason="the extra `compiled` is not installed"
)

SHAPES = ((300, 20), (7, 3), (5,), (), (0, 4))


def network() -> nn.ParameterList:
    torch.manual_seed(3)
    return nn.ParameterList(torch.randn(shape) for shape in SHAPES)


def optimizers(decoupled: bool) -> list[tuple[nn.ParameterList, Optimizer]]:
    """Ours and torch's, each over weights of its own, of which the last ones learn faster."""
    made: list[tuple[nn.ParameterList, Optimizer]] = []
    options: dict[str, Any] = {"lr": 1e-2, "eps": 1e-7, "weight_decay": 0.1}
    for ours in (True, False):
        weights = network()
        groups = [{"params": list(weights[:2])}, {"params": list(weights[2:]), "lr": 3e-2}]
        if ours:
            made.append(
                (weights, compiled_update.CompiledAdam(groups, **options, decoupled=decoupled))
            )
        else:
            made.append((weights, (AdamW if decoupled else Adam)(groups, **options, fused=True)))
    return made


def take_steps(weights: nn.ParameterList, optimizer: Optimizer, seed: int, count: int = 4) -> None:
    generator = torch.Generator().manual_seed(seed)
    for step in range(count):
        for index, weight in enumerate(weights):
            weight.grad = torch.randn(weight.shape, generator=generator)
            if index == 1 and step % 2:
                weight.grad = None  # not a part of this batch
        optimizer.step()


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_weights_that_it_takes_get_it_and_others_torchs(name: str) -> None:
    config = TrainingConfig(optimizer=name, lr=0.5, weight_decay=0.25)  # type: ignore[arg-type]
    ours, theirs = (
        build_optimizer(config, [{"params": [nn.Parameter(torch.zeros(2, dtype=kind))]}])
        for kind in (torch.float32, torch.float64)
    )
    assert isinstance(ours, compiled_update.CompiledAdam)
    assert ours.decoupled == (name == "adamw") and ours.defaults["weight_decay"] == 0.25
    assert type(theirs) is (AdamW if name == "adamw" else Adam)
    asked = replace(config, kernel="own")
    other = build_optimizer(asked, [{"params": [nn.Parameter(torch.zeros(2))]}])
    assert type(other) is type(theirs)


def close(found: nn.ParameterList, wanted: nn.ParameterList) -> None:
    torch.testing.assert_close(list(found), list(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
def test_steps_are_those_of_torch(decoupled: bool) -> None:
    (mine, ours), (others, theirs) = optimizers(decoupled)
    take_steps(mine, ours, 5)
    take_steps(others, theirs, 5)
    close(mine, others)
    assert ours.state[mine[1]]["step"] == 2 and ours.state[mine[0]]["step"] == 4


def test_steps_are_the_same_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ENOUGH", 0)
    found = []
    for threads in (1, 2, 5):
        workers.set_workers(threads)
        (weights, optimizer), _ = optimizers(decoupled=True)
        take_steps(weights, optimizer, 5)
        found.append(list(weights))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_training_goes_on_with_either(decoupled: bool) -> None:
    (mine, ours), (others, theirs) = optimizers(decoupled)
    take_steps(mine, ours, 5)
    take_steps(others, theirs, 5)
    states = [copy.deepcopy(each.state_dict()) for each in (ours, theirs)]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    ours.load_state_dict(states[1])
    theirs.load_state_dict(states[0])
    take_steps(mine, ours, 6)
    take_steps(others, theirs, 6)
    close(mine, others)


def test_weights_that_got_no_gradient_stay() -> None:
    weights = network()
    before = copy.deepcopy(weights)
    compiled_update.CompiledAdam(weights.parameters()).step()
    assert all(torch.equal(a, b) for a, b in zip(weights, before, strict=True))
    assert compiled_update.norm([]) == 0


def test_gradients_that_lie_otherwise_are_read_in_the_order_of_their_weights() -> None:
    weight = nn.Parameter(torch.zeros(2, 3))
    weight.grad = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]).T
    compiled_update.CompiledAdam([{"params": [weight]}], 1.0, 0.0, 0.0, decoupled=False).step()
    wanted = torch.tensor([[-1.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
    torch.testing.assert_close(weight.detach().nan_to_num(), wanted)


def test_the_norm_is_that_of_all_numbers() -> None:
    parts = [torch.full((5000,), 2.0), torch.tensor([-3.0]), torch.zeros(0)]
    assert compiled_update.norm(parts) == pytest.approx(math.sqrt(5000 * 4 + 9))
    assert math.isnan(compiled_update.norm([torch.tensor([1.0, math.nan])]))
    assert math.isinf(compiled_update.norm([torch.tensor([1.0, -math.inf])]))


@pytest.mark.parametrize(
    ("part", "is_taken"),
    [
        (torch.zeros(3, 2), True),
        (torch.zeros(3, 2).T, False),
        (torch.zeros(3, dtype=torch.float64), False),
        (torch.zeros(3, dtype=torch.bfloat16), False),
        (torch.zeros(3, device="meta"), False),
    ],
)
def test_numbers_of_another_kind_are_left_to_torch(part: Tensor, is_taken: bool) -> None:
    assert compiled_update.takes([torch.zeros(2), part]) == is_taken
