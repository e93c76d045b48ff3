"""What tokens bring to a first layer that answers, each different one computed once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoder
from seqkit.nn.kernels import MANY_ROWS
from seqkit.nn.trace import KnownInputs

WIDE = 64
"""Width of inputs from which on it takes less time to look products up than to compute them."""

COME_AGAIN = 2
"""Tokens for each different one from which on they are told apart."""


def known_inputs(
    embedding: nn.Module, encoder: Encoder, ids: Tensor, vectors: Tensor
) -> KnownInputs | None:
    """What tokens int64 [batch, len] bring to an encoder that answers, for `Recurrent`; None where that does not help.

    Args:
        embedding: Vectors of tokens; of anything else nothing is known.
        encoder: Who is to read them.
        ids: The tokens, or what else the embedding reads.
        vectors: Their vectors, float [batch, len, size].
    """
    small = len(ids) < MANY_ROWS or vectors.size(-1) < WIDE
    if not isinstance(embedding, TokenEmbedding) or small:
        return None
    if encoder.training or not encoder.takes_known(vectors):
        return None
    tokens, rows = torch.unique(ids, return_inverse=True)
    if ids.numel() < COME_AGAIN * len(tokens):
        return None
    sums = encoder.known_sums(embedding(tokens))
    return None if sums is None else KnownInputs(sums, rows)


class KnownTokens:
    """A table of rows that fills itself as tokens come, for the steps of a decoder over one batch.

    Args:
        compute: Rows, float [n, size], for int64 tokens [n].
        vocab_size: Number of tokens.
        like: What the rows are like, float [..., size].
    """

    def __init__(self, compute: Callable[[Tensor], Tensor], vocab_size: int, like: Tensor) -> None:
        self._compute = compute
        with torch.inference_mode(False):  # filled in any mode
            self._rows = like.new_empty(vocab_size, like.size(-1))
            self._known = torch.zeros(vocab_size, dtype=torch.bool)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Copies of the rows, float [n, size], of int64 tokens [n]."""
        new = tokens[~self._known[tokens]]
        if len(new):
            new = torch.unique(new)
            self._rows[new] = self._compute(new)
            self._known[new] = True
        return self._rows.index_select(0, tokens)
