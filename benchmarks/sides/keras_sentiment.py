"""Trains a recurrent classifier with Keras on TensorFlow, an epoch whenever it is asked to; the first one warms up."""

from __future__ import annotations

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from talking import classifier_options, work


def main() -> None:
    """Trains until nothing more is asked for."""
    options = classifier_options(__doc__)
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
