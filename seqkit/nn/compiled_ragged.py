"""A move of `ragged.py` as machine code, compiled by numba on first use: the extra `compiled`.

The other way torch does it, which is the faster one at copying rows that lie here and there.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqkit.nn.machine_code import compiled
from seqkit.nn.ragged import Ragged
from seqkit.nn.rows import MOVE, add, clear_rows, copy
from seqkit.nn.workers import shared


@compiled
def _length(places: Any, row: int) -> int:
    """Steps of a row, the longest one being 0."""
    steps = len(places) - 2
    for step in range(steps):
        if places[step + 2] - places[step + 1] <= row:
            return step
    return steps


@compiled
def _fill_padded(
    begin: int, end: int, places: Any, order: Any, steps: Any, across: int, padded: Any
) -> None:  # fmt: skip
    """Fills rows of padded [batch, len, width] by the last of steps [dirs, ..., size]; directions stand `across` apart,
    and are added up where this is 0."""
    dirs, count, size = steps.shape
    first = count - places[-1]
    for row in range(begin, end):
        into, length = padded[order[row]], _length(places, row)
        for at in range(length):
            for d in range(dirs):
                step = length - 1 - at if d else at
                given = steps[d, first + places[step + 1] + row]
                if d and not across:
                    add(given, into[at, :size])
                else:
                    copy(given, into[at, d * across : d * across + size])
        clear_rows(into[length:])


def spread(ragged: Ragged, steps: Tensor, padded: Tensor) -> Tensor:
    """As `Ragged.spread`."""
    source, into = steps.detach().numpy(), padded.numpy()
    places, order = ragged.places, ragged.order.numpy()
    across = 0 if padded.size(2) == steps.size(2) else steps.size(2)
    shared(
        lambda begin, end: _fill_padded(begin, end, places, order, source, across, into),
        len(order), MOVE * padded.numel(),
    )  # fmt: skip
    return padded
