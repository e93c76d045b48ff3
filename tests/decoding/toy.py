"""A model small enough to search through, whose scores depend on the row and all tokens before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqkit.decoding import DecodingOptions, Hypothesis, SpecialIds, decode

IDS = SpecialIds(pad_idx=0, bos_idx=1, eos_idx=2, unk_idx=3)
NUM_CONTEXTS = 499
SRC_LEN = 3

Scored = tuple[list[int], float, bool]
"""Tokens, log-probability and whether the end mark came."""


@dataclass(frozen=True)
class ToyState:
    """Row of the table [rows] and a number made of all tokens before [rows]."""

    table_rows: Tensor
    contexts: Tensor

    def select(self, rows: Tensor) -> ToyState:
        return ToyState(self.table_rows[rows], self.contexts[rows])


class ToyModel:
    """Logits and attention out of a random table by row and context."""

    def __init__(
        self, seed: int, num_rows: int = 4, vocab_size: int = 7, scale: float = 2.0
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (num_rows, NUM_CONTEXTS)
        self.logits = scale * torch.randn(*shape, vocab_size, generator=generator)
        self.attn = torch.rand(*shape, SRC_LEN, generator=generator)
        self.num_row_steps = 0

    def state(self, table_rows: Sequence[int]) -> ToyState:
        rows = torch.tensor(table_rows, dtype=torch.int64)
        return ToyState(rows, torch.zeros_like(rows))

    def step(self, tokens: Tensor, state: ToyState) -> tuple[Tensor, ToyState, Tensor]:
        self.num_row_steps += len(tokens)
        contexts = (state.contexts * 31 + tokens) % NUM_CONTEXTS
        where = (state.table_rows, contexts)
        return self.logits[where], ToyState(state.table_rows, contexts), self.attn[where]

    def contexts(self, tokens: Sequence[int]) -> list[int]:
        """The context at each step of a path, the first of which reads the start mark."""
        found = [IDS.bos_idx % NUM_CONTEXTS]
        for token in tokens:
            found.append((found[-1] * 31 + token) % NUM_CONTEXTS)
        return found

    def log_probs(self, row: int, context: int) -> list[float]:
        return torch.log_softmax(self.logits[row, context], dim=-1).tolist()


def run(
    model: ToyModel, table_rows: Sequence[int], options: DecodingOptions, **kwargs: object
) -> list[list[Hypothesis]]:
    """Decodes the given rows of the table as one batch."""
    return decode(model, model.state(table_rows), len(table_rows), IDS, options, **kwargs)


Allowed = Callable[[list[int], int], bool]
"""Whether a token may follow the tokens before."""


def all_sentences(model: ToyModel, row: int, max_len: int, allowed: Allowed) -> list[Scored]:
    """Every sentence of up to `max_len` steps by plain recursion, finished and likeliest first."""
    vocab = [t for t in range(model.logits.shape[-1]) if t not in (IDS.pad_idx, IDS.bos_idx)]

    def grow(tokens: list[int], log_prob: float) -> list[Scored]:
        if len(tokens) == max_len:
            return [(tokens, log_prob, False)]
        log_probs = model.log_probs(row, model.contexts(tokens)[-1])
        found: list[Scored] = []
        for token in vocab:
            if not allowed(tokens, token):
                continue
            if token == IDS.eos_idx:
                found.append((tokens, log_prob + log_probs[token], True))
            else:
                found += grow([*tokens, token], log_prob + log_probs[token])
        return found

    return sorted(grow([], 0.0), key=lambda scored: (not scored[2], -scored[1]))


def no_unk(tokens: list[int], token: int) -> bool:
    return token != IDS.unk_idx


def ranked(sentences: list[Scored], alpha: float) -> list[tuple[list[int], float]]:
    """Tokens and length-normalised score, finished sentences first, then by score."""
    scored = [
        (tokens, log_prob / ((5 + len(tokens) + finished) / 6) ** alpha, finished)
        for tokens, log_prob, finished in sentences
    ]
    scored.sort(key=lambda item: (not item[2], -item[1]))
    return [(tokens, score) for tokens, score, _ in scored]
