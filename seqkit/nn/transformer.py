"""A transformer encoder behind the recurrent encoder's interface, to compare with. The layers are torch's own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqkit.nn.dropout import Dropout
from seqkit.nn.initialisation import initialise_transformer
from seqkit.nn.masks import lengths_to_mask


def sinusoids(length: int, size: int, like: Tensor) -> Tensor:
    """Position vectors, float [length, size] (Vaswani et al. 2017, section 3.5)."""
    steps = torch.arange(length, device=like.device, dtype=torch.float32).unsqueeze(1)
    pairs = torch.arange(0, size, 2, device=like.device, dtype=torch.float32)
    angles = steps * torch.exp(pairs * (-math.log(10000.0) / size))  # [length, ceil(size / 2)]
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return waves[:, :size].to(like.dtype)


class Positions(nn.Module):
    """Projects inputs to the layer's width, scales them and adds positions.

    Args:
        input_size: Width of the inputs.
        hidden_size: Width of the layers.
        dropout: Share of the sums zeroed in training.
    """

    def __init__(self, input_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.proj = (
            nn.Identity() if input_size == hidden_size else nn.Linear(input_size, hidden_size)
        )
        self.scale = math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """float [batch, len, hidden_size] from float [batch, len, input_size]."""
        vectors = self.proj(inputs) * self.scale
        summed: Tensor = self.dropout(
            vectors + sinusoids(vectors.size(1), self.hidden_size, vectors)
        )
        return summed


class TransformerEncoder(nn.Module):
    """Self-attention layers (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762), normalised first.

    Args:
        input_size: Width of each step's input.
        hidden_size: Width of the layers.
        num_layers: Layers on top of each other.
        num_heads: Attention heads.
        dropout: Share of values zeroed in training.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, num_heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.positions = Positions(input_size, hidden_size, dropout)
        layer = nn.TransformerEncoderLayer(
            hidden_size, num_heads, 4 * hidden_size, dropout, batch_first=True, norm_first=True
        )
        norm = nn.LayerNorm(hidden_size)
        self.layers = nn.TransformerEncoder(layer, num_layers, norm, enable_nested_tensor=False)
        initialise_transformer(self.layers)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(memory [batch, len, hidden_size], 0 at padding; mean over each row's real steps [batch, hidden_size])."""
        mask = lengths_to_mask(lengths.to(inputs.device), inputs.size(1))
        memory = self.layers(self.positions(inputs), src_key_padding_mask=~mask)
        memory = memory * mask.unsqueeze(-1)
        mean = memory.sum(dim=1) / lengths.to(memory).clamp(min=1).unsqueeze(-1)
        return memory, mean
