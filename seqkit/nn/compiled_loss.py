"""The loss of `vocabulary_loss.py` as machine code, compiled by numba on first use: the extra `compiled`.

A few steps' logits stay in the processor's cache until their errors and the gradients of what they came from are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.nn import products
from seqkit.nn.machine_code import arrays, compiled, inlined, room
from seqkit.nn.products import blocks, fill_product, panels
from seqkit.nn.workers import shared

STEPS = 64
"""Steps of one thread that are taken together, at most: their logits stay in its own cache."""

LANES = 64
"""Numbers that are compared at once."""


@inlined
def exp(x: Any) -> Any:
    """The exponential of a number that is not above 0."""
    return _exp_single(x) if isinstance(x, np.float32) else np.exp(x)


@inlined
def _exp_single(x: Any) -> Any:
    """2^n times the exponential of a remainder of half a log(2) at most, a polynomial of least relative error.

    Its sign and power of 2 are a number's highest bits, and n + 127 the lowest ones of 2^23 + 2^22 + n + 127.
    """
    real = np.float32
    y = real(-87) if x < real(-87) else x  # what is no number stays so
    n = np.floor(y * real(1.4426950) + real(0.5))
    rest = y - n * real(0.69335938) + n * real(2.1219444e-4)  # log(2) in two parts
    series = real(1.9875691e-4) * rest + real(1.3981999e-3)
    series = (series * rest + real(8.3334519e-3)) * rest + real(4.1665796e-2)
    series = (series * rest + real(0.16666665)) * rest + real(0.5)
    whole = series * rest * rest + rest + real(1)
    power = np.float32(n + real(2**23 + 2**22 + 127))
    return whole * np.uint32(power.view(np.uint32) << np.uint32(23)).view(np.float32)


@inlined
def _highest(values: Any) -> Any:
    """The highest of some numbers; by lanes, as a compiler keeps to the order in which single ones are compared."""
    best = np.full(LANES, -np.inf, values.dtype)
    for start in range(0, len(values), LANES):
        lanes = values[start : start + LANES]
        for place in range(len(lanes)):
            best[place] = lanes[place] if lanes[place] > best[place] else best[place]
    return best.max()


@inlined
def become_errors(scores: Any, target: int, smoothing: Any) -> Any:
    """Logits become the differences of probabilities and what is wanted; returns the loss of the step."""
    real = scores.dtype.type
    total, mean, low = real(0), real(0), smoothing / real(len(scores))
    largest, wanted = _highest(scores), real(1) - smoothing
    told = wanted * scores[target]
    for place in range(len(scores)):
        mean += low * scores[place]
    for place in range(len(scores)):
        scores[place] = exp(scores[place] - largest)
        total += scores[place]
    share = real(1) / total
    for place in range(len(scores)):
        scores[place] = scores[place] * share - low
    scores[target] -= wanted
    return largest + np.log(total) - told - mean


@compiled
def fill_steps(
    begin: int, end: int,
    features: Any, to_logits: Any, to_features: Any, bias: Any, targets: Any, smoothing: Any,
    errors: Any, losses: Any, grads: Any,
) -> None:  # fmt: skip
    """Fills errors [steps, vocab_size], losses [steps] and gradients of features. Parts are those of `products.blocks`.

    Weights come as `products.panels`: those of the products to logits, and those back to features.
    """
    nothing = np.zeros(grads.shape[1], grads.dtype)
    for _, first, last in blocks(begin, end, 1, len(features), STEPS):
        mine = errors[first:last]
        fill_product(features[first:last], to_logits, bias, mine)
        for row in range(last - first):
            losses[first + row] = become_errors(mine[row], targets[first + row], smoothing)
        fill_product(mine, to_features, nothing, grads[first:last])


def errors_of(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
) -> tuple[Tensor, ...]:
    """The loss of some steps, and gradients of their features, of weight and bias, see `vocabulary_loss.py`.

    Raises:
        IndexError: if a target is not in the vocabulary.
    """
    x, w, b, y = arrays(features, weight, bias, targets)
    if not ((y >= 0) & (y < len(w))).all():
        raise IndexError(f"Targets are 0 to {len(w) - 1}, got {y.min()} to {y.max()}.")
    steps = len(x)
    errors, losses = room((1, steps, len(w)), x.dtype), np.empty(steps, x.dtype)
    grads = room(x.shape, x.dtype)
    (to_logits,), (to_features,) = panels([w.T]), panels([w])
    given = (x, to_logits, to_features, b, y, x.dtype.type(smoothing))
    shared(
        lambda begin, end: fill_steps(begin, end, *given, errors[0], losses, grads),
        -(-steps // products.PART), 3 * errors.size * x.shape[1],
    )  # fmt: skip
    of_weight, of_bias = products.outer_products(x[np.newaxis], errors)
    found = losses.sum(), grads, of_weight[0], of_bias[0]
    return tuple(map(torch.as_tensor, found))
