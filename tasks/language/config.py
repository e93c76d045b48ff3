"""Settings of language models. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seqkit.config import Faults
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig


@dataclass(frozen=True)
class LanguageData(DataConfig):
    """Where texts come from and how they are cut."""

    path: str | None = None
    """A file with a text a line, a table, a folder of files named train, dev and test, or label folders and archives of
    them, whose test part is left alone."""
    text_column: str = "text"
    """Column of a table, or key of a JSON line, that holds the text."""
    units: Literal["word", "word_only", "char", "bpe", "unigram"] = "word"
    """What a text is cut into: words and signs, words only, characters, or sentencepiece units."""
    vocab_size: int = 20000
    """Units known at most, the most frequent ones (0: all)."""
    min_count: int = 1
    """Occurrences that a unit needs to be known."""
    lowercase: bool = True
    """Whether case is dropped."""
    max_words: int = 200
    """Longer texts are cut into pieces of so many words, between blanks."""
    stream_above: float = 200.0
    """Size of a plain training text (.txt), in megabytes, from which on it is read from disk while training, in memory
    that does not grow with it."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "vocab_size", 0)
        faults.at_least(self, "min_count", 1, "occurrence")
        faults.at_least(self, "max_words", 2, "words")
        faults.at_least(self, "stream_above", 0, "megabytes")
        return faults


@dataclass(frozen=True)
class LanguageModelConfig(CoreConfig):
    """The network: vectors -> recurrent layers -> the same vectors as output projection."""

    cell: Literal["rnn_tanh", "rnn_relu", "lstm", "gru"] = "lstm"
    """Kind of core: a textbook recurrent cell."""
    emb_size: int = 100
    """Width of the vectors."""
    bidirectional: bool = True
    """Whether a second model foretells the unit before, as bidirectional encoders need; one layer only."""
    vectors: str | None = None
    """File of pretrained vectors (GloVe or fastText text format, plain or gzip) to start from; word units only."""
    vector_scaling: Literal["none", "unit", "standard"] = "none"
    """Pretrained vectors as they are, each of length one, or each of their numbers with mean 0 and variance 1."""
    samples: int = 500
    """Units drawn for the training loss, instead of the whole vocabulary (0: exact)."""
    continuation: int = 20
    """Units that an answer adds to a text, at most."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "emb_size", 1, "number")
        faults.at_least(self, "samples", 0)
        faults.at_least(self, "continuation", 0)
        faults.at_most(self, "continuation", 10_000, "units")
        if self.bidirectional and self.num_layers > 1:
            faults.add(
                "num_layers", "must be 1 where `model.bidirectional` is true", self.num_layers
            )
        return faults


@dataclass(frozen=True)
class LanguageTraining(TrainingConfig):
    """How the network learns."""

    epochs: int = 8
    """Passes over the training data, at most."""
    lr: float = 4e-3
    """Learning rate at its highest."""


@dataclass(frozen=True)
class LanguageConfig:
    """Language model: text -> its next units."""

    data: LanguageData = field(default_factory=LanguageData)
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    training: LanguageTraining = field(default_factory=LanguageTraining)
