"""A whole task in a page: letters in, the first of them as the label. What the core's contracts ask for, no more."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqkit import registry
from seqkit.data.batch import Batch, move, pad
from seqkit.data.codecs import build_codec, load_codec
from seqkit.errors import DataError
from seqkit.nn import Classifier, Encoder, Pooling, TokenEmbedding
from seqkit.pipeline import Pipeline, Scores
from seqkit.prediction import Prediction
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig
from seqkit.task import Splits, Task

LABELS = "ab"


@dataclass(frozen=True)
class ToyConfig:
    """Sections of settings."""

    data: DataConfig = field(default_factory=DataConfig)
    model: CoreConfig = field(default_factory=lambda: CoreConfig(hidden_size=8, dropout=0.0))
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(epochs=4, batch_size=8, lr=0.02, device="cpu")
    )


@dataclass(frozen=True)
class Example:
    """Letters and the first of them."""

    text: str
    label: str


@dataclass(frozen=True)
class ToyBatch:
    """Texts, int64 [batch, len], and labels, int64 [batch]."""

    text: Batch
    labels: Tensor

    def to(self, device: torch.device) -> ToyBatch:
        return move(self, device)


Item = tuple[list[int], int]


class ToyPipeline(Pipeline[Example, Item, ToyBatch]):
    """Letters -> label."""

    def __init__(self, config: ToyConfig, codec: Any) -> None:
        self.config, self.codec = config, codec
        model = config.model
        encoder = Encoder(
            model.cell, 6, model.hidden_size, bidirectional=False, dropout=model.dropout
        )
        pooling = Pooling("last", encoder.output_size)
        embedding = TokenEmbedding("learned", len(codec), 6)
        self.model = Classifier(embedding, encoder, pooling, len(LABELS))
        self.steps: list[int] = []

    def save(self, folder: Path) -> None:
        self.codec.save(folder, "text")

    def encode(self, example: Example) -> Item:
        return self.codec.encode(example.text), LABELS.index(example.label)

    def encode_input(self, raw: Any) -> Item:
        if not isinstance(raw, str):
            raise DataError(f"The toy reads texts, got {type(raw).__name__}.")
        return self.codec.encode(raw), -1

    def raw_input(self, example: Example) -> str:
        return example.text

    def length(self, item: Item) -> int:
        return max(1, len(item[0]))

    def collate(self, items: Sequence[Item]) -> ToyBatch:
        return ToyBatch(pad([ids for ids, _ in items]), torch.tensor([label for _, label in items]))

    def loss(self, batch: ToyBatch) -> tuple[Tensor, Tensor]:
        logits, _ = self.model(batch.text)
        loss = nn.functional.cross_entropy(logits, batch.labels, reduction="sum")
        return loss, torch.tensor(len(batch.labels))

    def predict(self, items: Sequence[Item], batch: ToyBatch) -> list[Prediction]:
        log_probs = self.model(batch.text)[0].log_softmax(-1)
        best, index = log_probs.max(-1)
        return [
            Prediction(None, LABELS[i], score, min(1.0, torch.tensor(score).exp().item()))
            for score, i in zip(best.tolist(), index.tolist(), strict=True)
        ]

    def score(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> Scores:
        right = sum(e.label == p.output for e, p in zip(examples, predictions, strict=True))
        return Scores({"accuracy": right / len(examples)}, f"accuracy over {len(examples)} texts")

    def before_step(self, step: int) -> None:
        self.steps.append(step)


class ToyTask(Task[ToyConfig, Example]):
    """The first letter of a text."""

    name = "toy"
    shape = "many-to-one"
    summary = "letters -> the first of them"
    metric = "accuracy"
    example = "abba"
    Config = ToyConfig

    def read(self, config: ToyConfig) -> Splits[Example]:
        texts = ["".join(t) for n in (2, 3, 4, 5) for t in itertools.product(LABELS, repeat=n)]
        random.Random(0).shuffle(texts)
        rows = [Example(text, text[0]) for text in texts]
        return Splits(rows[:40], rows[40:50], rows[50:], "sample")

    def fit(
        self, config: ToyConfig, train: Sequence[Example], others: Sequence[Example] = ()
    ) -> ToyPipeline:
        return ToyPipeline(config, build_codec("char", [e.text for e in train], vocab_size=0))

    def load(self, config: ToyConfig, folder: Path) -> ToyPipeline:
        return ToyPipeline(config, load_codec(folder, "text"))


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the registry know the toy, as an installed package would."""
    entry = SimpleNamespace(name="toy", load=lambda: ToyTask)
    monkeypatch.setattr(registry, "_entries", lambda: {"toy": [entry]})


def toy_pipeline(seed: int = 0, **training: Any) -> ToyPipeline:
    """An untrained pipeline with weights drawn from the seed."""
    torch.manual_seed(seed)
    defaults: dict[str, Any] = {"epochs": 4, "batch_size": 8, "lr": 0.02, "device": "cpu"}
    config = ToyConfig(training=TrainingConfig(**{**defaults, **training}))
    return ToyTask().fit(config, [Example("ab", "a")])
