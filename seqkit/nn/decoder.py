"""Decoders: a memory in, a sentence out.

`forward` runs a whole sequence for training, `step` one token for decoding.
"""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from seqkit.errors import ConfigError
from seqkit.nn.attention import Attention
from seqkit.nn.bridge import Bridge
from seqkit.nn.cells import State, get_cell
from seqkit.nn.dropout import Dropout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoded
from seqkit.nn.kernels import MANY_ROWS, MayCompile, exact, runs_compiled
from seqkit.nn.known import KnownTokens
from seqkit.nn.linear import Linear
from seqkit.nn.recurrent import MOST_KNOWN, Recurrent
from seqkit.nn.tanh import tanh_of_sums

S = TypeVar("S")


class Decoder(Protocol[S]):
    """What every decoder offers; `features` are the inputs of the vocabulary projection, `readout`."""

    embedding: TokenEmbedding
    readout: Readout

    def start(self, encoded: Encoded) -> S:
        """The state before the first token."""

    def forward(
        self, tokens: Tensor, state: S, sampling_prob: float = 0.0, real: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(features [batch, len, feature_size], attention [batch, len, src_len] or None) of every step, from input
        tokens int64 [batch, len]; features [steps, feature_size] of the steps where `real`, bool [batch, len], is
        true, if it is given."""

    def step(self, tokens: Tensor, state: S) -> tuple[Tensor, S, Tensor | None]:
        """(logits [rows, vocab_size], next state, attention [rows, src_len] or None) after tokens int64 [rows]."""

    def project(self, features: Tensor) -> Tensor:
        """Logits, float [..., vocab_size]."""


class Readout(nn.Module):
    """The vocabulary projection, its weight shared with the embedding where that is asked for.

    Args:
        embedding: The decoder's embedding.
        tied: Whether the projection is the embedding's table (Press & Wolf 2017, https://arxiv.org/abs/1608.05859).
    """

    def __init__(self, embedding: TokenEmbedding, feature_size: int, *, tied: bool) -> None:
        super().__init__()
        self.projection = nn.Linear(feature_size, embedding.vocab_size)
        if tied and embedding.table is not None:
            self.projection.weight = embedding.table.weight

    def forward(self, features: Tensor) -> Tensor:
        """float [..., vocab_size] from float [..., feature_size]."""
        logits: Tensor = self.projection(features)
        return logits


@dataclass(frozen=True)
class RecurrentState:
    """A recurrent decoder between two steps, one row a hypothesis.

    Attributes:
        memory, keys, mask: The encoder's outputs, what queries are matched with, and where they are real; a row of
            them for each `width` hypotheses.
        hidden: State of the layers, each float [num_layers, rows, hidden_size].
        feed: Features of the step before, float [rows, feature_size]; used by input feeding.
        owners: Row of the encoded batch that each row belongs to, int64 [rows].
        width: So many hypotheses side by side have the same memory (1: nobody has looked).
        known: What tokens bring to the first layer, where that is kept for all steps.
    """

    memory: Tensor
    keys: Tensor
    mask: Tensor
    hidden: State
    feed: Tensor
    owners: Tensor
    width: int = 1
    known: KnownTokens | None = None

    def select(self, rows: Tensor) -> RecurrentState:
        """The state of the given rows, int64 [n]; rows may repeat.

        The hypotheses of a sentence share its memory, so where they only change places it is not copied.
        """
        owners = self.owners.index_select(0, rows)
        memory, keys, mask, width = self.memory, self.keys, self.mask, self.width
        if not torch.equal(owners, self.owners):
            width = _width(owners)
            sources = rows[::width].div(self.width, rounding_mode="floor")
            memory, keys, mask = (part.index_select(0, sources) for part in (memory, keys, mask))
        hidden = tuple(part.index_select(1, rows) for part in self.hidden)
        feed = self.feed.index_select(0, rows)
        return RecurrentState(memory, keys, mask, hidden, feed, owners, width, self.known)


def _width(owners: Tensor) -> int:
    """How many rows side by side have one owner, if that is the same for all; looked for in answers on a CPU."""
    answers = owners.device.type == "cpu" and torch.is_inference_mode_enabled()
    if not answers or not owners.numel():
        return 1
    width = int((owners == owners[0]).sum())
    if len(owners) % width:
        return 1
    alike = owners.view(-1, width) == owners[::width].unsqueeze(1)
    return width if bool(alike.all()) else 1


class RecurrentDecoder(nn.Module, MayCompile):
    """A recurrent language model that starts from the encoder's state and may attend to its outputs.

    After Luong et al. 2015 (https://arxiv.org/abs/1508.04025): the state queries the memory, and state and
    context together give the features, h~ = tanh(W [h; c]). With `input_feeding` the features of one step are part
    of the next one's input (section 3.3), and training runs step by step; without it, all steps run at once.

    A `conditional` decoder (Sennrich et al. 2017, https://arxiv.org/abs/1703.04357, section 2.1, with `gru` the
    conditional GRU) lets the context into the recurrence: the top layer's state queries the memory, and a second cell
    takes it on from there with the context as input. Training then runs step by step too.

    Args:
        embedding: Vectors of the target tokens.
        cell: `rnn_tanh`, `rnn_relu`, `lstm` or `gru`.
        hidden_size: Units of each layer.
        num_layers: Layers on top of each other.
        memory_size: Width of the encoder's outputs.
        state_size: Width of the encoder's final state.
        state_layers: Layers of the encoder's final state.
        attention: `none`, `dot`, `scaled_dot`, `general` or `additive`.
        input_feeding, conditional: See above.
        deep_output: Whether the features also see the vector of the token before (Pascanu et al. 2014,
            https://arxiv.org/abs/1312.6026).
        tied: Whether embedding and vocabulary projection share their weight.
        dropout: Share of embeddings and features zeroed in training.
        init: Starting weights of the recurrent layers.

    Raises:
        ConfigError: if a conditional decoder has no attention.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        cell: str,
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
    ) -> None:
        super().__init__()
        if conditional and attention == "none":
            raise ConfigError(
                "A conditional decoder needs `model.attention` to be other than none."
            )
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.deep_output = deep_output
        self.feature_size = embedding.output_size if tied else hidden_size
        self.input_feeding = input_feeding
        fed = self.feature_size if input_feeding else 0
        self.layers = Recurrent(
            cell, embedding.output_size + fed, hidden_size, num_layers, dropout=dropout, init=init
        )
        self.bridge = Bridge(
            state_size, state_layers, hidden_size, num_layers, get_cell(cell).num_states
        )
        self.attention = None
        if attention != "none":
            self.attention = Attention(attention, hidden_size, memory_size, hidden_size)
        self.second = Recurrent(cell, memory_size, hidden_size, init=init) if conditional else None
        attended = memory_size if self.attention is not None else 0
        seen = embedding.output_size if deep_output else 0
        self.combine = Linear(hidden_size + attended + seen, self.feature_size)
        self.readout = Readout(embedding, self.feature_size, tied=tied)

    def start(self, encoded: Encoded) -> RecurrentState:
        """The state before the first token; keys are projected here, once a sentence."""
        with self._beside_layers(encoded.mask.device):
            if self.layers.answers_whole:
                encoded = encoded.float()
            memory = encoded.memory
            owners = torch.arange(memory.size(0), device=memory.device)
            keys = memory if self.attention is None else self.attention.keys(memory)
            feed = memory.new_zeros(memory.size(0), self.feature_size)
            return RecurrentState(
                memory, keys, encoded.mask, self.bridge(encoded.state), feed, owners,
                known=self._known_tokens(memory),
            )  # fmt: skip

    def _beside_layers(self, device: torch.device) -> AbstractContextManager[object]:
        """The context of what is computed beside recurrent layers: not in bfloat16 where they are in whole numbers, as
        machine code does not take it."""
        return exact(device) if self.layers.answers_whole else nullcontext()

    def _known_tokens(self, memory: Tensor) -> KnownTokens | None:
        """For answers to many sentences whose steps read tokens and nothing else."""
        answers = not (self.training or self.input_feeding) and self.layers.steps_from_sums(memory)
        bias, vocab_size = self.layers.get_parameter("bias_ih_l0"), self.embedding.vocab_size
        if not answers or len(memory) < MANY_ROWS or vocab_size * len(bias) > MOST_KNOWN:
            return None

        def sums_of(tokens: Tensor) -> Tensor:
            return self.layers.entering_sums(self.embedding(tokens))

        return KnownTokens(sums_of, vocab_size, bias.detach())

    def forward(
        self,
        tokens: Tensor,
        state: RecurrentState,
        sampling_prob: float = 0.0,
        real: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Features of every step under teacher forcing.

        Args:
            tokens: Input tokens, int64 [batch, len], beginning with `bos_idx`.
            state: From `start`.
            sampling_prob: Probability that a step reads the network's own last choice instead of the given token
                (scheduled sampling, Bengio et al. 2015, https://arxiv.org/abs/1506.03099).
            real: True at real steps, bool [batch, len], padding at the end of each row; their features are asked for.

        Returns:
            features, float [batch, len, feature_size], or [steps, feature_size] of real steps in order; attention,
            float [batch, len, src_len], or None.
        """
        if self.input_feeding or self.second is not None or sampling_prob > 0:
            features, weights = self._forward_stepwise(tokens, state, sampling_prob)
        else:
            inputs = self.dropout(self.embedding(tokens))
            if real is not None and self.compiles and runs_compiled(inputs):
                return self._forward_real(inputs, state, real)
            outputs, _ = self.layers(inputs, None, state.hidden)
            context, weights = self._attend(outputs, state)
            features = self._features(outputs, context, inputs)
        return features if real is None else features[real], weights

    def _forward_real(
        self, inputs: Tensor, state: RecurrentState, real: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """`forward` where machine code runs, which need not compute padding."""
        from seqkit.nn import compiled_steps  # numba takes a while

        outputs, _ = self.layers(inputs, real.sum(dim=1), state.hidden)
        context, weights = self._attend(outputs, state)
        parts = [part.to(outputs.dtype) for part in self._seen(outputs, context, inputs)]
        places = real.flatten().nonzero().squeeze(1)
        return self._features_of(compiled_steps.side_by_side(places, parts)), weights

    def step(
        self, tokens: Tensor, state: RecurrentState
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        """(logits [rows, vocab_size], next state, attention [rows, src_len] or None) after tokens int64 [rows]."""
        with self._beside_layers(tokens.device):
            features, after, weights = self._step_features(tokens, state)
            return self.project(features), after, weights

    def project(self, features: Tensor) -> Tensor:
        """Logits, float [..., vocab_size]."""
        logits: Tensor = self.readout(features)
        return logits

    def _forward_stepwise(
        self, tokens: Tensor, state: RecurrentState, sampling_prob: float
    ) -> tuple[Tensor, Tensor | None]:
        steps, looks = [], []
        given = tokens[:, 0]
        for index in range(tokens.size(1)):
            features, state, weights = self._step_features(given, state)
            steps.append(features)
            looks.append(weights)
            if index + 1 < tokens.size(1):
                given = tokens[:, index + 1]
                if sampling_prob > 0:
                    own = self.project(features).argmax(dim=-1)
                    given = torch.where(
                        torch.rand(own.shape, device=own.device) < sampling_prob, own, given
                    )
        found = [look for look in looks if look is not None]
        return torch.stack(steps, dim=1), torch.stack(found, dim=1) if found else None

    def _step_features(
        self, tokens: Tensor, state: RecurrentState
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        vectors = self.dropout(self.embedding(tokens))
        inputs = torch.cat([vectors, state.feed], dim=-1) if self.input_feeding else vectors
        known = state.known if self.layers.steps_from_sums(inputs) else None
        sums = None if known is None else known(tokens)
        output, hidden = self.layers.step(inputs, state.hidden, sums)
        context, weights = self._attend(output, state)
        if self.second is not None:
            assert context is not None
            output, top = self.second.step(context, tuple(part[-1:] for part in hidden))
            hidden = tuple(torch.cat([p[:-1], t]) for p, t in zip(hidden, top, strict=True))
        features = self._features(output, context, vectors)
        return features, dataclasses.replace(state, hidden=hidden, feed=features), weights

    def _attend(
        self, outputs: Tensor, state: RecurrentState
    ) -> tuple[Tensor | None, Tensor | None]:
        """(context, weights) of one step or all; None without attention."""
        if self.attention is None:
            return None, None
        # The queries of rows that share a memory stand together, so that it is read once for all of them.
        sources = len(outputs) // state.width
        queries = outputs.reshape(sources, state.width, *outputs.shape[1:]).flatten(1, -2)
        context, weights = self.attention(queries, state.keys, state.memory, state.mask)
        steps = outputs.shape[:-1]
        return context.view(*steps, context.size(-1)), weights.view(*steps, weights.size(-1))

    def _features_of(self, seen: Tensor) -> Tensor:
        """What the vocabulary projection sees, from what it is made of side by side."""
        features: Tensor = self.dropout(tanh_of_sums(self.combine(seen), self.compiles))
        return features

    def _features(self, outputs: Tensor, context: Tensor | None, vectors: Tensor) -> Tensor:
        """The same from its parts."""
        return self._features_of(torch.cat(self._seen(outputs, context, vectors), dim=-1))

    def _seen(self, outputs: Tensor, context: Tensor | None, vectors: Tensor) -> list[Tensor]:
        """The parts that features are made of: the outputs, and what else they see."""
        parts = [outputs] if context is None else [outputs, context]
        return [*parts, vectors] if self.deep_output else parts
