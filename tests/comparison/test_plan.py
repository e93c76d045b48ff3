"""Which networks take part, and what is refused before anything trains."""

from __future__ import annotations

from typing import Any

import pytest

from seqkit.comparison.plan import Plan, budget_minutes, timed, variants
from seqkit.config import from_dict
from seqkit.errors import ConfigError
from seqkit.registry import get_task


def settings(task: str, **values: Any) -> Any:
    """A task's settings with these over the defaults."""
    return from_dict(get_task(task).Config, values)


def names(task: str, plan: Plan) -> list[str]:
    return [variant.name for variant in variants(task, settings(task), plan)]


def test_every_cell_meets_every_direction_and_attention() -> None:
    plan = Plan(["gru", "lstm", "gru"], directions=["1", "2"], attention=["none", "additive"])
    found = names("translation", plan)
    assert len(found) == len(set(found)) == 8
    assert found[:4] == [
        "gru-uni-no_attention",
        "gru-uni-additive",
        "gru-bi-no_attention",
        "gru-bi-additive",
    ]


def test_a_variant_changes_what_its_name_says() -> None:
    config = settings("translation")
    (variant,) = variants("translation", config, Plan(["gru"], ["1"], ["dot"]))
    model = variant.settings(config, seed=7, lr=0.5).model
    assert (model.cell, model.bidirectional, model.attention) == ("gru", False, "dot")
    assert variant.settings(config, seed=7, lr=0.5).training.seed == 7
    assert variant.settings(config).data == config.data


def test_a_transformer_takes_part_once_with_a_width_that_its_heads_share() -> None:
    config = settings("sentiment", model={"hidden_size": 90})
    found = variants("sentiment", config, Plan(["transformer", "gru"], directions=["1", "2"]))
    assert [variant.name for variant in found] == ["transformer", "gru-uni", "gru-bi"]
    assert found[0].changes["hidden_size"] == 88


@pytest.mark.parametrize(
    ("task", "plan", "expected"),
    [
        ("captioning", {"cells": ["gru"], "directions": ["1"]}, "captioning has no `model.bidirectional`"),
        ("sentiment", {"cells": ["gru"], "attention": ["dot"]}, "--attention: sentiment has no `model.attention`"),
        ("language", {"cells": ["gru", "transformer"]}, "must be one of rnn_tanh, rnn_relu, lstm, gru, got"),
        ("translation", {"cells": ["gru"], "attention": ["adittive"]}, "Did you mean 'additive'"),
        ("sentiment", {"cells": ["gruu"]}, "Did you mean 'gru'"),
        ("sentiment", {"cells": []}, "--cells must name one cell"),
        ("sentiment", {"cells": ["gru"], "directions": ["3"]}, "--directions must be 1, 2 or 1,2, got 3"),
        ("sentiment", {"cells": ["gru"], "seeds": 0}, "--seeds must be at least 1 training, got 0"),
        ("sentiment", {"cells": ["gru"], "lrs": [0.1, 0.0]}, "--lrs must be above 0, got 0.1, 0.0"),
    ],
)  # fmt: skip
def test_what_a_network_cannot_be_is_said(task: str, plan: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        names(task, Plan(**plan))
    assert expected in str(refusal.value)


def test_all_networks_that_cannot_be_are_named_at_once() -> None:
    config = settings("sentiment", model={"tbptt_steps": 5, "bidirectional": False})
    with pytest.raises(ConfigError, match=r"`model.tbptt_steps` needs") as refusal:
        variants("sentiment", config, Plan(["gru", "grru"], directions=["2"]))
    assert "'grru'" in str(refusal.value)


def test_a_network_that_brings_its_own_cell_is_not_compared() -> None:
    config = settings("sentiment", model={"pretrained": "runs/language-1"})
    with pytest.raises(ConfigError, match=r"`model.pretrained` brings a network of its own"):
        variants("sentiment", config, Plan(["gru"]))


def test_a_budget_is_parameters_or_minutes() -> None:
    assert (budget_minutes("parameters"), budget_minutes("minutes=2")) == (0, 2)
    for wrong in ("minutes", "minutes=", "minutes=-1", "minutes=nan", "hours=2", "10"):
        with pytest.raises(ConfigError, match="must be parameters or minutes=NUMBER"):
            budget_minutes(wrong)


def test_time_ends_trainings_whose_rate_does_not_follow_the_epochs() -> None:
    training = timed(settings("sentiment"), 2.0).training
    assert training.max_minutes == 2 and training.epochs > 1000
    with pytest.raises(ConfigError, match=r"`training.schedule` linear needs to know"):
        timed(settings("translation"), 2.0)
    assert timed(settings("translation"), 0.0) == settings("translation")
