"""The source side of captioning: pictures, or features computed before, as a memory to decode from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqkit.nn.dropout import Dropout
from seqkit.nn.encoder import Encoded
from seqkit.nn.linear import Linear

from .backbone import Backbone


@dataclass(frozen=True)
class Seen:
    """What the network gets of a batch of pictures.

    Attributes:
        pictures: float [batch, 3, size, size], to be seen by the backbone; or None.
        features: float [batch, positions, feature_size] that a frozen backbone gave; or None.
    """

    pictures: Tensor | None
    features: Tensor | None

    def to(self, device: torch.device) -> Seen:
        """The same on that device."""
        return Seen(
            *(
                None if t is None else t.to(device, non_blocking=True)
                for t in (self.pictures, self.features)
            )
        )


class PictureEncoder(nn.Module):
    """Features of each place, projected to the decoder's width; their mean is the final state.

    After Xu et al. 2015 (https://arxiv.org/abs/1502.03044) with a grid, Vinyals et al. 2015
    (https://arxiv.org/abs/1411.4555) with one vector, which here starts the decoder instead of being its first input,
    and which the decoder attends to at every step, with a weight of 1.

    Args:
        backbone: What sees.
        hidden_size: Width of the memory.
        dropout: Share of features zeroed in training.
    """

    state_layers = 1

    def __init__(self, backbone: Backbone, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = Dropout(dropout)
        self.projection = Linear(backbone.feature_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.output_size = hidden_size

    def forward(self, seen: Seen) -> Encoded:
        """Encodes pictures, or their features where they were computed before."""
        features = seen.features
        if features is None:
            features = self.backbone(seen.pictures)
        memory = self.norm(self.projection(self.dropout(features)))  # [batch, positions, hidden]
        batch, positions, _ = memory.shape
        lengths = torch.full((batch,), positions)
        return Encoded(memory, (memory.mean(dim=1).unsqueeze(0),), lengths)
