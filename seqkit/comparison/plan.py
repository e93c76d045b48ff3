"""Which networks are compared, and by what they are made equal. Torch-free.

A network is the comparison's settings with a few of another value (`Variant`); what a network or a task cannot take is
refused here, before anything trains.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from seqkit.config import from_dict, merge, to_dict
from seqkit.errors import ConfigError

T = TypeVar("T")

DIRECTIONS = {"1": False, "2": True}
"""Directions of an encoder, as `model.bidirectional` has them."""

SPREAD_OUT = ("linear", "cosine", "one_cycle")
"""Schedules that spread over the epochs, whose number is not known where time ends the training."""

NO_END = 100_000
"""Epochs of a training that time ends."""


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        cells: Values of `model.cell`.
        directions: `1`, `2` or both; empty where all networks have the directions of the settings.
        attention: Values of `model.attention`; empty where all have that of the settings.
        seeds: Trainings of each network.
        lrs: Learning rates, of which each network gets the one that is best on dev; empty: that of the settings.
        minutes: Time of each training; 0 makes the numbers of parameters equal instead.
    """

    cells: Sequence[str]
    directions: Sequence[str] = ()
    attention: Sequence[str] = ()
    seeds: int = 3
    lrs: Sequence[float] = ()
    minutes: float = 0.0

    def __post_init__(self) -> None:
        faults = []
        if not self.cells:
            faults.append("--cells must name one cell at least.")
        if unknown := sorted(set(self.directions) - set(DIRECTIONS)):
            faults.append(f"--directions must be 1, 2 or 1,2, got {', '.join(unknown)}.")
        if self.seeds < 1:
            faults.append(f"--seeds must be at least 1 training, got {self.seeds}.")
        if any(lr <= 0 for lr in self.lrs):
            faults.append(f"--lrs must be above 0, got {', '.join(map(str, self.lrs))}.")
        if faults:
            raise ConfigError("\n".join(faults))


@dataclass(frozen=True)
class Variant:
    """One of the networks.

    Attributes:
        name: Such as `gru` or `gru-bi-additive`.
        changes: What its section `model` has of its own.
    """

    name: str
    changes: Mapping[str, Any]

    def settings(self, config: Any, **training: Any) -> Any:
        """The settings of the network, with these values of the section `training`.

        Raises:
            ConfigError: if the network cannot be so.
        """
        values = {"model": dict(self.changes), "training": training}
        return from_dict(type(config), merge(to_dict(config), values))

    def sized(self, sizes: Mapping[str, int]) -> Variant:
        """The network with other sizes."""
        return dataclasses.replace(self, changes={**self.changes, **sizes})


def budget_minutes(budget: str) -> float:
    """Minutes that a budget gives each training; 0 for `parameters`.

    Raises:
        ConfigError: if it is neither.

    >>> budget_minutes("minutes=2.5")
    2.5
    """
    if budget == "parameters":
        return 0.0
    name, _, number = budget.partition("=")
    try:
        minutes = float(number)
    except ValueError:
        minutes = 0.0
    if name != "minutes" or not minutes > 0:
        raise ConfigError(f"--budget must be parameters or minutes=NUMBER, got {budget}.")
    return minutes


def timed(config: Any, minutes: float) -> Any:
    """The settings of trainings that end by time; as they are for 0 minutes.

    Raises:
        ConfigError: if the learning rate follows the number of epochs.
    """
    if not minutes:
        return config
    if config.training.schedule in SPREAD_OUT:
        raise ConfigError(
            f"--budget minutes={minutes:g}: `training.schedule` {config.training.schedule} needs to know the number of "
            "epochs; choose constant, plateau or inverse_sqrt."
        )
    values = {"training": {"max_minutes": minutes, "epochs": NO_END}}
    return from_dict(type(config), merge(to_dict(config), values))


def variants(task: str, config: Any, plan: Plan) -> list[Variant]:
    """The networks of a plan, each able to be built.

    A transformer takes part once whatever directions and attention are asked for: it looks both ways and has an
    attention of its own.

    Raises:
        ConfigError: with every network that cannot be.
    """
    _refuse(task, config, plan)
    found: dict[str, Variant] = {}
    for cell in unique(plan.cells):
        mine = (
            plan
            if cell != "transformer"
            else dataclasses.replace(plan, directions=(), attention=())
        )
        for directions, attention in itertools.product(
            unique(mine.directions) or [""], unique(mine.attention) or [""]
        ):
            variant = _variant(config, cell, directions, attention)
            found[variant.name] = variant
    faults = dict.fromkeys(
        fault for variant in found.values() for fault in _faults(variant, config)
    )
    if faults:
        raise ConfigError("\n".join(faults))
    return list(found.values())


def _refuse(task: str, config: Any, plan: Plan) -> None:
    """Raises ConfigError for what the task does not have, or what leaves nothing to compare."""
    faults = [
        f"{flag}: {task} has no `model.{setting}`."
        for flag, values, setting in (
            ("--directions", plan.directions, "bidirectional"),
            ("--attention", plan.attention, "attention"),
        )
        if values and not hasattr(config.model, setting)
    ]
    faults += [
        f"`{name}` brings a network of its own, so cells cannot be compared with it, got {value}."
        for name, value in (
            ("model.pretrained", config.model.pretrained),
            ("training.start_from", config.training.start_from),
        )
        if value
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def unique(values: Iterable[T]) -> list[T]:
    """The values in order, each once."""
    return list(dict.fromkeys(values))


def _variant(config: Any, cell: str, directions: str, attention: str) -> Variant:
    changes: dict[str, Any] = {"cell": cell}
    name = [cell]
    if directions:
        changes["bidirectional"] = DIRECTIONS[directions]
        name.append("bi" if DIRECTIONS[directions] else "uni")
    if attention:
        changes["attention"] = attention
        name.append("no_attention" if attention == "none" else attention)
    if cell == "transformer":
        heads = config.model.num_heads
        changes["hidden_size"] = max(heads, round(config.model.hidden_size / heads) * heads)
    return Variant("-".join(name), changes)


def _faults(variant: Variant, config: Any) -> list[str]:
    try:
        variant.settings(config)
    except ConfigError as error:
        return str(error).splitlines()
    return []
