"""Training on IMDb's reviews, beside Keras on TensorFlow and a plain loop over torch's modules."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from preparing import Settings, at, config_of, read, recipe, seqkit_training, spread, write_lines
from processes import Side, race
from row import Setup

from seqkit.registry import get_task

NOTEBOOK = recipe("sentiment", "keras-notebook")
BILSTM: Settings = {
    "data": {"units": "word_only", "vocab_size": 20000, "max_tokens": 200, "keep": "last"},
    "model": {
        "cell": "lstm", "hidden_size": 64, "emb_size": 128, "bidirectional": True,
        "pooling": "last", "head": "sigmoid", "dropout": 0.0,
    },
    "training": {"batch_size": 32, "lr": 0.001, "clip_norm": 0.0},
}  # fmt: skip
LAYERS = {"rnn_tanh": "SimpleRNN", "lstm": "LSTM"}
EPOCH = 25_000
"""Reviews of an epoch, to which the time of a share is scaled."""
NOTEBOOK_SHARE, BILSTM_SHARE, SCORED = EPOCH, 3_200, 2_000
"""Reviews that are trained on and that are scored."""


def against(
    peer: str, setup: Setup, settings: Settings, share: int, *options: str
) -> dict[str, Any]:
    """Both trained on the same `share` of the reviews, in batches of as many, with the same vocabulary.

    Args:
        peer: The other side.
        setup: What the row is measured with.
        settings: What is trained.
        share: How many reviews.
        options: Further options of sides/seqkit_training.py.
    """
    parts, ours_at = prepare(setup, settings, share), at(setup.work, settings)
    ours = seqkit_training(setup, "sentiment", ours_at, "dev_accuracy", share, *options)
    times, known = race(ours, other(peer, setup, settings, parts), setup.repeats)
    return {"cases": {f"{share:,} reviews": times}, **known}


def prepare(setup: Setup, settings: Settings, share: int) -> dict[str, list[Any]]:
    """A share of the reviews, written for our side."""
    splits = read("sentiment", settings, setup.data / "imdb" / "aclImdb.tar.gz")
    parts = {"train": spread(splits.train, share), "dev": spread(splits.test, SCORED)}
    for name, reviews in parts.items():
        lines = [json.dumps({"text": review.text, "label": review.label}) for review in reviews]
        write_lines(setup.work / f"{name}.jsonl", lines)
    return parts


def other(peer: str, setup: Setup, settings: Settings, parts: dict[str, list[Any]]) -> Side:
    """The side of a peer, which gets numbers, cut as ours and padded in front to the most that is kept."""
    config = config_of("sentiment", settings)
    pipeline = get_task("sentiment").fit(config, parts["train"])
    arrays = {}
    for name, reviews in parts.items():
        items = [pipeline.encode(review) for review in reviews]
        arrays[name] = padded([item.ids for item in items], config.data.max_tokens)
        arrays[f"{name}_labels"] = np.array([item.label for item in items])
    np.savez(setup.work / "batches.npz", **arrays)
    model, training = config.model, config.training
    sizes = {
        "vocab-size": config.data.vocab_size + 2, "emb-size": model.emb_size,
        "hidden-size": model.hidden_size, "batch-size": training.batch_size,
        "threads": setup.threads, "lr": training.lr,
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in sizes.items()]
    arguments += ["--bidirectional"] if model.bidirectional else []
    arguments += ["--layer", LAYERS[model.cell], "--batches", str(setup.work / "batches.npz")]
    return Side(setup, f"{peer}_sentiment", arguments, len(parts["train"]))


def padded(rows: list[list[int]], length: int) -> np.ndarray:
    """int32 [rows, length], zeros in front, as Keras pads.

    >>> padded([[5, 6], [7]], 3).tolist()
    [[0, 5, 6], [0, 0, 7]]
    """
    array = np.zeros((len(rows), length), dtype=np.int32)
    for line, ids in zip(array, rows, strict=True):
        line[length - len(ids) :] = ids
    return array
