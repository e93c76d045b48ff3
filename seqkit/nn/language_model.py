"""A recurrent language model: each unit from those before it and, in the other direction, from those after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqkit.nn.dropout import Dropout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoder
from seqkit.nn.kernels import MayCompile
from seqkit.nn.linear import Linear
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.vocabulary_loss import linear_cross_entropy, sampled_cross_entropy

if TYPE_CHECKING:
    from seqkit.data.batch import Batch


class LanguageModel(nn.Module, MayCompile):
    """Predicts the next unit, and with a bidirectional encoder also the one before (Peters et al. 2018,
    https://arxiv.org/abs/1802.05365, section 3.1). Both directions share the table of vectors, which also is the output
    projection. The directions never meet: one layer, so that the encoder's weights fit any encoder of that shape.

    Args:
        embedding: Learned vectors.
        encoder: Recurrent encoder; bidirectional ones have one layer.
        frequencies: Probability of each unit in the training text, float [vocab_size].
        samples: Units drawn for the training loss, see `sampled_cross_entropy` (0: the exact loss).
        dropout: Share of outputs zeroed, in training.
    """

    frequencies: Tensor

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: Encoder,
        frequencies: Tensor,
        samples: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.dropout = Dropout(dropout)
        self.combine = nn.ModuleList(
            Linear(self.layers.hidden_size, embedding.output_size)
            for _ in range(self.layers.num_directions)
        )
        self.bias = nn.Parameter(torch.empty_like(frequencies))
        self.samples = samples
        self.register_buffer("frequencies", torch.empty_like(frequencies))
        self.set_frequencies(frequencies)

    @torch.no_grad()
    def set_frequencies(self, frequencies: Tensor) -> None:
        """Starts the output's bias from the probability of each unit, float [vocab_size], which sampling follows."""
        self.frequencies.copy_(frequencies)
        self.bias.copy_(frequencies.clamp(min=1e-9).log())

    @property
    def layers(self) -> Recurrent:
        """The encoder's recurrent layers."""
        assert isinstance(self.encoder.layers, Recurrent)
        return self.encoder.layers

    @property
    def table(self) -> nn.Embedding:
        """The vectors, which also are the output projection."""
        assert self.embedding.table is not None
        return self.embedding.table

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What every step says of its neighbour.

        Args:
            batch: Units between `bos_idx` and `eos_idx`, int64 [batch, len].

        Returns:
            features, float [steps, emb_size], and the units they should foretell, int64 [steps]: of all rows'
            steps from the second on, then, with two directions, of all steps but the last.
        """
        memory = self.encoder(self.embedding(batch.values), batch.lengths).memory
        parts = torch.split(self.dropout(memory), self.layers.hidden_size, dim=-1)
        real = batch.mask[:, 1:]
        features = [self.combine[0](parts[0][:, :-1][real])]
        targets = [batch.values[:, 1:][real]]
        if len(parts) == 2:
            features.append(self.combine[1](parts[1][:, 1:][real]))
            targets.append(batch.values[:, :-1][real])
        return torch.cat(features), torch.cat(targets)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(cross-entropy in nats, number of units it is summed over); exact outside training."""
        features, targets = self(batch)
        weight = self.table.weight
        if self.training and self.samples:
            loss = sampled_cross_entropy(
                features, weight, self.bias, targets, self.frequencies, self.samples
            )
        else:
            loss = linear_cross_entropy(
                features, weight, self.bias, targets, compiles=self.compiles
            )
        return loss, torch.tensor(len(targets))

    def log_probs(self, batch: Batch) -> Tensor:
        """Log-probability of each row's units, the end mark included, read forwards: float [batch], in nats."""
        memory = self.encoder(self.embedding(batch.values), batch.lengths).memory
        features = self.combine[0](memory[:, :-1, : self.layers.hidden_size])
        rows = []
        for row, units, length in zip(features, batch.values, batch.lengths.tolist(), strict=True):
            last = length - 1
            rows.append(
                -linear_cross_entropy(row[:last], self.table.weight, self.bias, units[1:length])
            )
        return torch.stack(rows)

    def continued(self, batch: Batch, steps: int, never: list[int], eos_idx: int) -> Tensor:
        """The likeliest next units after each text, one after the other.

        Args:
            batch: Units from `bos_idx` on, int64 [batch, len].
            steps: Units to add, 1 at least.
            never: Ids that are no answer.
            eos_idx: Ends a text; it stays at the end of its row.

        Returns:
            int64 [batch, steps].
        """
        encoded = self.encoder(self.embedding(batch.values), batch.lengths)
        state = tuple(part[..., : self.layers.hidden_size] for part in encoded.state)
        output, found = state[0][-1], list[Tensor]()
        for _ in range(steps):
            logits = torch.addmm(self.bias, self.combine[0](output), self.table.weight.t())
            logits[:, never] = -torch.inf
            units = logits.argmax(dim=1)
            if found:
                units = units.masked_fill(found[-1] == eos_idx, eos_idx)
            found.append(units)
            output, state = self.layers.step(self.embedding(units), state)
        return torch.stack(found, dim=1)
