"""Settings of translation. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seqkit.config import Faults
from seqkit.decoding import DecodingOptions
from seqkit.errors import ConfigError
from seqkit.settings import DataConfig, GeneratorConfig, GeneratorTraining, Schedule


@dataclass(frozen=True)
class TranslationData(DataConfig):
    """Where sentence pairs come from and how they are cut."""

    path: str | None = None
    """A folder of line-aligned files (train.en, train.fr, val.en, ...) or tables (train.tsv, ...); or
    one file or pair of files, split by `dev_fraction` and `test_fraction`. Any file may be .gz."""
    train: str | None = None
    """What to learn from, instead of `path`: a table, one file of a line-aligned pair, or what the
    names of both have before the language (corpus/train for train.en and train.fr)."""
    dev: str | None = None
    """Pairs that choose the best epoch, named as in `train`; without them, a part of the training data."""
    test: str | None = None
    """Pairs to score when training has ended, named as in `train`."""
    test_fraction: float = 0.0
    """Share of the training data set apart for the final score where there is no test data (0 to 1)."""
    src_lang: str = "en"
    """Language to translate from: ending of its files, or its column in tables."""
    tgt_lang: str = "fr"
    """Language to translate into; swap the two for the other direction."""
    src_column: str | None = None
    """Column (JSON: key) of the source in tables, if it is not called as the language; a number
    counted from 0 means a table without header. A table whose first row names neither language has
    none: its first column is then the source and its second the target."""
    tgt_column: str | None = None
    """Column, key or number of the target, as for the source."""
    units: Literal["word", "char", "bpe", "unigram"] = "bpe"
    """What a text is cut into: words, characters, or sentencepiece units, learned when training starts."""
    vocab_size: int = 8000
    """Units known at most, the most frequent ones (0: all words or characters, or 8,000 pieces)."""
    bpe_dropout: float = 0.0
    """Probability that a merge of bpe units is left out in training, so that words are cut in many ways (0 to 1)."""
    min_count: int = 1
    """Occurrences that a word or character needs to be known."""
    joint: bool = True
    """Whether both languages share one vocabulary."""
    lowercase: bool = False
    """Whether case is dropped, in the scores too."""
    max_tokens: int = 100
    """Training pairs with more words on either side (units char: characters) are left out (0: none)."""
    reverse_source: bool = False
    """Whether the source is read from its last unit to its first (Sutskever et al. 2014)."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.fraction(self, "test_fraction")
        if self.dev_fraction + self.test_fraction >= 1:
            rule = "and `data.dev_fraction` must leave something to train on"
            faults.add("test_fraction", rule, f"{self.test_fraction} and {self.dev_fraction}")
        for name in ("vocab_size", "max_tokens"):
            faults.at_least(self, name, 0)
        faults.at_least(self, "min_count", 1, "occurrence")
        faults.fraction(self, "bpe_dropout")
        if self.bpe_dropout and self.units != "bpe":
            faults.add("bpe_dropout", "needs `data.units` to be bpe", self.bpe_dropout)
        if self.src_lang == self.tgt_lang:
            faults.add("tgt_lang", "must not be `data.src_lang`", repr(self.tgt_lang))
        src, tgt = self.src_column or self.src_lang, self.tgt_column or self.tgt_lang
        if src == tgt or src.isdigit() != tgt.isdigit():
            rule = "and `data.src_column` must be two names or two numbers"
            faults.add("tgt_column", rule, f"{tgt!r} and {src!r}")
        return faults


@dataclass(frozen=True)
class TranslationModel(GeneratorConfig):
    """The network: embedding -> encoder -> decoder with attention."""

    dropout: float = 0.1
    """Share of values zeroed in training, on embeddings, between layers and before outputs (0 to 1)."""
    bidirectional: bool = True
    """Whether the source is read in both directions."""
    decoder_size: int = 0
    """Units of each decoder layer (0: as many as the encoder puts out)."""
    decoder_layers: int = 0
    """Layers of the decoder (0: as many as the encoder's)."""
    tie: Literal["none", "two_way", "three_way"] = "three_way"
    """Which tables are one: target vectors and output projection (two_way), source vectors too
    (three_way; needs `data.joint`)."""

    def faults(self) -> Faults:
        faults = super().faults()
        for name in ("decoder_size", "decoder_layers"):
            faults.at_least(self, name, 0)
        if (
            self.cell == "transformer"
            and self.num_heads >= 1
            and self.decoder_size % self.num_heads
        ):
            rule = f"must be a multiple of `model.num_heads` ({self.num_heads}) for a transformer"
            faults.add("decoder_size", rule, self.decoder_size)
        return faults


@dataclass(frozen=True)
class TranslationTraining(GeneratorTraining):
    """How the network learns; the defaults suit short sentences."""

    epochs: int = 7
    """Passes over the training data, at most."""
    batch_size: int = 64
    """Examples a batch."""
    lr: float = 3e-3
    """Learning rate at its highest."""
    schedule: Schedule = "linear"
    """How the learning rate changes: over all steps, or (plateau) halved when the dev metric stands still."""


@dataclass(frozen=True)
class TranslationDecoding(DecodingOptions):
    """How sentences are decoded; a translation also ends after 2 * source units + 10 steps."""

    max_len: int = 200
    """Most steps, in units, the end mark included; what has not ended by then is cut."""


@dataclass(frozen=True)
class TranslationConfig:
    """Translation: sentence -> sentence."""

    data: TranslationData = field(default_factory=TranslationData)
    model: TranslationModel = field(default_factory=TranslationModel)
    training: TranslationTraining = field(default_factory=TranslationTraining)
    decoding: TranslationDecoding = field(default_factory=TranslationDecoding)

    def __post_init__(self) -> None:
        if self.model.tie == "three_way" and not self.data.joint:
            raise ConfigError(
                "`model.tie` three_way shares one table between both languages, so it needs "
                "`data.joint` to be true; use two_way with separate vocabularies."
            )
