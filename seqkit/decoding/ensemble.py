"""Several models that decode as one: the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqkit.decoding.step import DecoderState, StepModel
from seqkit.errors import ConfigError, ShapeError


@dataclass(frozen=True)
class EnsembleState:
    """The states of the models, in the order of the models; all of as many rows."""

    states: tuple[DecoderState, ...]

    def select(self, rows: Tensor) -> EnsembleState:
        """The given rows, int64 [n], of every state."""
        return EnsembleState(tuple(state.select(rows) for state in self.states))


class Ensemble:
    """A `StepModel` whose probabilities are the mean of those of its models.

    All models share one target vocabulary.

    Raises:
        ConfigError: if there is no model.
    """

    def __init__(self, models: Sequence[StepModel[Any]]) -> None:
        if not models:
            raise ConfigError("An ensemble needs at least 1 model, got none.")
        self.models = tuple(models)

    def step(
        self, tokens: Tensor, state: EnsembleState
    ) -> tuple[Tensor, EnsembleState, Tensor | None]:
        """One step of all models; the attention is their mean, None where one of them has none.

        Args:
            tokens: The token before, int64 [rows].
            state: A state for each model, of as many rows.

        Returns:
            Logits that are log-probabilities, float32 [rows, vocab_size]; the new state; attention
            [rows, src_len] or None.

        Raises:
            ShapeError: if the models differ in the size of the vocabulary, or their number is not
                that of the states.
        """
        if len(state.states) != len(self.models):
            raise ShapeError(f"Expected {len(self.models)} states, received {len(state.states)}.")
        results = [
            model.step(tokens, part) for model, part in zip(self.models, state.states, strict=True)
        ]
        logits, states, attn = zip(*results, strict=True)
        return _mean_log_probs(logits), EnsembleState(states), _mean_attention(attn)


def _mean_log_probs(logits: Sequence[Tensor]) -> Tensor:
    """Log of the mean of the probabilities, float32 [rows, vocab_size]."""
    sizes = [part.shape[-1] for part in logits]
    if len(set(sizes)) > 1:
        raise ShapeError(f"Models of an ensemble need one vocabulary, received sizes {sizes}.")
    log_probs = torch.stack([torch.log_softmax(part.float(), dim=-1) for part in logits])
    return torch.logsumexp(log_probs, dim=0) - math.log(len(logits))


def _mean_attention(attn: Sequence[Tensor | None]) -> Tensor | None:
    weights = [part for part in attn if part is not None]
    return torch.stack(weights).mean(dim=0) if len(weights) == len(attn) else None
