"""Decoders by name, from plain numbers."""

from __future__ import annotations

from seqkit.nn.decoder import RecurrentDecoder
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.transformer_decoder import TransformerDecoder


def build_decoder(
    cell: str,
    embedding: TokenEmbedding,
    hidden_size: int,
    num_layers: int,
    *,
    memory_size: int,
    state_size: int,
    state_layers: int,
    attention: str = "additive",
    input_feeding: bool = False,
    conditional: bool = False,
    deep_output: bool = False,
    tied: bool = False,
    dropout: float = 0.0,
    init: str = "auto",
    num_heads: int = 4,
) -> RecurrentDecoder | TransformerDecoder:
    """A decoder of the cell's kind.

    Args:
        cell: `rnn_tanh`, `rnn_relu`, `lstm`, `gru` or `transformer`.
        embedding: Vectors of the target tokens.
        hidden_size: Units of each layer.
        num_layers: Layers on top of each other.
        memory_size: Width of the source's outputs.
        state_size, state_layers: Width and layers of the source's final state; a transformer has
            no use for it.
        attention: `none`, `dot`, `scaled_dot`, `general` or `additive`; a transformer has its own.
        input_feeding: Whether a step reads the features of the one before; recurrent cells only.
        conditional, deep_output: See `RecurrentDecoder`; recurrent cells only.
        tied: Whether the vocabulary projection is the embedding's table.
        dropout: Share of values zeroed in training.
        init: Starting weights of recurrent layers.
        num_heads: Attention heads of a transformer.
    """
    if cell == "transformer":
        return TransformerDecoder(
            embedding, hidden_size, num_layers, num_heads,
            memory_size=memory_size, tied=tied, dropout=dropout,
        )  # fmt: skip
    return RecurrentDecoder(
        embedding, cell, hidden_size, num_layers,
        memory_size=memory_size, state_size=state_size, state_layers=state_layers,
        attention=attention, input_feeding=input_feeding, conditional=conditional,
        deep_output=deep_output, tied=tied, dropout=dropout, init=init,
    )  # fmt: skip
