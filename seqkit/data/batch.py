"""Sequences of unequal length side by side: the one place where padding is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
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
        values = _sent(self.values, device)
        return self if values is self.values else Batch(values, self.lengths)

    def __len__(self) -> int:
        return self.values.size(0)


def pad(sequences: Sequence[Sequence[float] | np.ndarray], pad_idx: int = 0) -> Batch:
    """Token ids or real values as a batch; an empty sequence gets one step of padding that counts as real.

    >>> pad([[5, 6], [7]]).values.tolist()
    [[5, 6], [7, 0]]
    """
    return pad_joined(_joined(sequences), [len(sequence) for sequence in sequences], pad_idx)


def pad_joined(flat: np.ndarray, lengths: Sequence[int] | np.ndarray, pad_idx: int = 0) -> Batch:
    """As `pad`, of sequences that stand one after the other.

    >>> pad_joined(np.array([5, 6, 7]), [2, 1]).values.tolist()
    [[5, 6], [7, 0]]
    """
    (values,), real = pad_alike([flat], lengths, pad_idx)
    return Batch(values, real)


def pad_alike(
    flats: Iterable[np.ndarray], lengths: Sequence[int] | np.ndarray, pad_idx: int = 0
) -> tuple[list[Tensor], Tensor]:
    """(values of each, their lengths) of several batches whose sequences have the same lengths, see `pad_joined`."""
    sizes = np.asarray(lengths, dtype=np.int64)
    known = lengths if isinstance(lengths, list) else sizes.tolist()  # numpy takes longer for a few
    shortest, longest = min(known), max(1, *known)
    shape = len(sizes), longest
    real = np.arange(longest) < sizes[:, None] if shortest < longest else None

    def padded(flat: np.ndarray) -> Tensor:
        kind = np.float32 if flat.size and flat.dtype.kind == "f" else np.int64
        if real is None:  # there is nothing to pad
            return torch.from_numpy(flat.reshape(shape).astype(kind))
        values = np.full(shape, pad_idx, kind)
        values[real] = flat
        return torch.from_numpy(values)

    return [padded(flat) for flat in flats], torch.from_numpy(np.maximum(sizes, 1))


def _joined(sequences: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """All sequences, which are either lists or arrays, one after the other."""
    if isinstance(sequences[0], np.ndarray):
        return np.concatenate(sequences)
    return np.array(list(chain.from_iterable(sequences)))


def steps_of(batch: Any) -> tuple[int, int]:
    """(real steps, steps with padding) of a batch's sequences: its own, or those of all its fields that are batches.

    >>> steps_of(pad([[5, 6], [7]]))
    (3, 4)
    """
    if isinstance(batch, Batch):
        # Added up by Python: a call to torch takes longer.
        real = sum(batch.lengths.tolist())
        return real, batch.values.size(0) * batch.values.size(1)
    parts = [
        steps_of(part)
        for part in getattr(batch, "__dict__", {}).values()
        if isinstance(part, Batch)
    ]
    return sum(real for real, _ in parts), sum(padded for _, padded in parts)


def move(batch: T, device: torch.device) -> T:
    """A dataclass of tensors and batches on another device; other fields stay as they are."""
    moved: dict[str, Any] = {}
    for name, value in vars(batch).items():
        if isinstance(value, (Batch, Tensor)):
            sent = value.to(device) if isinstance(value, Batch) else _sent(value, device)
            if sent is not value:
                moved[name] = sent
    return dataclasses.replace(batch, **moved) if moved else batch  # type: ignore[type-var]


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """The values on a device; a GPU fetches them by itself, from memory that stays where it is."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
