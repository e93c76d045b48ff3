"""Networks of equal size: for each cell the hidden size at which it has as many parameters as the others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from seqkit.comparison.plan import Variant
from seqkit.pipeline import Pipeline
from seqkit.task import Task

TOLERANCE = 0.05
"""Share of the parameters by which networks may differ without a word about it."""

WIDTHS = ("hidden_size", "decoder_size")
"""Settings of the section `model` that grow together."""

LARGEST = 1 << 16
"""Hidden size beyond which nothing is looked for."""

Note = Callable[[str], None]


class Sizes:
    """Counts the parameters of networks on one set of vocabularies.

    Args:
        task: The task.
        config: The settings that the networks share; data has filled in what it decides.
        folder: The vocabularies.
    """

    def __init__(self, task: Task[Any, Any], config: Any, folder: Path) -> None:
        self.task = task
        self.config = config
        self.folder = folder

    def parameters(self, variant: Variant) -> int:
        """Parameters of a network."""
        return count_parameters(self.task.load(variant.settings(self.config), self.folder))

    def solved(self, variant: Variant, target: int) -> Variant:
        """The network with the hidden size that brings it nearest to so many parameters."""
        model = self.config.model
        step = model.num_heads if variant.changes["cell"] == "transformer" else 1

        def sized(hidden_size: int) -> Variant:
            widths = {name: getattr(model, name, 0) for name in WIDTHS}
            return variant.sized({
                name: multiple(width * hidden_size / model.hidden_size, step)
                for name, width in widths.items() if width
            })  # fmt: skip

        count = cache(lambda size: self.parameters(sized(size)))
        return sized(solve_size(count, target, model.hidden_size, step))


@contextmanager
def fitted_sizes(
    task: Task[Any, Any], config: Any, train: Sequence[Any], others: Sequence[Any]
) -> Iterator[tuple[Sizes, int]]:
    """(counts on the vocabularies of the training examples, parameters of the network that `config` describes)."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = task.fit(config, train, others)
        pipeline.save(Path(folder))
        yield Sizes(task, pipeline.config, Path(folder)), count_parameters(pipeline)


def equal_parameters(
    task: Task[Any, Any],
    config: Any,
    networks: Sequence[Variant],
    train: Sequence[Any],
    others: Sequence[Any],
    note: Note,
) -> list[Variant]:
    """The networks with hidden sizes at which each has as many parameters as the one that `config` describes.

    Args:
        task: The task.
        config: Settings; their own cell and hidden size set the number.
        networks: What differs from them.
        train, others: Examples that vocabularies are learned from, and those that are scored.
        note: Told of networks that do not come near.
    """
    with fitted_sizes(task, config, train, others) as (sizes, target):
        solved = [sizes.solved(network, target) for network in networks]
        for network in solved:
            count = sizes.parameters(network)
            if abs(count - target) > TOLERANCE * target:
                note(
                    f"{network.name}: {count:,} parameters where {target:,} are wanted; no hidden size comes nearer."
                )
    return solved


def solve_size(count: Callable[[int], int], target: int, start: int, step: int = 1) -> int:
    """The multiple of `step` at which a network has the number of parameters nearest to `target`.

    Args:
        count: Parameters at a hidden size; they grow with it.
        target: Parameters wanted.
        start: Where to look first.
        step: What the size must be a multiple of.

    >>> solve_size(lambda size: 3 * size * size + 5 * size + 100, 30_600, start=128)
    100
    """
    low, high = 0, max(1, start // step)  # in steps; a network of 0 has too few parameters
    while count(high * step) < target and high * step < LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count(middle * step) < target:
            low = middle
        else:
            high = middle
    return min((max(1, low) * step, high * step), key=lambda size: abs(count(size) - target))


def multiple(size: float, step: int) -> int:
    """The multiple of `step` nearest to a size, one at least."""
    return max(1, round(size / step)) * step


def count_parameters(pipeline: Pipeline[Any, Any, Any]) -> int:
    """Numbers that a network learns, or that it was given and keeps."""
    return sum(parameter.numel() for parameter in pipeline.model.parameters())
