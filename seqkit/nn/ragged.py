"""Sequences of unequal length laid end to end by step, so that no padding is ever computed.

Rows are sorted from longest to shortest; step t holds the rows that are longer than t, and steps follow each other.
It is the layout of torch's `PackedSequence`, with the indices that lead into it and back kept for every layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from seqkit.errors import ShapeError


@dataclass(frozen=True)
class Ragged:
    """Where each real step of a padded batch stands in the ragged layout of `total` steps.

    Attributes:
        sizes: Rows that are active at each step, never rising.
        order: Rows of the batch from longest to shortest, int64 [batch].
        back: Where each row of the batch stands in `order`, int64 [batch].
        forwards: Place in the flat padded batch [batch * len] of each ragged step, int64 [total].
        backwards: The same where every row is read from its end.
        previous: Place of each step's predecessor in [batch start states, total steps], int64 [total].
        last: Place of each row's last step in the same, int64 [batch], in the order of the batch.
    """

    sizes: list[int]
    order: Tensor
    back: Tensor
    forwards: Tensor
    backwards: Tensor
    previous: Tensor
    last: Tensor

    @cached_property
    def places(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Where the start and each step begin in [batch start states, total steps], and where the last one ends."""
        return np.cumsum([0, len(self.order), *self.sizes], dtype=np.int64)

    def before(self, part: Tensor) -> Tensor:
        """What stood before each step, float [dirs, total, ...], in float [dirs, batch + total, ...].

        A view where all rows are as long: what was before them then stands a step further up.
        """
        if self.sizes and self.sizes[-1] == len(self.order):
            return part[:, : len(self.previous)]
        return part.index_select(1, self.previous)

    def gather(self, padded: Tensor, steps: Tensor) -> Tensor:
        """Fills the last of float [dirs, ..., size], one a real step; returns all.

        Args:
            padded: What each direction reads, [batch, len, size], or a direction beside the other,
                [batch, len, dirs * size].
            steps: Where it goes, behind what else has room there.
        """
        for place, values, rows in self._by_direction(padded, steps):
            torch.index_select(values, 0, place, out=rows)
        return steps

    def spread(self, steps: Tensor, padded: Tensor) -> Tensor:
        """Fills float [batch, len, dirs * size] by the last of [dirs, ..., size], a direction beside the other, or
        [batch, len, size] by the sums over directions; 0 at padding. Returns it."""
        padded.zero_()
        meet = len(steps) > 1 and padded.size(2) == steps.size(2)
        for place, values, rows in self._by_direction(padded, steps):
            (values.index_add_ if meet else values.index_copy_)(0, place, rows)
        return padded

    def _by_direction(
        self, padded: Tensor, steps: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Of each direction its places, the [batch * len, size] of `padded` that it has, and the last of its steps."""
        flat, dirs = padded.flatten(0, 1), len(steps)
        sides = [flat] * dirs if padded.size(2) == steps.size(2) else flat.chunk(dirs, dim=1)
        last = steps[:, steps.size(1) - len(self.previous) :]
        return zip((self.forwards, self.backwards), sides, last, strict=False)

    def to(self, device: torch.device) -> Ragged:
        """The layout with its indices on that device."""
        if device == self.order.device:
            return self
        indices = ("order", "back", "forwards", "backwards", "previous", "last")
        return replace(self, **{name: getattr(self, name).to(device) for name in indices})

    @classmethod
    def of(cls, lengths: Tensor, max_len: int) -> Ragged:
        """The layout for lengths int64 [batch] on the CPU, 0 to max_len."""
        # By numpy: its calls take half as long as torch's, longer than the work.
        rows = lengths.numpy()
        order = np.argsort(-rows, kind="stable")
        ordered, back, batch = rows[order], np.argsort(order), len(rows)
        active = ordered > np.arange(ordered[0] if batch else 0)[:, None]  # [steps, batch]
        sizes = active.sum(axis=1)
        begins = np.cumsum([0, batch, *sizes])  # of the start and of each step
        step, row = active.nonzero()  # step by step, [total]
        start = order[row] * max_len
        places = (
            start + step,
            start + ordered[row] - 1 - step,
            np.where(step > 0, begins[step] + row, row),
            (begins[ordered] + np.arange(batch))[back],
        )
        indices = (torch.from_numpy(place.astype(np.int64)) for place in (order, back, *places))
        return cls(sizes.tolist(), *indices)


def layout_of(lengths: Tensor, max_len: int) -> Ragged:
    """The layout for lengths int64 [batch] on the CPU, at least one.

    Raises:
        ShapeError: if they are not 0 to max_len.
    """
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest < 0 or longest > max_len:
        raise ShapeError(f"lengths must be 0 to {max_len}, got {shortest} to {longest}.")
    return rectangle(len(lengths), max_len) if shortest == max_len else Ragged.of(lengths, max_len)


@lru_cache(maxsize=16)
def rectangle(batch: int, steps: int) -> Ragged:
    """The layout of rows of one length, kept, as most batches of long texts are cut to the same one."""
    with torch.inference_mode(False):  # also for a later batch that learns
        return Ragged.of(torch.full((batch,), steps), steps)
