"""Sequences of unequal length side by side: the one place where padding is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqkit.nn.masks import lengths_to_mask

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Padded sequences.

    Attributes:
        values: [batch, len] or [batch, len, size], padding at the end of each row.
        lengths: Real steps of each row, int64 [batch], always on the CPU.
    """

    values: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """True at real steps, bool [batch, len], on the device of the values."""
        return lengths_to_mask(self.lengths.to(self.values.device), self.values.size(1))

    def to(self, device: torch.device) -> Batch:
        """The batch with its values on that device."""
        return Batch(self.values.to(device, non_blocking=True), self.lengths)

    def __len__(self) -> int:
        return self.values.size(0)


def pad(sequences: Sequence[Sequence[float]], pad_idx: int = 0) -> Batch:
    """Token ids or real values as a batch; an empty sequence gets one step of padding that counts as real.

    >>> pad([[5, 6], [7]]).values.tolist()
    [[5, 6], [7, 0]]
    """
    lengths = torch.tensor([max(1, len(s)) for s in sequences])
    width = int(lengths.max())
    rows = [list(s) + [pad_idx] * (width - len(s)) for s in sequences]
    return Batch(torch.tensor(rows), lengths)


def move(batch: T, device: torch.device) -> T:
    """A dataclass of tensors and batches on another device; other fields stay as they are."""
    moved: dict[str, Any] = {}
    for field in dataclasses.fields(batch):  # type: ignore[arg-type]
        value = getattr(batch, field.name)
        if isinstance(value, Batch):
            moved[field.name] = value.to(device)
        elif isinstance(value, Tensor):
            moved[field.name] = value.to(device, non_blocking=True)
    return dataclasses.replace(batch, **moved)  # type: ignore[type-var]
