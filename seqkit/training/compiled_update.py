"""What a step does with all weights of a network, in one call of machine code: the extra `compiled`.

torch looks at each weight in turn, which in a small network takes ten times as long as what it computes; those of a
large one are shared by threads, `TOGETHER` numbers at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numba import carray, types
from numba.extending import intrinsic
from torch import Tensor
from torch.optim import Adam

from seqkit.nn.machine_code import compiled, inlined
from seqkit.nn.workers import shared

TOGETHER = 4096
"""Numbers of a tensor that are a part of the work, whose squares are added up before their sum is to the others'."""

A_STEP = 100
"""Multiplications that take as long as a number's step, roughly."""


class CompiledAdam(Adam):
    """torch's Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980) for weights that `takes`.

    Its state and settings are those of torch's, so that a training goes on with either.

    Args:
        groups: Weights, or groups of them that bring learning rates of their own.
        lr: Learning rate of who brings none.
        eps: What keeps a quotient finite.
        weight_decay: How much weights shrink.
        decoupled: Whether they shrink beside the step instead of through the gradient, as torch's AdamW does
            (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101).
    """

    def __init__(
        self,
        groups: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decoupled: bool = False,
    ) -> None:
        super().__init__(groups, lr=lr, eps=eps, weight_decay=weight_decay, fused=True)
        self.decoupled = decoupled
        for group in self.param_groups:
            if "decoupled_weight_decay" in group:  # newer torch writes it down
                group["decoupled_weight_decay"] = decoupled

    @staticmethod
    def profile_hook_step(func: Any) -> Any:
        """A step as it is: torch looks for hooks and a profiler around it, which takes longer than a small step."""
        return func

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Takes a step by the gradients that are there."""
        for group in self.param_groups:
            learning = [weight for weight in group["params"] if weight.grad is not None]
            grads = [weight.grad.contiguous() for weight in learning]
            states = [self.state[weight] or self._begin(weight) for weight in learning]
            kept = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
            sizes = [grad.numel() for grad in grads]
            places = _whole([_places(part) for part in (learning, grads, *kept)])
            given = (
                places, _whole(sizes), group["lr"], *group["betas"], group["eps"],
                group["weight_decay"], self.decoupled,
            )  # fmt: skip
            _count_step(places[4])
            parts = sum(-(-size // TOGETHER) for size in sizes)
            shared(partial(_adam, *given), parts, A_STEP * sum(sizes))

    def _begin(self, weight: Tensor) -> dict[str, Tensor]:
        means = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
        begun = self.state[weight] = {"step": torch.zeros(()), **means}
        return begun


def takes(tensors: Sequence[Tensor]) -> bool:
    """Whether machine code takes them: their numbers are in float32, side by side, where it runs."""
    return all(
        part.dtype == torch.float32 and part.is_cpu and part.is_contiguous() for part in tensors
    )


def norm(tensors: Sequence[Tensor]) -> float:
    """The norm of all numbers of tensors that `takes`."""
    sizes = _whole([part.numel() for part in tensors])
    return math.sqrt(_square_sum(_whole(_places(tensors)), sizes))


def _places(tensors: Sequence[Tensor]) -> list[int]:
    return [part.data_ptr() for part in tensors]


def _whole(numbers: Sequence[Any]) -> Any:
    """Whole numbers as an array, also where there are none."""
    return np.array(numbers, np.int64)


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_: Any, place: Any) -> Any:
    """A place in memory as one of numbers in float32."""
    pointer = types.CPointer(types.float32)

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], context.get_value_type(pointer))

    return pointer(types.int64), emit


@inlined
def _numbers(place: int, first: int, last: int) -> Any:
    """The float32 numbers `first` to `last` - 1 from a place in memory on."""
    return carray(_pointer(place + 4 * first), (last - first,))


@compiled
def _square_sum(places: Any, sizes: Any) -> Any:
    """The sum of the squares of all numbers, float32 [size] at each of the places."""
    total = np.float64(0)
    for index in range(len(sizes)):
        values = _numbers(places[index], 0, sizes[index])
        for first in range(0, len(values), TOGETHER):
            part, squares = values[first : first + TOGETHER], np.float32(0)
            for j in range(len(part)):
                squares += part[j] * part[j]
            total += squares
    return total


@inlined
def _spans(begin: int, end: int, sizes: Any) -> Any:
    """The numbers that some parts are, tensor by tensor: its index, the first and the last + 1."""
    found, before = [], 0
    for index in range(len(sizes)):
        size = sizes[index]
        count = -(-size // TOGETHER)
        first, last = max(begin - before, 0), min(end - before, count)
        if first < last:
            found.append((index, first * TOGETHER, min(last * TOGETHER, size)))
        before += count
    return found


@compiled
def _count_step(places: Any) -> None:
    """Adds 1 to the numbers at some places."""
    for place in places:
        _numbers(place, 0, 1)[0] += 1


@compiled
def _adam(
    places: Any, sizes: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float,
    decoupled: bool, begin: int, end: int,
) -> None:  # fmt: skip
    """A step of Adam for some parts; `places` [5, tensors] are those of weights, gradients, their means, those of their
    squares, and of how many steps there are with this one."""
    real = np.float32
    mean_share, square_share, tiny = real(1 - beta1), real(1 - beta2), real(eps)
    shrink = real(0 if decoupled else decay)
    left = real(1 - lr * decay if decoupled else 1)
    for index, first, last in _spans(begin, end, sizes):
        weights = _numbers(places[0, index], first, last)
        grads = _numbers(places[1, index], first, last)
        means = _numbers(places[2, index], first, last)
        squares = _numbers(places[3, index], first, last)
        steps = np.float64(_numbers(places[4, index], 0, 1)[0])
        rate = real(lr / (1 - beta1**steps))
        root = real(1 / np.sqrt(1 - beta2**steps))
        for j in range(last - first):
            grad = grads[j] + shrink * weights[j]
            means[j] += mean_share * (grad - means[j])
            squares[j] += square_share * (grad * grad - squares[j])
            weights[j] = left * weights[j] - rate * means[j] / (np.sqrt(squares[j]) * root + tiny)
