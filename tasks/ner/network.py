"""The network: word, characters and case -> encoder -> tag scores -> CRF or softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.data.batch import Batch, move
from seqkit.nn import CRF, CharCNN, CharRNN, Encoder, Tagger, TokenEmbedding, build_characters
from seqkit.nn.constraints import Scheme, allowed_transitions, constrained_nbest
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.trace import KnownInputs
from seqkit.nn.workers import share_out

from .config import NerModel
from .features import CASES


@dataclass(frozen=True)
class WordBatch:
    """Sentences side by side; each different word's characters stand once.

    Attributes:
        words: Word ids, int64 [batch, len].
        cases: Case ids, int64 [batch, len].
        chars: Character ids of each different word, int64 [unique, chars].
        which: Row of `chars` of each word, int64 [batch, len].
        tags: Gold tag ids, int64 [batch, len], 0 where there are none.
    """

    words: Batch
    cases: Tensor
    chars: Batch
    which: Tensor
    tags: Tensor

    def to(self, device: torch.device) -> WordBatch:
        """The batch on that device."""
        return move(self, device)


@dataclass(frozen=True)
class KnownWords:
    """Different words, for the answers to several batches.

    Attributes:
        vectors: Of each, float [words, size].
        sums: What each brings to the tagger's first layer, see `Recurrent.known_sums`; None where that does not help.
    """

    vectors: Tensor
    sums: Tensor | None


@dataclass(frozen=True)
class KnownBatch:
    """Sentences of known words side by side.

    Attributes:
        words: Which of them each is, int64 [batch, len].
        known: The words.
    """

    words: Batch
    known: KnownWords

    @property
    def inputs(self) -> KnownInputs | None:
        """What they bring to the tagger's first layer, where that is known."""
        sums = self.known.sums
        return None if sums is None else KnownInputs(sums, self.words.values)

    def to(self, device: torch.device) -> KnownBatch:
        """The batch on that device, where the known words are."""
        return move(self, device)


Sentences = WordBatch | KnownBatch
"""Sentences to answer."""


class WordVectors(nn.Module):
    """A vector for each word: its own, that of its characters and that of its case, side by side.

    Args:
        table: Vectors of known words.
        characters: Encoder of a word's characters, or None.
        case_size: Width of the case vector (0: none).
        once: Ids of words that training shows once.
        unk_prob: Probability that such a word is read as unknown in training; else `unk_idx` would
            never be trained.
        unk_idx: Id of unknown words.
    """

    seen_once: Tensor

    def __init__(
        self,
        table: TokenEmbedding,
        characters: CharCNN | CharRNN | None,
        case_size: int,
        once: Sequence[int] = (),
        unk_prob: float = 0.0,
        unk_idx: int = 1,
    ) -> None:
        super().__init__()
        self.table = table
        self.characters = characters
        self.case_table = nn.Embedding(len(CASES), case_size, padding_idx=0) if case_size else None
        self.unk_prob = unk_prob
        self.unk_idx = unk_idx
        seen_once = torch.zeros(table.vocab_size, dtype=torch.bool)
        seen_once[list(once)] = True
        self.register_buffer("seen_once", seen_once)
        char_size = characters.output_size if characters is not None else 0
        self.output_size = table.output_size + char_size + case_size

    def forward(self, batch: WordBatch) -> Tensor:
        """float [batch, len, output_size]."""
        parts = [self.table(self._with_unknowns(batch.words.values))]
        if self.characters is not None:
            unique = self.characters(batch.chars.values, batch.chars.lengths)  # [unique, size]
            parts.append(unique[batch.which])
        if self.case_table is not None:
            parts.append(self.case_table(batch.cases))
        return torch.cat(parts, dim=-1)

    def _with_unknowns(self, words: Tensor) -> Tensor:
        """The word ids; in training some that are seen once become unknown."""
        if not (self.training and self.unk_prob):
            return words
        drawn = torch.rand(words.shape, device=words.device) < self.unk_prob
        return words.masked_fill(drawn & self.seen_once[words], self.unk_idx)


class Decoded(NamedTuple):
    """Best tag sequences of a batch.

    Attributes:
        tags: int64 [batch, n, len], best first.
        log_probs: Of each sequence, in nats, float [batch, n]; -inf where a row has fewer.
        probs: Of each tag at each step, float [batch, len, num_tags]: with a CRF given the whole
            sentence (marginals).
    """

    tags: Tensor
    log_probs: Tensor
    probs: Tensor


