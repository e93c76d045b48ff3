"""From an encoder's final state to a decoder's first one, whatever cells, layers and directions they have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.nn.cells import State


class Bridge(nn.Module):
    """Projects each encoder layer's state to a decoder layer's, aligned from the top.

    Where the decoder has more layers than the encoder, the lowest encoder layer feeds the rest. An LSTM decoder's
    cell state comes from the encoder's cell state, or from its hidden state where it has none.

    Args:
        from_size: Width of the encoder's state (both directions together).
        from_layers: Layers of the encoder's state.
        to_size: Units of the decoder.
        to_layers: Layers of the decoder.
        num_states: Tensors in the decoder's state: 2 for LSTM, else 1.
    """

    def __init__(
        self, from_size: int, from_layers: int, to_size: int, to_layers: int, num_states: int
    ) -> None:
        super().__init__()
        self.layer_of = [max(0, from_layers - to_layers + layer) for layer in range(to_layers)]
        self.hidden = nn.ModuleList(nn.Linear(from_size, to_size) for _ in range(to_layers))
        self.cell = nn.ModuleList(
            nn.Linear(from_size, to_size) for _ in range(to_layers) if num_states == 2
        )

    def forward(self, state: State) -> State:
        """Decoder state, each float [to_layers, batch, to_size], from encoder state [from_layers, batch, from_size]."""
        hidden = torch.tanh(self._project(self.hidden, state[0]))
        if not self.cell:
            return (hidden,)
        return hidden, self._project(self.cell, state[-1])

    def _project(self, projections: nn.ModuleList, part: Tensor) -> Tensor:
        return torch.stack(
            [proj(part[layer]) for proj, layer in zip(projections, self.layer_of, strict=True)]
        )
