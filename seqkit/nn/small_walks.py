"""The way through time of a small plain cell by numpy: a call of numpy takes half as long as one of torch, which takes
longer than what a small step computes.

Shapes are those of `trace.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.nn.kernels import compiles_for
from seqkit.nn.trace import Trace

ONE_THREAD = 2**18
"""Multiplications of a step up to which numpy's library gives no part of a product to threads of its own."""


class Activation(NamedTuple):
    """What makes a state of its sum.

    Attributes:
        become: Puts it, of the first array, into the second.
        slope: Puts its derivative, from its result, into the second.
    """

    become: Callable[[Any, Any], object]
    slope: Callable[[Any, Any], object]


def _relu(sums: Any, states: Any) -> None:
    np.maximum(sums, 0, out=states)


def _tanh_slope(states: Any, slopes: Any) -> None:
    np.multiply(states, states, slopes)
    np.subtract(1, slopes, slopes)


TANH, RELU = Activation(np.tanh, _tanh_slope), Activation(_relu, np.sign)


def is_small(trace: Trace) -> bool:
    """Whether numpy is the faster one."""
    hidden = trace.states.size(2)
    return compiles_for(trace.states) and trace.batch * hidden * hidden <= ONE_THREAD


def forward(trace: Trace, w_hh: Tensor, activation: Activation) -> None:
    """Fills the states of a trace whose gates hold the input's products.

    Args:
        trace: The trace.
        w_hh: `weight_hh` transposed, float [dirs, hidden, hidden].
        activation: Of the cell.
    """
    for states, gates, weight in _by_direction(trace.states, trace.gates, w_hh):
        steps = _cut(gates, trace.ragged.sizes)
        before, *after = _cut(states, [trace.batch, *trace.ragged.sizes])
        for entering, state in zip(steps, after, strict=True):
            np.dot(before[: len(state)], weight, state)
            np.add(state, entering, state)
            activation.become(state, state)
            before = state


def backward(trace: Trace, w_hh: Tensor, outer: Tensor, activation: Activation) -> Tensor:
    """Gradients of the products, float [dirs, total, hidden].

    Args:
        trace: The trace.
        w_hh: `weight_hh`, float [dirs, hidden, hidden].
        outer: Gradients of all states, float [dirs, batch + total, hidden], which become complete.
        activation: Of the cell.
    """
    grads = torch.empty_like(trace.gates)
    for states, into_all, weight, found in _by_direction(trace.states, outer, w_hh, grads):
        activation.slope(states[trace.batch :], found)
        steps = _cut(found, trace.ragged.sizes)
        *before, at = _cut(into_all, [trace.batch, *trace.ragged.sizes])
        room = np.empty_like(into_all[: trace.batch])
        for grad, into in zip(reversed(steps), reversed(before), strict=True):
            np.multiply(grad, at, grad)
            active = into[: len(grad)]
            np.add(active, np.dot(grad, weight, room[: len(grad)]), active)
            at = into
    return grads


def _by_direction(*parts: Tensor) -> Iterator[tuple[Any, ...]]:
    """Of each direction its part of [dirs, ...], as arrays."""
    return zip(*(part.detach().numpy() for part in parts), strict=True)


def _cut(rows: Any, sizes: Sequence[int]) -> list[Any]:
    """Rows of so many at a time."""
    if sizes and len(rows) == sizes[-1] * len(sizes):  # cut at once, as sizes never rise
        return [*rows.reshape(len(sizes), sizes[-1], -1)]
    ends = [*accumulate(sizes)]
    return [rows[begin:end] for begin, end in pairwise((0, *ends))]