class EntityNetwork(nn.Module):
    """Scores tags of words and finds the best valid sequence.

    Args:
        vectors: Words to vectors.
        tagger: Vectors to tag scores; tag 0 is outside of entities.
        rules: Which tag may follow which, start and end, from `allowed_transitions`.
        recall_bias: Taken off the scores of tag 0 in `decode`.
    """

    allowed: Tensor
    allowed_start: Tensor
    allowed_end: Tensor

    def __init__(
        self,
        vectors: WordVectors,
        tagger: Tagger,
        rules: tuple[Tensor, Tensor, Tensor],
        recall_bias: float = 0.0,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        self.tagger = tagger
        self.recall_bias = recall_bias
        for name, mask in zip(("allowed", "allowed_start", "allowed_end"), rules, strict=True):
            self.register_buffer(name, mask, persistent=False)  # the tags' names imply them

    def forward(self, batch: Sentences) -> Tensor:
        """Scores of each tag, float [batch, len, num_tags]."""
        if isinstance(batch, KnownBatch):
            vectors, known = batch.known.vectors[batch.words.values], batch.inputs
        else:
            vectors, known = self.vectors(batch), None
        scores: Tensor = self.tagger(vectors, batch.words.lengths, known)
        return scores.float()

    def know(self, words: Sequence[WordBatch]) -> KnownWords:
        """Different words for the answers to come, given as sentences of them, a batch each; threads share those."""

        def vectors_of(batch: WordBatch) -> Tensor:
            vectors: Tensor = self.vectors(batch)
            return vectors.squeeze(0)

        vectors = torch.cat(share_out(vectors_of, words))
        return KnownWords(vectors, self.tagger.encoder.known_sums(vectors))

    def loss(self, batch: WordBatch) -> Tensor:
        """Negative log-likelihood of the gold tags, summed over the batch, in nats."""
        return self.tagger.loss(self(batch), batch.tags, batch.words.lengths)

    @torch.no_grad()
    def decode(self, batch: Sentences, n: int) -> Decoded:
        """The `n` best valid tag sequences.

        Without a CRF a sequence's log-probability is the sum of its tags'.
        """
        scores = self(batch)
        scores[..., 0] -= self.recall_bias
        lengths = batch.words.lengths.to(scores.device)
        crf = self.tagger.crf
        if crf is not None:
            return Decoded(*crf.decode_with_marginals(scores, lengths, n))
        each = scores.log_softmax(dim=-1)
        rules = (self.allowed, self.allowed_start, self.allowed_end)
        tags, log_probs = constrained_nbest(each, lengths, *rules, n)
        mask = lengths_to_mask(lengths, each.size(1)).unsqueeze(-1)
        return Decoded(tags, log_probs, each.exp().masked_fill(~mask, 0.0))


def build_network(
    model: NerModel, num_words: int, num_chars: int, tags: Sequence[str], once: Sequence[int] = ()
) -> EntityNetwork:
    """The network of these settings, untrained.

    Args:
        model: Settings.
        num_words: Word ids.
        num_chars: Character ids.
        tags: Names of the tags in `model.tag_scheme`.
        once: Ids of words that training shows once.
    """
    scheme: Scheme = "BIOES" if model.tag_scheme == "bioes" else "BIO"
    rules = allowed_transitions(tags, scheme)
    table = TokenEmbedding(
        model.embedding, num_words, model.emb_size,
        scale_integer=model.scale_integer, init=model.init, dropout=model.embedding_dropout,
    )  # fmt: skip
    characters = build_characters(
        model.characters, num_chars, model.char_emb_size, model.char_size, model.dropout / 2
    )
    vectors = WordVectors(table, characters, model.case_size, once, model.unk_prob)
    encoder = Encoder(
        model.cell, vectors.output_size, model.hidden_size, model.num_layers,
        bidirectional=model.bidirectional, **model.encoder_options,
    )  # fmt: skip
    crf = CRF(len(tags), *rules) if model.crf else None
    tagger = Tagger(encoder, len(tags), crf, model.dropout)
    return EntityNetwork(vectors, tagger, rules, model.recall_bias)
