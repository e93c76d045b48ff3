"""A transformer decoder behind the interface of the recurrent one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqkit.nn.decoder import Readout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoded
from seqkit.nn.initialisation import initialise_transformer
from seqkit.nn.transformer import Positions


@dataclass(frozen=True)
class TransformerState:
    """A transformer decoder between two steps: the memory and the embedded tokens so far [rows, len, emb_size]."""

    memory: Tensor
    mask: Tensor
    prefix: Tensor

    def select(self, rows: Tensor) -> TransformerState:
        """The state of the given rows, int64 [n]; rows may repeat."""
        parts = (self.memory, self.mask, self.prefix)
        return TransformerState(*(part.index_select(0, rows) for part in parts))


class TransformerDecoder(nn.Module):
    """Torch's decoder layers behind the interface of `RecurrentDecoder`.

    A step runs the whole prefix again, which is simple and exact, not fast.

    Args:
        embedding: Vectors of the target tokens.
        hidden_size, num_layers, num_heads: Width, depth and attention heads.
        memory_size: Width of the encoder's outputs.
        tied: Whether embedding and vocabulary projection share their weight.
        dropout: Share of values zeroed in training.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        hidden_size: int,
        num_layers: int,
        num_heads: int,
        *,
        memory_size: int,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.positions = Positions(embedding.output_size, hidden_size, dropout)
        same = memory_size == hidden_size
        self.memory_proj = nn.Identity() if same else nn.Linear(memory_size, hidden_size)
        layer = nn.TransformerDecoderLayer(
            hidden_size, num_heads, 4 * hidden_size, dropout, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, num_layers, nn.LayerNorm(hidden_size))
        initialise_transformer(self.layers)
        self.feature_size = embedding.output_size if tied else hidden_size
        narrow = self.feature_size == hidden_size
        self.combine = nn.Identity() if narrow else nn.Linear(hidden_size, self.feature_size)
        self.readout = Readout(embedding, self.feature_size, tied=tied)

    def start(self, encoded: Encoded) -> TransformerState:
        """The state before the first token."""
        memory = self.memory_proj(encoded.memory)
        prefix = memory.new_zeros(memory.size(0), 0, self.embedding.output_size)
        return TransformerState(memory, encoded.mask, prefix)

    def forward(
        self,
        tokens: Tensor,
        state: TransformerState,
        sampling_prob: float = 0.0,
        real: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Features of every step, float [batch, len, feature_size], and no attention; the second pass of scheduled
        sampling mixes in the choices of the first (Mihaylova & Martins 2019, https://arxiv.org/abs/1906.07651)."""
        if sampling_prob > 0 and tokens.size(1) > 1:
            with torch.no_grad():
                own = self.project(self._run(self.embedding(tokens), state)).argmax(dim=-1)
            swap = torch.rand(tokens[:, 1:].shape, device=tokens.device) < sampling_prob
            tokens = torch.cat(
                [tokens[:, :1], torch.where(swap, own[:, :-1], tokens[:, 1:])], dim=1
            )
        features = self._run(self.embedding(tokens), state)
        return features if real is None else features[real], None

    def step(
        self, tokens: Tensor, state: TransformerState
    ) -> tuple[Tensor, TransformerState, Tensor | None]:
        """(logits [rows, vocab_size], next state, None) after tokens int64 [rows]."""
        prefix = torch.cat([state.prefix, self.embedding(tokens).unsqueeze(1)], dim=1)
        features = self._run(prefix, state)[:, -1]
        return self.project(features), dataclasses.replace(state, prefix=prefix), None

    def project(self, features: Tensor) -> Tensor:
        """Logits, float [..., vocab_size]."""
        logits: Tensor = self.readout(features)
        return logits

    def _run(self, embedded: Tensor, state: TransformerState) -> Tensor:
        length = embedded.size(1)
        future = torch.ones(length, length, dtype=torch.bool, device=embedded.device).triu(1)
        outputs = self.layers(
            self.positions(embedded), state.memory,
            tgt_mask=future, tgt_is_causal=True, memory_key_padding_mask=~state.mask,
        )  # fmt: skip
        features: Tensor = self.combine(outputs)
        return features
