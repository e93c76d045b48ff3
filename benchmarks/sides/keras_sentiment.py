"""Trains a recurrent classifier with Keras on TensorFlow, an epoch whenever it is asked to; the first one warms up."""

from __future__ import annotations

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from talking import work


def main() -> None:
    """Trains until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", required=True, help=".npz of ids and labels, train and dev")
    parser.add_argument("--layer", choices=["SimpleRNN", "LSTM"], required=True)
    parser.add_argument("--bidirectional", action="store_true")
    for name in ("vocab-size", "emb-size", "hidden-size", "batch-size", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    data = np.load(options.batches)
    model = build(options)
    size = options.batch_size
    work(
        lambda: model.fit(data["train"], data["train_labels"], batch_size=size, verbose=0),
        lambda: model.evaluate(data["dev"], data["dev_labels"], batch_size=size, verbose=0)[1],
        version=f"{keras.__version__}, tensorflow {tf.__version__}",
    )


def build(options: argparse.Namespace) -> keras.Model:
    """embedding -> recurrent layer -> sigmoid unit."""
    keras.utils.set_random_seed(1)
    layer = getattr(keras.layers, options.layer)(options.hidden_size)
    layers = [
        keras.layers.Embedding(options.vocab_size, options.emb_size),
        keras.layers.Bidirectional(layer) if options.bidirectional else layer,
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    adam = keras.optimizers.Adam(options.lr)
    model.compile(optimizer=adam, loss="binary_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    main()
