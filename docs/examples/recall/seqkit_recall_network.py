"""The live part of recall: letters -> numbers -> network -> answer -> score."""

import torch
from seqkit_recall import KEYS, NOISE

from seqkit.data.batch import Batch, pad
from seqkit.errors import DataError
from seqkit.nn import Classifier, Encoder, Pooling, TokenEmbedding
from seqkit.pipeline import Pipeline, Scores
from seqkit.prediction import Prediction

LETTERS = KEYS + NOISE


class RecallPipeline(Pipeline):
    """One layer in one direction; its last state names the first letter."""

    def __init__(self, config):
        self.config, model = config, config.model
        embedding = TokenEmbedding("learned", len(LETTERS), 8)
        options = model.encoder_options
        encoder = Encoder(model.cell, 8, model.hidden_size, bidirectional=False, **options)
        self.model = Classifier(embedding, encoder, Pooling("last", encoder.output_size), len(KEYS))

    def save(self, folder):
        """Nothing beside the weights."""

    def encode(self, example):
        return self.encode_input(example)

    def encode_input(self, raw):
        if not raw or not set(raw) <= set(LETTERS):
            raise DataError(f"Recall reads the letters {LETTERS}, got {raw!r}.")
        return [LETTERS.index(letter) for letter in raw]

    def raw_input(self, example):
        return example

    def length(self, item):
        return len(item)

    def collate(self, items):
        return pad(items)

    def loss(self, batch: Batch):
        logits, _ = self.model(batch)
        loss = torch.nn.functional.cross_entropy(logits, batch.values[:, 0], reduction="sum")
        return loss, torch.tensor(len(batch))

    def predict(self, items, batch):
        best, which = self.model(batch)[0].log_softmax(-1).max(-1)
        return [
            Prediction(None, KEYS[i], score, min(1.0, 2.718281828**score))
            for score, i in zip(best.tolist(), which.tolist(), strict=True)
        ]

    def score(self, examples, predictions):
        right = sum(
            text[0] == answer.output for text, answer in zip(examples, predictions, strict=True)
        )
        return Scores({"accuracy": right / len(examples)}, f"accuracy over {len(examples)} texts")
