"""The networks of the shapes, put together from ready parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqkit.nn.at_once import learn_at_once
from seqkit.nn.cells import State
from seqkit.nn.crf import CRF
from seqkit.nn.decoder import Decoder
from seqkit.nn.dropout import Dropout
from seqkit.nn.encoder import Encoded, Encoder
from seqkit.nn.initialisation import initialise_linear
from seqkit.nn.kernels import MayCompile
from seqkit.nn.known import known_inputs
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.pooling import Pooling
from seqkit.nn.trace import KnownInputs
from seqkit.nn.vocabulary_loss import linear_cross_entropy

if TYPE_CHECKING:
    from seqkit.data.batch import Batch


class VectorClassifier(nn.Module):
    """One-to-one, the limit case without recurrence: one vector in, one label out.

    Args:
        input_size: Width of the vector.
        hidden_size: Units of the hidden layer.
        num_labels: Number of labels.
        dropout: Share of hidden units zeroed in training.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_labels: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(hidden_size, num_labels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits, float [batch, num_labels], from float [batch, input_size]."""
        logits: Tensor = self.layers(features)
        return logits


class Classifier(nn.Module):
    """Many-to-one: embedding -> encoder -> pooling -> head.

    Args:
        embedding: Module from a batch's values [batch, len, ...] to vectors [batch, len, size]; for real-valued
            input `nn.Identity()`.
        encoder: Recurrent or transformer encoder.
        pooling: One vector for the sequence.
        num_outputs: Labels, or numbers to predict.
        dropout: Share of the pooled vector zeroed in training.
        init: Starting weights of the head.
    """

    def __init__(
        self,
        embedding: nn.Module,
        encoder: Encoder,
        pooling: Pooling,
        num_outputs: int,
        dropout: float = 0.0,
        init: str = "auto",
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(pooling.output_size, num_outputs)
        initialise_linear(self.head, init)

    def forward(self, batch: Batch, state: State | None = None) -> tuple[Tensor, Tensor | None]:
        """(logits [batch, num_outputs]; attention weights [batch, len] of attention pooling, else None)."""
        vectors = self.embedding(batch.values)
        known = known_inputs(self.embedding, self.encoder, batch.values, vectors)
        encoded = self.encoder(
            vectors, batch.lengths, state, need_memory=self.pooling.needs_memory, known=known
        )
        pooled, weights = self.pooling(encoded)
        return self.head(self.dropout(pooled)), weights

    def loss(self, batch: Batch, labels: Tensor) -> Tensor:
        """Negative log-likelihood of the labels int64 [batch], summed over the batch, in nats."""
        logits, _ = self(batch)
        return nn.functional.nll_loss(label_log_probs(logits), labels, reduction="sum")

    def learn(self, batch: Batch, labels: Tensor, scale: float) -> float | None:
        """Adds the gradients of the loss divided by `scale` to those of the weights, and returns the loss, where
        `at_once.py` makes both; None leaves them to autograd."""
        return learn_at_once(self, batch, labels, scale) if type(self) is Classifier else None


def label_log_probs(logits: Tensor) -> Tensor:
    """Log-probabilities of labels, float [batch, labels], from their logits.

    Two labels may have a single logit, the log-odds of the second.

    >>> label_log_probs(torch.zeros(1, 1)).exp()
    tensor([[0.5000, 0.5000]])
    """
    if logits.size(-1) == 1:
        both = torch.cat([-logits, logits], dim=-1)
        return nn.functional.logsigmoid(both.float())
    return logits.float().log_softmax(dim=-1)


class Tagger(nn.Module):
    """Many-to-many, synced: encoder -> per-step head, with a CRF over the tags or without.

    Args:
        encoder: Recurrent or transformer encoder over word vectors.
        num_tags: Number of tags.
        crf: Scores of tag sequences; None leaves each step to itself.
        dropout: Share of encoder outputs zeroed in training.
    """

    def __init__(
        self, encoder: Encoder, num_tags: int, crf: CRF | None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(encoder.output_size, num_tags)
        self.crf = crf

    def forward(self, vectors: Tensor, lengths: Tensor, known: KnownInputs | None = None) -> Tensor:
        """Scores of each tag at each step, float [batch, len, num_tags], from vectors [batch, len, size].

        `known` is for `Recurrent`.
        """
        encoded = self.encoder(vectors, lengths, known=known)
        scores: Tensor = self.head(self.dropout(encoded.memory))
        return scores

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Negative log-likelihood of the tags int64 [batch, len], summed over the batch, in nats."""
        if self.crf is not None:
            return -self.crf.log_likelihood(scores, tags, lengths.to(scores.device)).sum()
        mask = lengths_to_mask(lengths.to(scores.device), scores.size(1))
        return nn.functional.cross_entropy(scores[mask], tags[mask], reduction="sum")


class SourceEncoder(nn.Module):
    """Encodes token ids: embedding -> encoder, the source side of many-to-many."""

    def __init__(self, embedding: nn.Module, encoder: Encoder) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder

    def forward(self, batch: Batch) -> Encoded:
        """Encodes int64 values [batch, len]."""
        vectors = self.embedding(batch.values)
        known = known_inputs(self.embedding, self.encoder, batch.values, vectors)
        encoded: Encoded = self.encoder(vectors, batch.lengths, known=known)
        return encoded


class EncoderDecoder(nn.Module, MayCompile):
    """Many-to-many, and one-to-many where the source is a picture.

    Args:
        source: Module from a batch to `Encoded`.
        decoder: Recurrent or transformer decoder.
        label_smoothing: Probability spread evenly over the vocabulary in the training target.
        doubly_stochastic: Weight of a penalty, in training, on every place of the memory for how far the attention it
            gets over the whole sentence is from 1 (Xu et al. 2015, https://arxiv.org/abs/1502.03044, eq. 14).
    """

    def __init__(
        self,
        source: nn.Module,
        decoder: Decoder[Any],
        label_smoothing: float = 0.0,
        doubly_stochastic: float = 0.0,
    ) -> None:
        super().__init__()
        self.source = source
        self.decoder = decoder
        self.label_smoothing = label_smoothing
        self.doubly_stochastic = doubly_stochastic
        self.sampling_prob = 0.0

    def log_probs(self, src: Any, tgt: Batch, rows: Tensor) -> Tensor:
        """Log-probability of each target, summed over its tokens, float [targets], in nats.

        Args:
            src: What the source module takes.
            tgt: Targets from `bos_idx` on, int64 [targets, len].
            rows: The source of each target, int64 [targets].
        """
        inputs, wanted = tgt.values[:, :-1], tgt.values[:, 1:]
        real = tgt.mask[:, 1:]
        features, _ = self.decoder.forward(inputs, self.start(src).select(rows), real=real)
        logits = self.decoder.project(features).float()
        tokens = -nn.functional.cross_entropy(logits, wanted[real], reduction="none")
        return tokens.new_zeros(real.shape).masked_scatter(real, tokens).sum(dim=1)

    def start(self, src: Batch) -> Any:
        """Decoder state for each row of the source."""
        return self.decoder.start(self.source(src))

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any, Tensor | None]:
        """One step of the decoder; makes this network a step model for `seqkit.decoding`."""
        return self.decoder.step(tokens, state)

    def forward(self, src: Any, tgt: Batch, rows: Tensor | None = None) -> Tensor:
        """Cross-entropy of the target in nats, summed over its tokens.

        Args:
            src: What the source module takes.
            tgt: Target tokens, int64 [batch, len], from `bos_idx` to `eos_idx`.
            rows: The source of each target, int64 [batch], where one source has several; else the same order.
        """
        inputs, wanted = tgt.values[:, :-1], tgt.values[:, 1:]
        prob = self.sampling_prob if self.training else 0.0
        state = self.start(src)
        if rows is not None:
            state = state.select(rows)
        real = tgt.mask[:, 1:]  # padding never reaches the vocabulary
        features, weights = self.decoder.forward(inputs, state, prob, real)
        output = self.decoder.readout.projection
        smoothing = self.label_smoothing if self.training else 0.0
        loss = linear_cross_entropy(
            features, output.weight, output.bias, wanted[real], smoothing, self.compiles
        )
        if self.training and self.doubly_stochastic and weights is not None:
            received = (weights * real.unsqueeze(-1)).sum(dim=1)  # [batch, src_len]
            missing = (1 - received).masked_fill(~state.mask, 0.0)
            loss = loss + self.doubly_stochastic * missing.square().sum()
        return loss
