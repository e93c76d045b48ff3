"""Attention of a decoder over an encoder's outputs. Keys are projected once a sentence, not once a step."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqkit.errors import ShapeError, UnknownNameError
from seqkit.nn.additive import additive_scores
from seqkit.nn.kernels import MayCompile, multiplies_compiled
from seqkit.nn.linear import Linear
from seqkit.nn.masks import masked_softmax

KINDS = ("none", "dot", "scaled_dot", "general", "additive")


class Attention(nn.Module, MayCompile):
    """Weighs `memory` by its match with a query.

    Args:
        kind: `dot` (Luong et al. 2015, https://arxiv.org/abs/1508.04025), `scaled_dot` (Vaswani et al. 2017),
            `general` (Luong's bilinear form) or `additive` (Bahdanau et al. 2015,
            https://arxiv.org/abs/1409.0473, eq. 5-6; the paper's W_a is `query_proj`, U_a `key_proj`).
        query_size: Width of a decoder state.
        memory_size: Width of an encoder output. Where the dot forms meet unequal widths, the memory is projected.
        attn_size: Width of the additive form's hidden layer.

    Raises:
        UnknownNameError: if the kind is unknown.
    """

    def __init__(self, kind: str, query_size: int, memory_size: int, attn_size: int) -> None:
        super().__init__()
        if kind not in KINDS or kind == "none":
            raise UnknownNameError("attention", kind, KINDS)
        self.kind = kind
        self.key_proj: nn.Module = nn.Identity()
        if kind == "additive":
            self.key_proj = Linear(memory_size, attn_size, bias=False)
            self.query_proj = Linear(query_size, attn_size)
            self.energy = nn.Linear(attn_size, 1, bias=False)
        elif kind == "general" or query_size != memory_size:
            self.key_proj = Linear(memory_size, query_size, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """What queries are matched with: float [batch, src_len, key_size] from memory [batch, src_len, memory_size]."""
        projected: Tensor = self.key_proj(memory)
        return projected

    def forward(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Contexts for one step or for all of them.

        Args:
            query: Decoder states, float [batch, query_size] or [batch, tgt_len, query_size].
            keys: From `keys`, float [batch, src_len, key_size].
            memory: Encoder outputs, float [batch, src_len, memory_size].
            mask: True at real steps of the memory, bool [batch, src_len]; each row needs one at least.

        Returns:
            context, float [batch, (tgt_len,) memory_size]; weights, float [batch, (tgt_len,) src_len], each row
            summing to 1, 0 at padding.

        Raises:
            ShapeError: if `mask` and `memory` differ in [batch, src_len].
        """
        if mask.shape != memory.shape[:2]:
            raise ShapeError(
                f"mask must be {list(memory.shape[:2])} as memory, got {list(mask.shape)}."
            )
        queries = query.unsqueeze(1) if query.dim() == 2 else query  # [batch, tgt_len, query]
        weights = masked_softmax(self._scores(queries, keys), mask.unsqueeze(1))
        context = self._contexts(weights, memory)  # [batch, tgt_len, memory]
        if query.dim() == 2:
            return context.squeeze(1), weights.squeeze(1)
        return context, weights

    def _contexts(self, weights: Tensor, memory: Tensor) -> Tensor:
        """float [batch, tgt_len, memory_size]."""
        alike = weights.dtype == memory.dtype
        if not (self.compiles and alike and multiplies_compiled(memory)):
            return torch.bmm(weights, memory)
        from seqkit.nn import compiled_contexts  # numba takes a while

        return compiled_contexts.contexts(weights, memory)

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """float [batch, tgt_len, src_len]."""
        if self.kind == "additive":
            energy = self.energy.weight[0]
            return additive_scores(self.query_proj(queries), keys, energy, self.compiles)
        scores = torch.bmm(queries, keys.transpose(1, 2))
        return scores / math.sqrt(keys.size(-1)) if self.kind == "scaled_dot" else scores
