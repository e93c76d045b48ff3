"""Settings of sentiment. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seqkit.config import Faults
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig


@dataclass(frozen=True)
class SentimentData(DataConfig):
    """Where reviews come from and how they are cut."""

    text_column: str = "text"
    """Column of a table, or key of a JSON line, that holds the text."""
    label_column: str = "label"
    """Column or key that holds the label."""
    units: Literal["word", "word_only", "char", "bpe", "unigram"] = "word"
    """What a text is cut into: words and signs, words only, characters, or sentencepiece units."""
    vocab_size: int = 20000
    """Units known at most, the most frequent ones (0: all)."""
    min_count: int = 1
    """Occurrences that a unit needs to be known."""
    lowercase: bool = True
    """Whether case is dropped."""
    max_tokens: int = 400
    """Units kept of a text (0: all)."""
    keep: Literal["first", "last", "both"] = "both"
    """Which end of a longer text is kept; both: half from either end."""

    def faults(self) -> Faults:
        faults = super().faults()
        for name in ("vocab_size", "max_tokens"):
            faults.at_least(self, name, 0)
        faults.at_least(self, "min_count", 1, "occurrence")
        return faults


@dataclass(frozen=True)
class SentimentModel(CoreConfig):
    """The network: embedding -> encoder -> pooling -> head. From `pretrained` it takes units, cell and sizes too."""

    bidirectional: bool = True
    """Whether the text is read in both directions."""
    embedding: Literal["learned", "one_hot", "integer"] = "learned"
    """How a unit becomes a vector: a learned table, one-hot, or its raw number."""
    emb_size: int = 64
    """Width of learned vectors; pretrained ones bring their own."""
    scale_integer: bool = False
    """Whether raw numbers are divided by the size of the vocabulary."""
    vectors: str | None = None
    """File of pretrained vectors (GloVe or fastText text format, plain or gzip); word units only. Words of the dev
    and test texts that have a vector are known too."""
    vector_scaling: Literal["none", "unit", "standard"] = "none"
    """Pretrained vectors as they are, each of length one, or each of their numbers with mean 0 and variance 1."""
    freeze_vectors: bool = False
    """Whether pretrained vectors stay as they are."""
    pooling: Literal["last", "max", "mean", "attention", "max_mean", "max_mean_attention"] = "max"
    """How the encoder's outputs become one vector; several ways stand side by side."""
    head: Literal["softmax", "sigmoid"] = "softmax"
    """One output a label, or a single sigmoid unit (two labels only)."""
    tbptt_steps: int = 0
    """Steps after which gradients stop (0: never); one direction only."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "emb_size", 1, "number")
        faults.at_least(self, "tbptt_steps", 0, "steps")
        if self.tbptt_steps and self.bidirectional:
            faults.add("tbptt_steps", "needs `model.bidirectional` to be false", self.tbptt_steps)
        if self.pretrained and (self.vectors or self.embedding != "learned"):
            rule = "brings its own vectors, so it excludes `model.vectors` and other embeddings"
            faults.add("pretrained", rule, repr(self.pretrained))
        if self.vectors and self.embedding != "learned":
            faults.add("vectors", "needs `model.embedding` to be learned", self.embedding)
        return faults


@dataclass(frozen=True)
class SentimentConfig:
    """Sentiment: text -> label."""

    data: SentimentData = field(default_factory=SentimentData)
    model: SentimentModel = field(default_factory=SentimentModel)
    training: TrainingConfig = field(default_factory=TrainingConfig)
