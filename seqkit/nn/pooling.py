"""One vector for a whole sequence: how a many-to-one network reads its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.errors import UnknownNameError
from seqkit.nn.encoder import Encoded
from seqkit.nn.masks import masked_softmax

KINDS = ("last", "max", "mean", "attention")


class Pooling(nn.Module):
    """Pools an encoder's outputs over each row's real steps.

    Args:
        kind: `last` (each direction's own final state, top layer), `max`, `mean`, or `attention` (a learned
            weighted mean, Yang et al. 2016, section 2.2, https://aclanthology.org/N16-1174).
        size: Width of the encoder's output.

    Raises:
        UnknownNameError: if the kind is unknown.
    """

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise UnknownNameError("pooling", kind, KINDS)
        self.kind = kind
        if kind == "attention":
            self.hidden = nn.Linear(size, size)
            self.energy = nn.Linear(size, 1, bias=False)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor | None]:
        """(pooled [batch, size]; attention weights [batch, len] for `attention`, else None)."""
        memory, mask = encoded.memory, encoded.mask
        if self.kind == "last":
            return encoded.state[0][-1], None
        if self.kind == "max":
            return memory.masked_fill(~mask.unsqueeze(-1), torch.finfo(memory.dtype).min).amax(
                dim=1
            ), None
        if self.kind == "mean":
            return memory.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1).to(memory), None
        scores = self.energy(torch.tanh(self.hidden(memory))).squeeze(-1)
        weights = masked_softmax(scores, mask)
        return torch.bmm(weights.unsqueeze(1), memory).squeeze(1), weights
