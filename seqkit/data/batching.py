"""Which examples go into one batch: those of like length, so that little padding is computed. Torch-free."""

from __future__ import annotations

import random
from collections.abc import Sequence

POOL = 50
"""Batches' worth of examples that are sorted by length together."""


def make_batches(
    lengths: Sequence[int],
    *,
    batch_size: int,
    batch_tokens: int = 0,
    rng: random.Random | None = None,
) -> list[list[int]]:
    """Indices of the examples of each batch.

    Args:
        lengths: Steps of each example.
        batch_size: Examples a batch; ignored if `batch_tokens` is above 0.
        batch_tokens: Steps a batch, padding included; one longer example is a batch of its own.
        rng: Shuffles examples into pools and then the batches; None keeps them sorted by length.

    >>> make_batches([3, 1, 2, 9], batch_size=2)
    [[1, 2], [0, 3]]
    """
    order = list(range(len(lengths)))
    if rng is None:
        return _cut(sorted(order, key=lambda i: lengths[i]), lengths, batch_size, batch_tokens)
    rng.shuffle(order)
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    pool = POOL * (max(1, int(batch_tokens / mean)) if batch_tokens else batch_size)
    batches = []
    for start in range(0, len(order), pool):
        ranked = sorted(order[start : start + pool], key=lambda i: lengths[i])
        batches += _cut(ranked, lengths, batch_size, batch_tokens)
    rng.shuffle(batches)
    return batches


def _cut(
    ranked: list[int], lengths: Sequence[int], batch_size: int, batch_tokens: int
) -> list[list[int]]:
    """Cuts indices sorted by length into batches."""
    if not batch_tokens:
        return [ranked[i : i + batch_size] for i in range(0, len(ranked), batch_size)]
    batches: list[list[int]] = []
    current: list[int] = []
    for index in ranked:
        if current and (len(current) + 1) * lengths[index] > batch_tokens:
            batches.append(current)
            current = []
        current.append(index)
    return [*batches, current] if current else batches
