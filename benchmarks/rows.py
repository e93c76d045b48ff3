"""The rows of the table of speed: what is done, against what, and who measures it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kernel_rows
import ner_rows
import own_rows
import precision_rows
import sentiment_rows
import translation_rows
from row import Row, Setup


def kernels(cell: str, *, learning: bool) -> Callable[[Setup], dict[str, Any]]:
    """Measures a cell over all shapes."""
    return lambda setup: {
        "cases": kernel_rows.measure(cell, learning=learning, repeats=setup.repeats)
    }


STEP = "training step, 12 shapes (rows, steps, units), mixed lengths"
NOTEBOOK = "recipe `keras-notebook`, training on IMDb"
TAGGER = "named entities, bi-LSTM 200, characters, CRF, batch 32"
TRANSLATION = "translation, bi-GRU 256, additive attention, batch 64"
ROWS = (
    Row("rnn-tanh", f"tanh RNN, {STEP}", "torch.nn.RNN, packed", "2.5, never below 1",
        kernels("rnn_tanh", learning=True), "ms", 1000),
    Row("gru", f"GRU, {STEP}", "torch.nn.GRU, packed", "2.5, never below 1",
        kernels("gru", learning=True), "ms", 1000),
    Row("lstm", f"LSTM, {STEP}", "torch.nn.LSTM, packed", "1.3, never below 1",
        kernels("lstm", learning=True), "ms", 1000),
    Row("lstm-answer", "LSTM, inference, the same shapes", "torch.nn.LSTM, packed", "1.3, never below 1",
        kernels("lstm", learning=False), "ms", 1000),
    Row("keras-notebook", NOTEBOOK, "Keras on TensorFlow", "10",
        lambda setup: sentiment_rows.against("keras", setup, sentiment_rows.NOTEBOOK, sentiment_rows.NOTEBOOK_SHARE),
        "s an epoch", sentiment_rows.EPOCH, "accuracy"),
    Row("keras-notebook-without", f"{NOTEBOOK}, without the extra `compiled`", "Keras on TensorFlow", "5",
        lambda setup: sentiment_rows.against(
            "keras", setup, sentiment_rows.NOTEBOOK, sentiment_rows.NOTEBOOK_SHARE, "--without-extra"),
        "s an epoch", sentiment_rows.EPOCH, "accuracy"),
    Row("keras-notebook-torch", NOTEBOOK, "a plain loop over torch.nn", "-",
        lambda setup: sentiment_rows.against("torch", setup, sentiment_rows.NOTEBOOK, sentiment_rows.NOTEBOOK_SHARE),
        "s an epoch", sentiment_rows.EPOCH, "accuracy"),
    Row("imdb-bilstm", "bi-LSTM 64, embedding 128, 200 tokens, training on IMDb", "Keras on TensorFlow", "3",
        lambda setup: sentiment_rows.against("keras", setup, sentiment_rows.BILSTM, sentiment_rows.BILSTM_SHARE),
        "s an epoch", sentiment_rows.EPOCH, "accuracy"),
    Row("ner-training", f"{TAGGER}, training on CoNLL-2003", "flair", "10",
        ner_rows.training, "tokens/s", 0, "dev F1"),
    Row("ner-prediction", f"{TAGGER}, prediction", "flair", "10", ner_rows.prediction, "tokens/s"),
    Row("translation-training", f"{TRANSLATION}, training on Multi30k", "joeynmt", "4",
        translation_rows.training, "target units/s", 0, "dev loss a unit"),
    Row("translation-decoding", f"{TRANSLATION}, beam 5", "joeynmt", "4",
        translation_rows.decoding, "sentences/s"),
    Row("captioning-features", "captioning, an epoch with cached features", "the CNN run each epoch", "20",
        own_rows.cached_features, "pictures/s", 0, "dev loss a unit"),
    Row("captioning-resnet101", "the same with ResNet-101", "the CNN run each epoch", "20",
        lambda setup: own_rows.cached_features(setup, "resnet101"), "pictures/s", 0, "dev loss a unit"),
    Row("captioning-vgg19", "the same with VGG-19", "the CNN run each epoch", "20",
        lambda setup: own_rows.cached_features(setup, "vgg19"), "pictures/s", 0, "dev loss a unit"),
    Row("fewer-bits", "answers of the recipes' runs in int8", "the same in float32", "1.5",
        precision_rows.fewer_bits, "answers/s", 0, "score in fewer bits / in float32"),
    Row("inside-steps", "an epoch of each task", "its forward, backward and update alone", "0.95",
        own_rows.inside_steps, "s", 1),
    Row("growing-data", "training, 10 and 100 times the texts", "the texts once", "0.95",
        own_rows.growing_data, "texts/s", 0, "MB at most, 100 times / once"),
    Row("start", "`seqkit predict` of one sentence", "import torch and read the weights", "0.83",
        own_rows.start, "s", 1),
)  # fmt: skip
