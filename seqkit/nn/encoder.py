"""Encoders: a sequence of vectors in, an output a step and a final state out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from seqkit.nn.cells import State
from seqkit.nn.dropout import build_dropout
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.trace import KnownInputs
from seqkit.nn.transformer import TransformerEncoder


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of a batch.

    Attributes:
        memory: An output for each step, float [batch, len, memory_size], 0 at padding; its width may be 0 if nobody
            needs it.
        state: Final state, top layer last, each float [num_layers, batch, state_size]; both directions side by
            side in the last axis. A transformer's is the mean of its outputs.
        lengths: Real steps of each row, int64 [batch].
    """

    memory: Tensor
    state: State
    lengths: Tensor

    @cached_property
    def mask(self) -> Tensor:
        """True at real steps, bool [batch, len], on the device of the memory."""
        return lengths_to_mask(self.lengths.to(self.memory.device), self.memory.size(1))

    def float(self) -> Encoded:
        """The same in single precision."""
        state = tuple(part.float() for part in self.state)
        return replace(self, memory=self.memory.float(), state=state)


class Encoder(nn.Module):
    """A recurrent or transformer encoder with dropout on its input.

    Args:
        cell: `rnn_tanh`, `rnn_relu`, `lstm`, `gru` or `transformer`.
        input_size: Width of each step's input.
        hidden_size: Units of each layer and direction.
        num_layers: Layers on top of each other.
        bidirectional: Whether a second set of cells reads backwards; a transformer always looks both ways.
        dropout: Share of inputs zeroed, and of values between layers, in training.
        init: Starting weights of recurrent layers.
        num_heads: Attention heads of a transformer.
        chrono_steps, tbptt_steps, weight_dropout: See `Recurrent`.
        locked: Whether dropout keeps one mask for all steps of a row; a transformer's own does not.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        init: str = "auto",
        chrono_steps: int = 0,
        num_heads: int = 4,
        tbptt_steps: int = 0,
        locked: bool = False,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = build_dropout(dropout, locked=locked)
        self.layers: Recurrent | TransformerEncoder
        if cell == "transformer":
            self.layers = TransformerEncoder(
                input_size, hidden_size, num_layers, num_heads, dropout
            )
            self.state_layers = 1
        else:
            self.layers = Recurrent(
                cell, input_size, hidden_size, num_layers,
                bidirectional=bidirectional, dropout=dropout, init=init, chrono_steps=chrono_steps,
                tbptt_steps=tbptt_steps, locked=locked, weight_dropout=weight_dropout,
            )  # fmt: skip
            self.state_layers = num_layers
        self.output_size = self.layers.output_size

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor,
        state: State | None = None,
        *,
        need_memory: bool = True,
        known: KnownInputs | None = None,
    ) -> Encoded:
        """Encodes float [batch, len, input_size].

        Args:
            inputs: Padding at the end of each row.
            lengths: Real steps of each row, int64 [batch].
            state: Where recurrent layers start; None is zero.
            need_memory: Whether anybody reads the output of each step.
            known: See `Recurrent`.
        """
        inputs = self.dropout(inputs)
        if isinstance(self.layers, TransformerEncoder):
            memory, mean = self.layers(inputs, lengths)
            return Encoded(memory, (mean.unsqueeze(0),), lengths)
        memory, final = self.layers(inputs, lengths, state, need_outputs=need_memory, known=known)
        return Encoded(memory, tuple(self._join_directions(part) for part in final), lengths)

    def takes_known(self, vectors: Tensor) -> bool:
        """See `Recurrent.takes_known`; False of a transformer."""
        return isinstance(self.layers, Recurrent) and self.layers.takes_known(vectors)

    def known_sums(self, vectors: Tensor) -> Tensor | None:
        """See `Recurrent.known_sums`; None of a transformer."""
        layers = self.layers
        return layers.known_sums(vectors) if isinstance(layers, Recurrent) else None

    def _join_directions(self, part: Tensor) -> Tensor:
        """[layers * directions, batch, hidden] -> [layers, batch, directions * hidden]."""
        if len(part) == self.state_layers:
            return part
        split = part.view(
            self.state_layers, -1, *part.shape[1:]
        )  # [layers, directions, batch, hidden]
        return torch.cat(split.unbind(1), dim=-1)
