"""Sentiment at work: cut, number, classify, score."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data.batch import Batch, move, pad
from seqkit.data.codecs import Codec, VocabularyCodec, build_codec, load_codec, unit_names
from seqkit.data.vectors import start_from_vectors, vector_size, words_with_vectors
from seqkit.errors import ConfigError, DataError
from seqkit.files import read_names
from seqkit.metrics.bootstrap import Tallies
from seqkit.metrics.classification import classification_scores
from seqkit.nn import Classifier, Encoder, Pooling, TokenEmbedding
from seqkit.nn.models import label_log_probs
from seqkit.pipeline import Judgement, Pipeline, Scores
from seqkit.prediction import Alternative, Prediction
from seqkit.report import Grid, Part, Table, Tokens
from seqkit.saliency import saliency
from seqkit.transfer import Pretrained

from .config import SentimentConfig
from .reading import Review

_BREAK = re.compile(r"<br\s*/?>")
"""Line breaks of web pages, which stand in many review collections."""


class Item(NamedTuple):
    """A text as ids, and its label's index where it has one."""

    ids: list[int] | np.ndarray
    label: int = -1


@dataclass(frozen=True)
class TextBatch:
    """Texts, int64 [batch, len], and labels, int64 [batch]."""

    text: Batch
    labels: Tensor

    def to(self, device: torch.device) -> TextBatch:
        """The batch on that device."""
        return move(self, device)


