"""One vector for a whole sequence: how a many-to-one network reads its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.errors import UnknownNameError
from seqkit.nn.encoder import Encoded
from seqkit.nn.linear import Linear
from seqkit.nn.masks import masked_softmax

KINDS = ("last", "max", "mean", "attention", "max_mean", "max_mean_attention")


class Pooling(nn.Module):
    """Pools an encoder's outputs over each row's real steps.

    Args:
        kind: `last` (each direction's own final state, top layer), `max`, `mean`, or `attention` (a learned
            weighted mean, Yang et al. 2016, section 2.2, https://aclanthology.org/N16-1174); `max_mean` and
            `max_mean_attention` put these side by side (concat pooling, Howard & Ruder 2018).
        size: Width of the encoder's output.

    Attributes:
        output_size: Width of the vector.
        needs_memory: Whether the output of each step is read, and not the final state alone.

    Raises:
        UnknownNameError: if the kind is unknown.
    """

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise UnknownNameError("pooling", kind, KINDS)
        self.parts = kind.split("_")
        self.output_size = size * len(self.parts)
        self.needs_memory = kind != "last"
        if "attention" in self.parts:
            self.hidden = Linear(size, size)
            self.energy = nn.Linear(size, 1, bias=False)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor | None]:
        """(pooled [batch, output_size]; attention weights [batch, len] where there is attention, else None)."""
        weights = self._attention(encoded) if "attention" in self.parts else None
        pooled = [self._pooled(part, encoded, weights) for part in self.parts]
        return torch.cat(pooled, dim=-1) if len(pooled) > 1 else pooled[0], weights

    def _attention(self, encoded: Encoded) -> Tensor:
        scores = self.energy(torch.tanh(self.hidden(encoded.memory))).squeeze(-1)
        return masked_softmax(scores, encoded.mask)

    def _pooled(self, part: str, encoded: Encoded, weights: Tensor | None) -> Tensor:
        """float [batch, size]."""
        if part == "last":
            return encoded.state[0][-1]
        memory, mask = encoded.memory, encoded.mask
        if part == "max":
            lowest = torch.finfo(memory.dtype).min
            return memory.masked_fill(~mask.unsqueeze(-1), lowest).amax(dim=1)
        if part == "mean":
            return memory.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1).to(memory)
        assert weights is not None
        return torch.bmm(weights.unsqueeze(1), memory).squeeze(1)
