"""A decoded sentence with its scores, and the paths of tokens that such sentences come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Length = TypeVar("Length", float, Tensor)


@dataclass
class Hypothesis:
    """A sentence that decoding gives."""

    tokens: list[int]
    """Ids without the start and the end mark."""
    log_prob: float
    """The model's log-probability of the sentence, in nats: the sum of `token_log_probs`."""
    score: float
    """`log_prob` normalised by length, and any coverage penalty; what the n-best list is ranked by."""
    token_log_probs: list[float]
    """Log-probability of each token in nats, and last that of the end mark where `finished`."""
    attention: Tensor | None
    """float [len(tokens), src_len] on the CPU; columns of padding are the caller's to drop."""
    finished: bool
    """True where the end mark came, False where the length limit cut the sentence."""


def length_norm(num_tokens: Length, length_penalty: float) -> Length:
    """Divisor of the log-probability of a sentence of `num_tokens` tokens, end mark included.

    Wu et al. 2016, eq. 14 (lp), https://arxiv.org/abs/1609.08144. The paper leaves open whether the
    end mark counts; here it does, as its log-probability is in the sum.
    """
    norm: Length = ((5 + num_tokens) / 6) ** length_penalty
    return norm


def coverage_score(attention: Tensor, coverage_penalty: float) -> Tensor:
    """What a sentence loses for places of its source that it hardly looked at, float [rows], 0 at most.

    Wu et al. 2016, eq. 14 (cp), https://arxiv.org/abs/1609.08144, over all steps, the end mark's too.

    Args:
        attention: float [rows, steps, src_len], exactly 0 at padding, which therefore does not count.
        coverage_penalty: The paper's beta.

    >>> coverage_score(torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]]), 2.0)  # 1.5, 0.5, padding
    tensor([-1.3863])
    """
    received = attention.sum(dim=1)
    losses = received.clamp(max=1).log().masked_fill(received == 0, 0.0)
    return coverage_penalty * losses.sum(dim=1)


def best_first(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses by falling score, finished ones before cut ones.

    A cut sentence lacks the log-probability of its missing rest, so that its score says too much to
    be compared.
    """
    return sorted(hypotheses, key=lambda hyp: (not hyp.finished, -hyp.score))


@dataclass
class Paths:
    """What each row of the batch has produced so far; all rows are equally long."""

    tokens: Tensor
    """int64 [rows, steps], without the start mark."""
    log_probs: Tensor
    """Log-probability of each token, float32 [rows, steps]."""
    attn_weights: Tensor | None = None
    """float [rows, steps, src_len]; None before the first step and where it is not wanted."""

    @classmethod
    def empty(cls, num_rows: int, device: torch.device) -> Paths:
        """Paths of no steps."""
        tokens = torch.empty(num_rows, 0, dtype=torch.int64, device=device)
        return cls(tokens, torch.empty(num_rows, 0, device=device))

    @property
    def num_steps(self) -> int:
        """Tokens in each path."""
        return self.tokens.shape[1]

    def select(self, rows: Tensor) -> Paths:
        """Paths of the given rows, int64 [n]; a row may come several times or not at all."""
        attn = None if self.attn_weights is None else self.attn_weights[rows]
        return Paths(self.tokens[rows], self.log_probs[rows], attn)

    def extend(self, tokens: Tensor, log_probs: Tensor, attn_weights: Tensor | None) -> Paths:
        """Paths longer by one step.

        Args:
            tokens: int64 [rows].
            log_probs: Their log-probabilities, float32 [rows].
            attn_weights: float [rows, src_len], or None.
        """
        if attn_weights is not None:
            attn_weights = attn_weights.unsqueeze(1)  # [rows, 1, src_len]
            if self.attn_weights is not None:
                attn_weights = torch.cat([self.attn_weights, attn_weights], dim=1)
        return Paths(
            torch.cat([self.tokens, tokens.unsqueeze(1)], dim=1),
            torch.cat([self.log_probs, log_probs.unsqueeze(1)], dim=1),
            attn_weights,
        )

    def coverage_scores(self, coverage_penalty: float) -> Tensor:
        """What each path loses for what it did not look at, float [rows]; 0 without attention."""
        if self.attn_weights is None or not coverage_penalty:
            return self.log_probs.new_zeros(len(self.log_probs))
        return coverage_score(self.attn_weights, coverage_penalty)

    def hypotheses(
        self, length_penalty: float, finished: bool, coverage_penalty: float = 0.0
    ) -> list[Hypothesis]:
        """One hypothesis a row; `finished`: the last token of each path is the end mark."""
        num_tokens = self.num_steps - int(finished)
        norm = length_norm(float(self.num_steps), length_penalty)
        attn = None if self.attn_weights is None else self.attn_weights[:, :num_tokens].cpu()
        result = []
        coverage = self.coverage_scores(coverage_penalty)
        paths = zip(self.tokens.tolist(), self.log_probs.tolist(), coverage.tolist(), strict=True)
        for row, (tokens, log_probs, covered) in enumerate(paths):
            log_prob = math.fsum(log_probs)
            score = log_prob / norm + covered
            attention = None if attn is None else attn[row]
            tokens = tokens[:num_tokens]
            result.append(Hypothesis(tokens, log_prob, score, log_probs, attention, finished))
        return result