class SentimentPipeline(Pipeline[Review, Item, TextBatch]):
    """Text -> ids -> encoder -> label.

    Args:
        config: Settings.
        codec: Cuts texts and numbers the units.
        labels: Names of the labels, in the order of the network's outputs.

    Raises:
        ConfigError: if a sigmoid head meets another number of labels than two.
    """

    model: Classifier

    def __init__(self, config: SentimentConfig, codec: Codec, labels: Sequence[str]) -> None:
        if config.model.head == "sigmoid" and len(labels) != 2:
            raise ConfigError(
                f"`model.head` sigmoid is for 2 labels; the data has {len(labels)}: {', '.join(labels)}."
            )
        self.config = config
        self.codec = codec
        self.labels = list(labels)
        self.label_index = {label: i for i, label in enumerate(labels)}
        self.model = _build_model(config, len(codec), len(labels))
        self._others: list[SentimentPipeline] = []

    def save(self, folder: Path) -> None:
        self.codec.save(folder, "text")
        (folder / "labels.json").write_text(
            json.dumps(self.labels, ensure_ascii=False), encoding="utf-8"
        )

    def encode(self, example: Review) -> Item:
        if example.label not in self.label_index:
            raise DataError(
                f"Label {example.label!r} was not in the training data ({', '.join(self.labels)})."
            )
        return Item(self._ids(example.text), self.label_index[example.label])

    def encoding(self) -> object:
        data = self.config.data
        return self.codec.identity(), self.labels, data.max_tokens, data.keep

    def pack(self, item: Item) -> list[int]:
        return [item.label, *item.ids]

    def unpack(self, row: np.ndarray) -> Item:
        return Item(row[1:], int(row[0]))

    def encode_input(self, raw: Any) -> Item:
        if not isinstance(raw, str):
            raise DataError(f"Sentiment reads texts, got {type(raw).__name__}: {raw!r}.")
        return Item(self._ids(raw))

    def raw_input(self, example: Review) -> str:
        return example.text

    def length(self, item: Item) -> int:
        return max(1, len(item.ids))

    def collate(self, items: Sequence[Item]) -> TextBatch:
        return TextBatch(
            pad([item.ids for item in items]), torch.tensor([item.label for item in items])
        )

    def loss(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        return self.model.loss(batch.text, batch.labels), torch.tensor(len(batch.labels))

    def learn(self, batch: TextBatch, scale: int) -> tuple[float, int] | None:
        if type(self).loss is not SentimentPipeline.loss:  # somebody's own
            return None
        count = len(batch.labels)
        loss = self.model.learn(batch.text, batch.labels, scale or count)
        return None if loss is None else (loss, count)

    def predict(self, items: Sequence[Item], batch: TextBatch) -> list[Prediction]:
        log_probs, weights = self._log_probs(batch)
        if self._others:
            members = [log_probs, *(other._log_probs(batch)[0] for other in self._others)]
            log_probs = torch.logsumexp(torch.stack(members), dim=0) - math.log(len(members))
        rows = zip(items, log_probs.tolist(), strict=True)
        return [
            self._prediction(
                item, row, None if weights is None else weights[i, : self.length(item)].tolist()
            )
            for i, (item, row) in enumerate(rows)
        ]

    def score(self, examples: Sequence[Review], predictions: Sequence[Prediction]) -> Scores:
        gold = [example.label for example in examples]
        scores = classification_scores(gold, [p.output for p in predictions], self.labels)
        tables = {
            "labels": [
                {"label": name, **dataclasses.asdict(row)} for name, row in scores.per_label.items()
            ],
            "confusion": [
                {
                    "label": label,
                    **{
                        f"as {other}": scores.confusion[i][j] for j, other in enumerate(self.labels)
                    },
                }
                for i, label in enumerate(self.labels)
            ],
        }
        values = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
        return Scores(
            values,
            f"accuracy and macro F1 over {len(gold)} texts, {len(self.labels)} labels",
            tables,
        )

    def tallies(self, examples: Sequence[Review], predictions: Sequence[Prediction]) -> Tallies:
        right = [e.label == p.output for e, p in zip(examples, predictions, strict=True)]
        return Tallies.ratio(right, [1] * len(right))

    def ensemble_with(self, others: Sequence[Pipeline[Review, Item, TextBatch]]) -> None:
        """Answers from now on by the mean of the probabilities of all these networks."""
        mine = (self.codec.identity(), self.labels)
        for other in others:
            if (
                not isinstance(other, SentimentPipeline)
                or (other.codec.identity(), other.labels) != mine
            ):
                raise ConfigError(
                    "An ensemble needs runs with the same vocabulary and the same labels."
                )
            self._others.append(other)

    def summary(self) -> dict[str, Any]:
        return {"vocabulary": len(self.codec), "labels": ", ".join(self.labels)}

    def step_names(self, item: Item) -> list[str]:
        return unit_names(self.codec, item.ids)

    def explain(self, item: Item, batch: TextBatch, prediction: Prediction) -> list[Part]:
        """Which units speak for the label and which against, and where attention pooling looks."""
        tokens = self.step_names(item)
        if not tokens:
            return []
        label = self.label_index[prediction.output]
        weights = saliency(self.model.embedding, lambda: self._log_odds(batch, label))
        about = (
            f"What each unit adds to the log-odds of “{prediction.output}”, in nats and to first order (gradient times "
            "input): blue speaks for the answer, orange and dotted against it."
        )
        parts: list[Part] = [Tokens("Saliency", tokens, weights[0].tolist(), about, signed=True)]
        if "attention" in prediction.detail:
            about = "The share of each unit in the vector that the label is read from."
            parts.append(Tokens("Attention", tokens, prediction.detail["attention"], about))
        return parts

    def judge(self, example: Review, prediction: Prediction) -> Judgement:
        right = prediction.output == example.label
        trials = [(prediction.confidence or 0.0, right)]
        return Judgement(example.label, prediction.output, float(right), trials)

    def report(
        self, examples: Sequence[Review], predictions: Sequence[Prediction], scores: Scores
    ) -> list[Part]:
        """The confusion matrix, shaded by row, and the scores of each label."""
        counts = [
            [row[f"as {other}"] for other in self.labels] for row in scores.tables["confusion"]
        ]
        shares = [[count / max(1, sum(row)) for count in row] for row in counts]
        texts = [[f"{count:,}" for count in row] for row in counts]
        about = "Texts by their right label and the one given; the shade is the share of the row."
        names = self.labels
        return [
            Grid("Confusion matrix", shares, names, names, about, "right", "given", texts=texts),
            Table("Scores of each label", scores.tables["labels"]),
        ]

    def _ids(self, text: str) -> list[int]:
        return _shorten(
            self.codec.encode(_BREAK.sub(" ", text)),
            self.config.data.max_tokens,
            self.config.data.keep,
        )

    def _log_probs(self, batch: TextBatch) -> tuple[Tensor, Tensor | None]:
        """(log-probabilities [batch, labels]; attention weights or None)."""
        logits, weights = self.model(batch.text)
        return label_log_probs(logits), weights

    def _log_odds(self, batch: TextBatch, label: int) -> Tensor:
        """Log-odds of a label against all others, float [batch]; unlike its probability, they never level off."""
        log_probs, _ = self._log_probs(batch)
        others = [i for i in range(len(self.labels)) if i != label]
        return log_probs[:, label] - log_probs[:, others].logsumexp(dim=-1)

    def _prediction(
        self, item: Item, log_probs: list[float], weights: list[float] | None
    ) -> Prediction:
        ranked = sorted(range(len(log_probs)), key=lambda i: (-log_probs[i], i))
        probs = torch.tensor(log_probs).exp().tolist()
        alternatives = [Alternative(self.labels[i], log_probs[i], probs[i]) for i in ranked]
        best = alternatives[0]
        detail: dict[str, Any] = {
            "probabilities": {self.labels[i]: round(probs[i], 6) for i in ranked}
        }
        if weights is not None:
            detail["attention"] = [round(w, 6) for w in weights]
            detail["tokens"] = unit_names(self.codec, item.ids)
        text = f"{best.output} ({best.confidence:.2f})"
        return Prediction(
            None, best.output, best.score, best.confidence, alternatives, detail, text
        )


def fit(
    config: SentimentConfig, train: Sequence[Review], others: Sequence[Review] = ()
) -> SentimentPipeline:
    """A pipeline with the vocabulary and labels of the training reviews.

    With pretrained vectors, words of `others` that have one are known too.

    Raises:
        DataError: if the reviews have fewer than two labels.
        ConfigError: if pretrained vectors are asked for with units other than words.
    """
    labels = sorted({review.label for review in train})
    if len(labels) < 2:
        raise DataError(
            f"Two labels at least are needed to learn; the training data has {', '.join(labels)}."
        )
    data, model = config.data, config.model
    if model.vectors and data.units not in ("word", "word_only"):
        raise ConfigError(
            f"`model.vectors` holds vectors of words, so `data.units` must be word or word_only, got {data.units}."
        )
    texts = [_BREAK.sub(" ", review.text) for review in train]
    codec = build_codec(
        data.units,
        texts,
        vocab_size=data.vocab_size,
        min_count=data.min_count,
        lowercase=data.lowercase,
        keep=config.training.keep_tokens,
    )
    if model.pretrained:
        return _pretrained(config, Pretrained.open(model.pretrained), labels)
    if not model.vectors:
        return SentimentPipeline(config, codec, labels)
    path = Path(model.vectors)
    assert isinstance(codec, VocabularyCodec)
    tokens = {token for review in others for token in codec.tokens(_BREAK.sub(" ", review.text))}
    codec.vocabulary.extend(words_with_vectors(path, tokens))
    resolved = dataclasses.replace(model, emb_size=vector_size(path))
    pipeline = SentimentPipeline(dataclasses.replace(config, model=resolved), codec, labels)
    assert isinstance(pipeline.model.embedding, TokenEmbedding)
    pipeline.notes = [
        start_from_vectors(
            pipeline.model.embedding, path, codec.vocabulary.ordinary(),
            freeze=model.freeze_vectors, scaling=model.vector_scaling,
        )
    ]  # fmt: skip
    return pipeline


def _pretrained(
    config: SentimentConfig, source: Pretrained, labels: Sequence[str]
) -> SentimentPipeline:
    """A pipeline with the vocabulary, cell and sizes of a pretraining run, and its weights."""
    theirs = source.model
    resolved = dataclasses.replace(
        config.model, cell=theirs.cell, emb_size=theirs.emb_size, hidden_size=theirs.hidden_size,
        num_layers=theirs.num_layers, bidirectional=theirs.bidirectional,
    )  # fmt: skip
    pipeline = SentimentPipeline(dataclasses.replace(config, model=resolved), source.codec, labels)
    network = pipeline.model
    assert isinstance(network.embedding, TokenEmbedding)
    units = source.codec.index()
    pipeline.notes = [source.start(network.embedding, units, network.encoder)]
    return pipeline


def load(config: SentimentConfig, folder: Path) -> SentimentPipeline:
    """The pipeline that `SentimentPipeline.save` wrote.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    return SentimentPipeline(config, load_codec(folder, "text"), read_names(folder / "labels.json"))


def _build_model(config: SentimentConfig, vocab_size: int, num_labels: int) -> Classifier:
    """embedding -> encoder -> pooling -> head."""
    model = config.model
    embedding = TokenEmbedding(
        model.embedding,
        vocab_size,
        model.emb_size,
        scale_integer=model.scale_integer,
        init=model.init,
        dropout=model.embedding_dropout,
    )
    encoder = Encoder(
        model.cell, embedding.output_size, model.hidden_size, model.num_layers,
        bidirectional=model.bidirectional, tbptt_steps=model.tbptt_steps, **model.encoder_options,
    )  # fmt: skip
    pooling = Pooling(model.pooling, encoder.output_size)
    outputs = 1 if model.head == "sigmoid" else num_labels
    return Classifier(embedding, encoder, pooling, outputs, model.dropout, init=model.init)


def _shorten(ids: list[int], limit: int, keep: str) -> list[int]:
    """At most `limit` ids, from the end or ends that are kept.

    >>> _shorten([1, 2, 3, 4, 5], 3, "both")
    [1, 2, 5]
    """
    if not limit or len(ids) <= limit:
        return ids
    if keep == "first":
        return ids[:limit]
    if keep == "last":
        return ids[-limit:]
    tail = limit // 2
    return ids[: limit - tail] + (ids[-tail:] if tail else [])
