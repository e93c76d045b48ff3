"""Networks of equal size."""

from __future__ import annotations

from typing import Any

import pytest

from seqkit.comparison.budget import equal_parameters, fitted_sizes, solve_size
from seqkit.comparison.plan import Plan, variants
from seqkit.config import from_dict
from seqkit.registry import get_task

CELLS = ["rnn_tanh", "rnn_relu", "gru", "lstm", "transformer"]


def solved(
    task_name: str, plan: Plan, **values: Any
) -> tuple[list[Any], list[int], int, list[str]]:
    """(networks, their parameters, the parameters wanted, what was said) on a task's sample."""
    task = get_task(task_name)
    config = from_dict(task.Config, values)
    splits = task.read(config)
    train, notes = splits.train[:300], list[str]()
    networks = equal_parameters(
        task, config, variants(task_name, config, plan), train, [], notes.append
    )
    with fitted_sizes(task, config, train, []) as (sizes, target):
        return networks, [sizes.parameters(network) for network in networks], target, notes


def test_every_cell_of_sentiment_has_as_many_parameters_as_the_default() -> None:
    networks, counts, target, notes = solved("sentiment", Plan(CELLS, directions=["1", "2"]))
    assert len(networks) == 9 and notes == []
    assert counts == pytest.approx([target] * 9, rel=0.03)
    by_name = {network.name: network.changes["hidden_size"] for network in networks}
    assert by_name["lstm-bi"] == 128, "the default's own cell keeps its size"
    assert by_name["lstm-bi"] < by_name["gru-bi"] < by_name["rnn_tanh-bi"] < by_name["rnn_tanh-uni"]
    assert by_name["transformer"] % 4 == 0


def test_encoder_and_decoder_of_translation_grow_together() -> None:
    model = {"hidden_size": 64, "decoder_size": 96, "emb_size": 32}
    plan = Plan(CELLS, attention=["none", "additive"])
    networks, counts, target, notes = solved(
        "translation", plan, model=model, data={"units": "word"}
    )
    assert len(networks) == 9 and notes == []
    assert counts == pytest.approx([target] * 9, rel=0.05)
    for network in networks:
        ratio = network.changes["decoder_size"] / network.changes["hidden_size"]
        assert ratio == pytest.approx(1.5, rel=0.1)


def test_a_network_that_cannot_come_near_is_told() -> None:
    model = {"hidden_size": 1, "emb_size": 16, "num_layers": 2}
    _, counts, target, notes = solved("sentiment", Plan(["transformer"]), model=model)
    assert notes == [
        f"transformer: {counts[0]:,} parameters where {target:,} are wanted; no hidden size comes nearer."
    ]


@pytest.mark.parametrize("start", [1, 128])
@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("target", [0, 105, 5_000, 123_456, 10_000_000])
def test_no_other_size_comes_nearer(target: int, step: int, start: int) -> None:
    def count(size: int) -> int:
        return 7 * size * size + 30 * size + 100

    def error(size: int) -> int:
        return abs(count(size) - target)

    size = solve_size(count, target, start, step)
    assert size % step == 0 and size >= step
    assert error(size) <= error(size + step)
    assert size == step or error(size) <= error(size - step)


def test_a_count_that_does_not_grow_ends_the_search() -> None:
    assert solve_size(lambda size: 7, 100, 128) > 128


def test_a_projection_that_an_equal_width_saves_does_not_mislead() -> None:
    plan = Plan(["transformer"])
    _, counts, target, notes = solved("translation", plan, data={"units": "word"})
    assert counts == pytest.approx([target], rel=0.05) and notes == []
