"""Which examples go into one batch: those of like length, so that little padding is computed. Torch-free."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

POOL = 50
"""Batches' worth of examples that are sorted by length together."""


MANY = 1_000_000
"""Examples on disk from which on no order of all of them is held in memory."""

BLOCK = 64
"""Neighbours that are shuffled as a whole where there are many examples."""


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


class BlockBatches:
    """Batches of very many examples, made as they are asked for.

    Blocks of neighbours are shuffled, and a pool of them at a time is mixed, sorted by length, cut into batches and the
    batches shuffled. So memory holds a pool and the order of the blocks, and files are read in few places at a time.

    Args:
        lengths: Steps of each example, integers [examples], which may be mapped from a file.
        batch_size: Examples a batch; ignored if `batch_tokens` is above 0.
        batch_tokens: Steps a batch, as in `make_batches`.
        seed: The batches are a function of it and of the lengths.
    """

    def __init__(
        self, lengths: np.ndarray, *, batch_size: int, batch_tokens: int = 0, seed: str
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.seed = seed

    def __len__(self) -> int:
        if self.batch_tokens:
            return sum(1 for _ in self)
        return sum(-(-len(pool) // self.batch_size) for pool in self._pools(self._rng()))

    def __iter__(self) -> Iterator[list[int]]:
        rng = self._rng()
        for pool in self._pools(rng):
            rng.shuffle(pool)
            lengths = {index: int(self.lengths[index]) for index in pool}
            ranked = sorted(pool, key=lengths.__getitem__)
            batches = _cut(ranked, lengths, self.batch_size, self.batch_tokens)
            rng.shuffle(batches)
            yield from batches

    def _rng(self) -> random.Random:
        return random.Random(self.seed)

    def _pools(self, rng: random.Random) -> Iterator[list[int]]:
        """Indices of the examples of some blocks at a time, every block once."""
        count = len(self.lengths)
        starts = list(range(0, count, BLOCK))
        rng.shuffle(starts)
        size = max(
            1, POOL * (self._usual_size() if self.batch_tokens else self.batch_size) // BLOCK
        )
        for first in range(0, len(starts), size):
            blocks = (range(s, min(s + BLOCK, count)) for s in starts[first : first + size])
            yield [index for block in blocks for index in block]

    def _usual_size(self) -> int:
        """About how many examples are in a batch of so many tokens."""
        mean = float(self.lengths[: POOL * BLOCK].mean())
        return max(1, int(self.batch_tokens / max(1.0, mean)))


def _cut(
    ranked: list[int],
    lengths: Sequence[int] | Mapping[int, int],
    batch_size: int,
    batch_tokens: int,
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
