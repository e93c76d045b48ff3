"""Learning rates and scheduled sampling: where they start, how they move, where they end."""

from __future__ import annotations

import itertools
import math
from typing import get_args, get_type_hints

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD, Adam, AdamW

from seqkit.errors import UnknownNameError
from seqkit.settings import TrainingConfig
from seqkit.training.schedules import (
    build_optimizer,
    build_schedule,
    rate_factor,
    sampling_probability,
)

TOTAL = 40
SCHEDULES = [s for s in get_args(get_type_hints(TrainingConfig)["schedule"]) if s != "one_cycle"]
SAMPLING = ("linear", "exponential", "inverse_sigmoid")


def factors(schedule: str, warmup: int, steps: int = TOTAL) -> list[float]:
    config = TrainingConfig(schedule=schedule, warmup_steps=warmup)  # type: ignore[arg-type]
    return [rate_factor(config, step, TOTAL) for step in range(steps)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 1, 10])
def test_the_rate_rises_over_the_warmup_and_never_after(schedule: str, warmup: int) -> None:
    found = factors(schedule, warmup, TOTAL + 5)
    assert found[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)])
    after = found[max(0, warmup - 1) :]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(after))
    assert all(0 <= factor <= 1 for factor in found)
    assert max(found) == pytest.approx(1.0)


@pytest.mark.parametrize("warmup", [0, 12])
def test_one_cycle_rises_over_its_first_part_and_ends_near_0(warmup: int) -> None:
    found = factors("one_cycle", warmup, TOTAL + 5)
    assert found[0] == pytest.approx(1 / 25) and found[12] == pytest.approx(1.0)
    assert found[:13] == sorted(found[:13]) and found[12:] == sorted(found[12:], reverse=True)
    assert found[TOTAL] == found[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_constant_and_plateau_stay_at_the_top_after_the_warmup(schedule: str) -> None:
    assert factors(schedule, 10)[10:] == [1.0] * 30


def test_linear_and_cosine_end_at_0_and_are_half_way_in_the_middle() -> None:
    for schedule in ("linear", "cosine"):
        config = TrainingConfig(schedule=schedule, warmup_steps=10)  # type: ignore[arg-type]
        assert rate_factor(config, 25, TOTAL) == pytest.approx(0.5)
        assert rate_factor(config, TOTAL, TOTAL) == pytest.approx(0.0)
        assert rate_factor(config, TOTAL + 10, TOTAL) == pytest.approx(0.0)


def test_the_inverse_root_halves_when_steps_are_fourfold() -> None:
    found = factors("inverse_sqrt", 5)
    assert found[19] == pytest.approx(0.5)
    assert found[5] == pytest.approx(math.sqrt(5 / 6))


def test_the_schedule_keeps_the_ratio_of_groups_with_rates_of_their_own() -> None:
    one, two = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    config = TrainingConfig(optimizer="sgd", lr=0.5, schedule="linear")
    optimizer = build_optimizer(config, [{"params": [one]}, {"params": [two], "lr": 0.1}])
    schedule = build_schedule(config, optimizer, 4)
    seen = []
    for _ in range(4):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert seen == [pytest.approx([0.5 * f, 0.1 * f]) for f in (1, 0.75, 0.5, 0.25)]


@pytest.mark.parametrize(("name", "kind"), [("adam", Adam), ("adamw", AdamW), ("sgd", SGD)])
def test_the_optimizer_is_the_one_named_with_its_settings(name: str, kind: type) -> None:
    config = TrainingConfig(optimizer=name, lr=0.5, weight_decay=0.25, momentum=0.75)  # type: ignore[arg-type]
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = build_optimizer(config, [{"params": [weight]}])
    assert type(optimizer) is kind
    assert optimizer.defaults["lr"] == 0.5 and optimizer.defaults["weight_decay"] == 0.25
    assert optimizer.defaults.get("momentum", 0.75) == 0.75


@pytest.mark.parametrize("kind", SAMPLING)
@given(start=st.floats(0, 1), end=st.floats(0, 1), steps=st.integers(1, 50))
def test_sampling_moves_from_start_to_end_one_way_and_stays_there(
    kind: str, start: float, end: float, steps: int
) -> None:
    found = [sampling_probability(kind, step, start, end, steps) for step in range(steps + 5)]
    assert found[0] == pytest.approx(start)
    assert found[steps:] == [pytest.approx(end)] * 5
    sign = 1 if end >= start else -1
    moves = [sign * (later - earlier) for earlier, later in itertools.pairwise(found)]
    assert min(moves) >= -1e-12
    assert all(-1e-12 <= probability <= 1 + 1e-12 for probability in found)


def test_the_kinds_differ_on_the_way() -> None:
    early = {kind: sampling_probability(kind, 2, 0.0, 1.0, 10) for kind in SAMPLING}
    assert early["inverse_sigmoid"] < early["linear"] < early["exponential"]
    middle = sampling_probability("inverse_sigmoid", 5, 0.0, 1.0, 10)
    assert middle == pytest.approx(0.5)


def test_no_steps_at_all_mean_the_end_after_the_first_step() -> None:
    assert sampling_probability("linear", 1, 0.0, 0.3, 0) == pytest.approx(0.3)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown sampling schedule 'linar'.*'linear'"):
        sampling_probability("linar", 1, 0.0, 0.5, 10)
