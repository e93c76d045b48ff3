"""Whether one system scores higher than another by more than chance: the paired bootstrap. Torch-free.

Test examples are drawn with replacement, the same ones for every system, and each system's corpus score is computed
anew on what was drawn; how often the order of two systems turns tells how sure it is. Efron 1979,
https://doi.org/10.1214/aos/1176344552; for translation Koehn 2004, https://aclanthology.org/W04-3250.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

SAMPLES = 2000
"""Samples that are drawn, so that a p of 0.001 can be told from one of 0.002."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Tallies:
    """What a corpus score is made of, so that a sample is scored by adding up rows.

    Attributes:
        rows: What each example counts, float [examples, numbers].
        score: Corpus scores, float [samples], from such rows added up, float [samples, numbers].
    """

    rows: Array
    score: Callable[[Array], Array]

    @classmethod
    def ratio(cls, parts: Sequence[float], wholes: Sequence[float]) -> Tallies:
        """Of a score that is the sum of one number over the sum of another: accuracy, F1, a mean.

        A score whose denominator is 0 is 0.
        """
        rows = numpy.stack([numpy.asarray(parts, float), numpy.asarray(wholes, float)], axis=1)
        return cls(rows, _ratio)

    def resampled(self, samples: int = SAMPLES, seed: int = 0) -> Array:
        """The corpus score of each sample, float [samples]."""
        counts = draws(len(self.rows), samples, seed)
        return self.score(numpy.stack([count @ self.rows for count in counts]))


@dataclass(frozen=True)
class Difference:
    """How much higher one system scores than another.

    Attributes:
        p: Probability of a difference as far from 0 on either side, if chance alone made it (two-sided).
        low, high: Ends of the interval that holds the difference with a probability of 95 %.
    """

    p: float
    low: float
    high: float


def draws(examples: int, samples: int = SAMPLES, seed: int = 0) -> Iterator[Array]:
    """How often each example is drawn, int64 [examples], for one sample after the other; a seed's samples are always
    the same, which is what pairs systems."""
    rng = numpy.random.default_rng(seed)
    for _ in range(samples):
        yield numpy.bincount(rng.integers(examples, size=examples), minlength=examples)


def difference(first: Array, second: Array, seed: int = 0) -> Difference:
    """How sure it is that the first system differs from the second.

    Args:
        first, second: Scores of each system's trainings on the same samples, float [trainings, samples]. Of several
            trainings, as many are drawn with replacement and their mean is the system's score, so that the chance in
            the starting weights counts beside the chance in the examples.
        seed: Of the drawing of trainings.
    """
    rng = numpy.random.default_rng(seed)
    gains = _mean_of_drawn(first, rng) - _mean_of_drawn(second, rng)
    beyond = 1 + min(int((gains <= 0).sum()), int((gains >= 0).sum()))
    low, high = numpy.quantile(gains, [0.025, 0.975])
    return Difference(min(1.0, 2 * beyond / (1 + len(gains))), float(low), float(high))


def _mean_of_drawn(scores: Array, rng: numpy.random.Generator) -> Array:
    """The mean over trainings that are drawn for each sample, float [samples]."""
    drawn = rng.integers(len(scores), size=scores.shape)
    mean: Array = numpy.take_along_axis(scores, drawn, axis=0).mean(axis=0)
    return mean


def _ratio(sums: Array) -> Array:
    parts, wholes = sums[..., 0], sums[..., 1]
    return numpy.divide(parts, wholes, out=numpy.zeros_like(parts), where=wholes != 0)
