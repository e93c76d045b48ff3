"""A language model at work: cut, number, foretell, score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.data.batch import Batch, pad
from seqkit.data.codecs import Codec, VocabularyCodec, build_codec, load_codec, unit_names
from seqkit.data.stored_items import encoded
from seqkit.data.vectors import start_from_vectors, vector_size
from seqkit.data.vocabulary import Vocabulary
from seqkit.errors import ConfigError, DataError
from seqkit.metrics.bootstrap import Tallies
from seqkit.nn import Encoder, TokenEmbedding
from seqkit.nn.language_model import LanguageModel
from seqkit.pipeline import Pipeline, Scores
from seqkit.prediction import Alternative, Prediction

from .config import LanguageConfig
from .reading import cleaned

BOS, EOS = Vocabulary.bos_idx, Vocabulary.eos_idx
NEVER = [Vocabulary.pad_idx, Vocabulary.unk_idx, BOS]
"""What no text goes on with."""

COUNTED = 1000
"""Texts whose units are counted at a time."""


Ids = list[int] | np.ndarray


class LanguagePipeline(Pipeline[str, Ids, Batch]):
    """Text -> ids -> recurrent layers -> the next ids.

    Args:
        config: Settings.
        codec: Cuts texts and numbers the units.
    """

    model: LanguageModel

    def __init__(self, config: LanguageConfig, codec: Codec) -> None:
        self.config = config
        self.codec = codec
        model = config.model
        frequencies = torch.full((len(codec),), 1 / len(codec))  # until they are counted or loaded
        embedding = TokenEmbedding(
            "learned", len(codec), model.emb_size, init=model.init, dropout=model.embedding_dropout
        )
        encoder = Encoder(
            model.cell, model.emb_size, model.hidden_size, model.num_layers,
            bidirectional=model.bidirectional, **model.encoder_options,
        )  # fmt: skip
        self.model = LanguageModel(embedding, encoder, frequencies, model.samples, model.dropout)

    def save(self, folder: Path) -> None:
        self.codec.save(folder, "text")

    def encode(self, example: str) -> list[int]:
        return [BOS, *self.codec.encode(example), EOS]

    def encode_input(self, raw: Any) -> list[int]:
        if not isinstance(raw, str):
            raise DataError(f"A language model reads texts, got {type(raw).__name__}: {raw!r}.")
        return self.encode(cleaned(raw))

    def raw_input(self, example: str) -> str:
        return example

    def encoding(self) -> object:
        return self.codec.identity()

    def pack(self, item: Ids) -> Ids:
        return item

    def unpack(self, row: np.ndarray) -> Ids:
        return row

    def length(self, item: Ids) -> int:
        return len(item)

    def collate(self, items: Sequence[Ids]) -> Batch:
        return pad(items)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.model.loss(batch)

    def predict(self, items: Sequence[Ids], batch: Batch) -> list[Prediction]:
        log_probs = self.model.log_probs(batch).tolist()
        steps = self.config.model.continuation
        open_ended = Batch(batch.values, batch.lengths - 1)
        found = (
            self.model.continued(open_ended, steps, NEVER, EOS).tolist()
            if steps
            else [[]] * len(items)
        )
        return [self._prediction(*row) for row in zip(items, log_probs, found, strict=True)]

    def score(self, examples: Sequence[str], predictions: Sequence[Prediction]) -> Scores:
        units = sum(len(p.detail["tokens"]) + 1 for p in predictions)
        log_prob = sum(p.score or 0.0 for p in predictions) / max(1, units)
        signature = (
            f"mean log-probability of {units} units and perplexity, read forwards, with end marks, "
            f"{len(self.codec)} units known"
        )
        return Scores({"log_prob": log_prob, "perplexity": math.exp(-log_prob)}, signature)

    def tallies(self, examples: Sequence[str], predictions: Sequence[Prediction]) -> Tallies:
        units = [len(p.detail["tokens"]) + 1 for p in predictions]
        return Tallies.ratio([p.score or 0.0 for p in predictions], units)

    def step_names(self, item: Ids) -> list[str]:
        return unit_names(self.codec, item)

    def summary(self) -> dict[str, Any]:
        return {"vocabulary": len(self.codec)}

    def _prediction(self, item: Ids, log_prob: float, found: list[int]) -> Prediction:
        mean = log_prob / (len(item) - 1)
        output = self.codec.decode(found[: found.index(EOS)] if EOS in found else found)
        detail = {
            "perplexity": round(math.exp(-mean), 4),
            "tokens": unit_names(self.codec, item[1:-1]),
        }
        alternatives = [Alternative(output, log_prob, math.exp(mean))]
        return Prediction(None, output, log_prob, math.exp(mean), alternatives, detail, output)


def fit(config: LanguageConfig, train: Sequence[str]) -> LanguagePipeline:
    """A pipeline with the vocabulary of the training texts.

    Raises:
        ConfigError: if pretrained vectors are asked for with units other than words.
        DataError: if sentencepiece cannot learn from the texts.
    """
    data, model = config.data, config.model
    if model.vectors and data.units not in ("word", "word_only"):
        raise ConfigError(
            f"`model.vectors` holds vectors of words, so `data.units` must be word or word_only, got {data.units}."
        )
    codec = build_codec(
        data.units,
        train,
        vocab_size=data.vocab_size,
        min_count=data.min_count,
        lowercase=data.lowercase,
        keep=config.training.keep_tokens,
    )
    if model.vectors:
        resolved = dataclasses.replace(model, emb_size=vector_size(Path(model.vectors)))
        config = dataclasses.replace(config, model=resolved)
    pipeline = LanguagePipeline(config, codec)
    items = encoded(pipeline, train, config.training.keep_tokens)
    pipeline.model.set_frequencies(_frequencies(items, len(codec)))
    if model.vectors:
        assert isinstance(codec, VocabularyCodec)
        path, words = Path(model.vectors), codec.vocabulary.ordinary()
        embedding, scaling = pipeline.model.embedding, model.vector_scaling
        pipeline.notes = [start_from_vectors(embedding, path, words, scaling=scaling)]
    return pipeline


def _frequencies(items: Sequence[Ids], vocab_size: int) -> Tensor:
    """Probability of each unit, float [vocab_size]."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start in range(0, len(items), COUNTED):
        counts += np.bincount(np.concatenate(items[start : start + COUNTED]), minlength=vocab_size)
    frequencies = torch.from_numpy(counts).float()
    return frequencies / frequencies.sum()


def load(config: LanguageConfig, folder: Path) -> LanguagePipeline:
    """The pipeline that `LanguagePipeline.save` wrote.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    return LanguagePipeline(config, load_codec(folder, "text"))
