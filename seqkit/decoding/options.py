"""Settings of decoding, as plain data. Does not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from seqkit.errors import ConfigError

METHODS = ("beam", "greedy", "sample", "mbr")

MOST, LONGEST = 1000, 10_000
"""Sentences kept or drawn, and tokens of one, at most: a run's own settings must not take all memory."""


@dataclass(frozen=True)
class DecodingOptions:
    """How sentences are decoded. Settings that a method has no use for are ignored by it.

    Raises:
        ConfigError: names every setting whose value is not allowed.
    """

    method: Literal["beam", "greedy", "sample", "mbr"] = "beam"
    """Search widely (beam), take the likeliest token each time (greedy), draw (sample), or draw `mbr_samples` and take
    the one that agrees best with the others (mbr, minimum Bayes risk)."""

    beam_size: int = 5
    """Hypotheses kept for each sentence; beam only. 1 gives the same as greedy."""

    nbest: int = 1
    """Hypotheses returned for each sentence: the best of the beam, or independent samples."""

    max_len: int = 100
    """Most steps, in tokens, the end mark included; what has not ended by then is cut."""

    min_len: int = 0
    """Fewest tokens before the end mark may come."""

    length_penalty: float = 1.0
    """alpha in score = log_prob / ((5 + tokens) / 6) ** alpha; 0: none; larger favours length."""

    coverage_penalty: float = 0.0
    """beta of a penalty for places of the source that got little attention, added to the score: beta * sum of
    log(min(attention received, 1)); beam only, with attention. 0: none."""

    no_repeat_ngram: int = 0
    """No n-gram of this many tokens comes twice in a sentence; 0 for no such rule."""

    forbid_unk: bool = True
    """Never produce the unknown token."""

    temperature: float = 1.0
    """Divides the log-probabilities; sample and mbr only. Below 1: more certain, above 1: more varied."""

    top_k: int = 0
    """Draw among this many likeliest tokens; sample and mbr only. 0: all."""

    top_p: float = 1.0
    """Draw among the likeliest tokens that together hold this probability; sample and mbr only. 1: all."""

    seed: int | None = None
    """Makes samples repeatable. Without one they differ at each call; those of mbr do not."""

    mbr_samples: int = 32
    """Samples drawn for each sentence; mbr only."""

    def __post_init__(self) -> None:
        faults = self._faults()
        if faults:
            raise ConfigError("\n".join(faults))

    def _faults(self) -> list[str]:
        """One sentence for each setting whose value is not allowed."""
        checks = [
            ("method", self.method in METHODS, f"one of {', '.join(METHODS)}"),
            ("beam_size", self.beam_size >= 1, "at least 1 hypothesis"),
            ("beam_size", self.beam_size <= MOST, f"at most {MOST:,} hypotheses"),
            ("nbest", *self._allowed_nbest()),
            ("nbest", self.nbest <= MOST, f"at most {MOST:,} hypotheses"),
            ("max_len", self.max_len >= 1, "at least 1 token"),
            ("max_len", self.max_len <= LONGEST, f"at most {LONGEST:,} tokens"),
            ("min_len", self.min_len >= 0, "at least 0 tokens"),
            ("length_penalty", 0 <= self.length_penalty < math.inf, "a number that is at least 0"),
            (
                "coverage_penalty",
                0 <= self.coverage_penalty < math.inf,
                "a number that is at least 0",
            ),
            ("no_repeat_ngram", self.no_repeat_ngram >= 0, "at least 0 tokens"),
            ("mbr_samples", self.mbr_samples >= 1, "at least 1 sample"),
            ("mbr_samples", self.mbr_samples <= MOST, f"at most {MOST:,} samples"),
            ("temperature", 0 < self.temperature < math.inf, "a number above 0"),
            ("top_k", self.top_k >= 0, "at least 0 tokens"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
        ]
        if self.max_len >= 1:
            rule = f"below decoding.max_len, which is {self.max_len}"
            checks.append(("min_len", self.min_len < self.max_len, rule))
        return [
            f"decoding.{name} must be {rule}, got {getattr(self, name)!r}."
            for name, holds, rule in checks
            if not holds
        ]

    def _allowed_nbest(self) -> tuple[bool, str]:
        if self.method == "greedy":
            return self.nbest == 1, "1 hypothesis where decoding.method is greedy"
        if self.method == "beam" and self.beam_size >= 1:
            rule = f"from 1 to decoding.beam_size, which is {self.beam_size}"
            return 1 <= self.nbest <= self.beam_size, rule
        if self.method == "mbr" and self.mbr_samples >= 1:
            rule = f"from 1 to decoding.mbr_samples, which is {self.mbr_samples}"
            return 1 <= self.nbest <= self.mbr_samples, rule
        return self.nbest >= 1, "at least 1 hypothesis"
