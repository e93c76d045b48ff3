"""Settings of named entities. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seqkit.config import Faults
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig


@dataclass(frozen=True)
class NerData(DataConfig):
    """Where tagged sentences come from and how they are written."""

    separator: str | None = None
    """What stands between two columns (none: any blanks or tabs; in CSV a comma)."""
    token_column: int = 0
    """Which column of a CoNLL file holds the token, counted from 0; -1 is the last."""
    tag_column: int = -1
    """Which column of a CoNLL file holds the tag, counted from 0; -1 is the last."""
    scheme: Literal["auto", "iob1", "bio", "bioes"] = "auto"
    """How tags mark where an entity begins and ends; auto finds it out from the tags."""
    sentence_key: str | None = None
    """CSV column that tells sentences apart (none: the usual names, such as sentence or Sentence #)."""
    token_key: str | None = None
    """CSV column, or JSON key, of the token or tokens (none: the usual names, such as word or tokens)."""
    tag_key: str | None = None
    """CSV column, or JSON key, of the tag or tags (none: the usual names, such as tag or ner_tags)."""
    join_tokens: int = 0
    """Tokens up to which neighbouring sentences of a document are read as one passage, so that each is seen in its
    context (0: each alone). In CoNLL files a line -DOCSTART- parts documents; others are one document a file. An
    input to answer is a text of its own: give it as many sentences."""
    text_column: str = "text"
    """Column of a DataFrame that holds texts to answer."""
    min_count: int = 1
    """Occurrences that a word needs to be known."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "min_count", 1, "occurrence")
        faults.at_least(self, "join_tokens", 0)
        if self.separator == "":
            faults.add("separator", "must be one character at least", "''")
        if self.token_column == self.tag_column:
            faults.add("tag_column", "must differ from `data.token_column`", self.tag_column)
        return faults


@dataclass(frozen=True)
class NerModel(CoreConfig):
    """The network: word, characters and case -> encoder -> a score for each tag -> CRF."""

    dropout: float = 0.3
    """Share of values zeroed in training, on word vectors, between layers and before outputs (0 to 1)."""
    bidirectional: bool = True
    """Whether sentences are read in both directions."""
    embedding: Literal["learned", "one_hot", "integer"] = "learned"
    """How a word becomes a vector: a learned table, one-hot, or its raw number."""
    emb_size: int = 100
    """Width of learned word vectors; pretrained ones bring their own."""
    scale_integer: bool = False
    """Whether raw numbers are divided by the size of the vocabulary."""
    pretrained: str | None = None
    """A run to start from: of ner, whose labels may be others, or of `seqkit pretrain`, whose vectors are taken. Its
    vectors win over those of `vectors`."""
    vectors: str | None = None
    """File of pretrained vectors (GloVe or fastText text format, plain or gzip). Words of the dev and test sentences
    that have a vector are known too."""
    vector_scaling: Literal["none", "unit", "standard"] = "none"
    """Pretrained vectors as they are, each of length one, or each of their numbers with mean 0 and variance 1."""
    freeze_vectors: bool = False
    """Whether pretrained vectors stay as they are."""
    unk_prob: float = 0.5
    """Probability that a word seen once is read as unknown in training, so that unknown words are learned (0 to 1)."""
    characters: Literal["cnn", "rnn", "none"] = "cnn"
    """What reads each word's characters."""
    char_emb_size: int = 30
    """Width of a character's vector."""
    char_size: int = 50
    """Width of the vector made of a word's characters."""
    case_size: int = 8
    """Width of the vector for upper and lower case and digits (0: none)."""
    crf: bool = True
    """Whether whole tag sequences are scored; otherwise each tag alone, and the best valid sequence is taken."""
    recall_bias: float = 0.0
    """Taken off the score of no entity when answering: above 0 finds more entities, and more of them are wrong."""
    tag_scheme: Literal["bio", "bioes"] = "bioes"
    """The network's own tags; with bioes it also learns where entities end."""

    def faults(self) -> Faults:
        faults = super().faults()
        for name in ("emb_size", "char_emb_size"):
            faults.at_least(self, name, 1, "number")
        faults.at_least(self, "char_size", 2, "numbers")
        faults.at_least(self, "case_size", 0)
        faults.fraction(self, "unk_prob", below_one=False)
        if self.vectors and self.embedding != "learned":
            faults.add("vectors", "needs `model.embedding` to be learned", self.embedding)
        return faults


@dataclass(frozen=True)
class NerTraining(TrainingConfig):
    """How the network learns."""

    epochs: int = 20
    """Passes over the training data, at most."""
    batch_size: int = 32
    """Examples a batch."""
    lr: float = 5e-3
    """Learning rate at its highest."""
    patience: int = 5
    """Epochs without a better dev metric before training stops (0: never)."""


@dataclass(frozen=True)
class NerConfig:
    """Named entities: tokens -> tags."""

    data: NerData = field(default_factory=NerData)
    model: NerModel = field(default_factory=NerModel)
    training: NerTraining = field(default_factory=NerTraining)
