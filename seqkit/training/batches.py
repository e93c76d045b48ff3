"""The batches of an epoch, a function of the seed and the epoch alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from seqkit.data.batching import MANY, BlockBatches, make_batches
from seqkit.data.stored_items import StoredItems
from seqkit.pipeline import Pipeline
from seqkit.settings import TrainingConfig


def epoch_batches(
    pipeline: Pipeline[Any, Any, Any], items: Sequence[Any], config: TrainingConfig, epoch: int
) -> list[list[int]] | BlockBatches:
    """Places in `items`, batch by batch.

    Args:
        pipeline: Knows how long an item is.
        items: Examples as numbers.
        config: Seed and sizes.
        epoch: Its number.
    """
    seed = f"{config.seed} {epoch}"
    size, tokens = config.batch_size, config.batch_tokens
    if isinstance(items, StoredItems) and len(items) >= MANY:
        return BlockBatches(items.lengths, batch_size=size, batch_tokens=tokens, seed=seed)
    lengths = item_lengths(pipeline, items)
    return make_batches(lengths, batch_size=size, batch_tokens=tokens, rng=random.Random(seed))


def item_lengths(pipeline: Pipeline[Any, Any, Any], items: Sequence[Any]) -> list[int]:
    """Steps of each item."""
    if isinstance(items, StoredItems):
        return [int(length) for length in items.lengths]
    return [pipeline.length(item) for item in items]


def grouped(batches: Iterable[list[int]], size: int) -> Iterator[list[list[int]]]:
    """So many batches at a time, whose gradients make one update."""
    left = iter(batches)
    while group := list(islice(left, size)):
        yield group
