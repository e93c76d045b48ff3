"""Words to vectors: the raw index as a number, one-hot, or a learned table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqkit.errors import ShapeError, UnknownNameError
from seqkit.nn.initialisation import initialise_embedding

KINDS = ("learned", "one_hot", "integer")


class TokenEmbedding(nn.Module):
    """Vectors for token ids.

    Args:
        kind: `learned` (a table trained with the network), `one_hot` (a 1 at the token's place), or `integer`
            (the id itself as one number: what a network gets when nobody encodes the words; kept to show why
            that fails).
        vocab_size: Number of ids.
        emb_size: Width of learned vectors; the other kinds set their own.
        pad_idx: Id of padding; its learned vector is 0 and stays so.
        scale_integer: Whether `integer` divides by `vocab_size`, giving numbers in [0, 1).
        scaled: Whether learned vectors are multiplied by sqrt(emb_size) (Vaswani et al. 2017, section 3.4): a table
            that is an output projection too has small entries, which a recurrent layer would hardly notice.
        init: Starting weights of the table, see `initialisation.py`.
        dropout: Share of words whose vector is zeroed wherever it stands in a batch, in training; the others are
            scaled by 1 / (1 - dropout) (embedding dropout, Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287).

    >>> TokenEmbedding("one_hot", 5)(torch.tensor([[1, 4]])).shape
    torch.Size([1, 2, 5])
    """

    def __init__(
        self,
        kind: str,
        vocab_size: int,
        emb_size: int = 0,
        *,
        pad_idx: int = 0,
        scale_integer: bool = False,
        scaled: bool = False,
        init: str = "auto",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        if kind not in KINDS:
            raise UnknownNameError("embedding", kind, KINDS)
        self.kind = kind
        self.vocab_size = vocab_size
        self.scale = 1 / vocab_size if scale_integer else 1.0
        self.output_size = {"learned": emb_size, "one_hot": vocab_size, "integer": 1}[kind]
        self.vector_scale = math.sqrt(emb_size) if scaled else 1.0
        self.table: nn.Embedding | None = None
        if kind == "learned":
            self.table = nn.Embedding(vocab_size, emb_size, padding_idx=pad_idx)
            initialise_embedding(self.table.weight, init, pad_idx)

    @property
    def only_looks_up(self) -> bool:
        """Whether words get rows of the table as they are."""
        dropped = self.training and self.dropout
        return self.table is not None and self.vector_scale == 1.0 and not dropped

    def forward(self, ids: Tensor) -> Tensor:
        """float [..., output_size] for int64 ids [...]."""
        if self.table is not None:
            vectors = lookup(self.table, ids)
            if self.training and self.dropout:
                kept = nn.functional.dropout(vectors.new_ones(self.vocab_size), self.dropout)
                vectors = vectors * kept[ids].unsqueeze(-1)
            return vectors if self.vector_scale == 1.0 else vectors * self.vector_scale
        if self.kind == "one_hot":
            return nn.functional.one_hot(ids, self.vocab_size).to(torch.get_default_dtype())
        return ids.unsqueeze(-1).to(torch.get_default_dtype()) * self.scale

    def set_vectors(self, rows: Tensor, vectors: Tensor, *, freeze: bool = False) -> None:
        """Starts some rows of a learned table from pretrained vectors.

        Args:
            rows: int64 [found], ids that have a pretrained vector.
            vectors: float [found, emb_size].
            freeze: Whether the whole table stays as it then is.

        Raises:
            ShapeError: if the vectors do not fit the table.
        """
        if self.table is None or vectors.shape != (len(rows), self.output_size):
            raise ShapeError(
                f"vectors must be [{len(rows)}, {self.output_size}], got {list(vectors.shape)}."
            )
        with torch.no_grad():
            self.table.weight[rows] = vectors.to(self.table.weight)
        self.table.weight.requires_grad_(not freeze)


def lookup(table: nn.Embedding, ids: Tensor) -> Tensor:
    """The table's vectors, float [..., emb_size], for int64 ids [...]; backwards faster than torch on a CPU."""
    if ids.device.type != "cpu":
        vectors: Tensor = table(ids)
        return vectors
    found: Tensor = _Lookup.apply(table.weight, ids, table.padding_idx)
    return found


class _Lookup(torch.autograd.Function):
    """See `lookup`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, pad_idx: int | None) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.shape, ctx.pad_idx = weight.shape, pad_idx
        return weight.index_select(0, ids.flatten()).view(*ids.shape, weight.size(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (ids,) = ctx.saved_tensors
        rows = grad.reshape(-1, grad.size(-1))
        return table_gradient(rows, ids.flatten(), ctx.shape, ctx.pad_idx), None, None


def table_gradient(rows: Tensor, ids: Tensor, shape: Sequence[int], pad_idx: int | None) -> Tensor:
    """Gradient of a table of that shape, from those of rows [n, emb_size] looked up by ids int64 [n]; 0 for padding."""
    of_table = rows.new_zeros(shape)
    of_table.index_add_(0, ids, rows)
    if pad_idx is not None:
        of_table[pad_idx] = 0
    return of_table
