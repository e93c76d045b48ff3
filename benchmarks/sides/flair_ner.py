"""Trains a tagger with flair, an epoch whenever it is asked to, or tags with one; the first time warms up.

The quality of training is the F1 of the dev part.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import flair
import torch
from flair.data import Corpus, Dictionary, Sentence
from flair.datasets import ColumnCorpus
from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from flair.trainers.plugins import TrainerPlugin
from talking import asked, tell, work


def main() -> None:
    """Works until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of train.conll, dev.conll")
    parser.add_argument("--predict", action="store_true", help="tag the dev part")
    for name in ("hidden-size", "emb-size", "char-emb-size", "char-size", "batch-size", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--dropout", type=float, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--clip-norm", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    flair.device = torch.device("cpu")
    columns = {0: "text", 1: "ner"}
    corpus = ColumnCorpus(
        options.data, columns, train_file="train.conll", dev_file="dev.conll", sample_missing_splits=False
    )  # fmt: skip
    tagger = build(corpus, options)
    parameters = sum(p.numel() for p in tagger.parameters())
    known = {"version": flair.__version__, "parameters": parameters}
    if options.predict:
        texts = [[token.text for token in sentence] for sentence in corpus.dev]

        def answer() -> None:
            sentences = [Sentence(tokens) for tokens in texts]
            tagger.predict(sentences, mini_batch_size=options.batch_size)

        work(answer, **known)
    else:
        train(tagger, corpus, options, known)


def build(corpus: Corpus, options: argparse.Namespace) -> SequenceTagger:
    """word table and character LSTM -> bidirectional LSTM -> CRF."""
    characters = Dictionary(add_unk=True)
    for sentence in corpus.train:
        for letter in {letter for token in sentence for letter in token.text}:
            characters.add_item(letter)
    embeddings = [
        OneHotEmbeddings.from_corpus(corpus, min_freq=1, embedding_length=options.emb_size),
        CharacterEmbeddings(characters, options.char_emb_size, options.char_size // 2),
    ]
    tags = corpus.make_label_dictionary("ner", add_unk=False)
    return SequenceTagger(
        StackedEmbeddings(embeddings), tags, "ner", hidden_size=options.hidden_size,
        reproject_embeddings=False, locked_dropout=options.dropout, word_dropout=0.0,
    )  # fmt: skip


def train(
    tagger: SequenceTagger, corpus: Corpus, options: argparse.Namespace, known: dict[str, Any]
) -> None:
    """Flair's own loop, without end."""
    ModelTrainer(tagger, corpus).train_custom(
        options.data / "flair", learning_rate=options.lr, mini_batch_size=options.batch_size,
        max_epochs=10**6, optimizer=torch.optim.Adam, max_grad_norm=options.clip_norm,
        embeddings_storage_mode="none", use_final_model_for_eval=True, create_file_logs=False,
        create_loss_file=False, plugins=[Paced(known)],
    )  # fmt: skip


class Paced(TrainerPlugin):
    """Lets an epoch begin when it is asked for, and tells its time and score."""

    def __init__(self, known: dict[str, Any]) -> None:
        super().__init__()
        self.known = known

    @TrainerPlugin.hook
    def before_training_epoch(self, epoch: int, **_: Any) -> None:
        if epoch == 2:
            tell(**self.known)
        if epoch > 1 and not asked():
            raise SystemExit
        self.began = time.perf_counter()

    @TrainerPlugin.hook
    def after_training_epoch(self, **_: Any) -> None:
        self.seconds = time.perf_counter() - self.began

    @TrainerPlugin.hook
    def after_evaluation(self, epoch: int, validation_scores: Any, **_: Any) -> None:
        if epoch > 1:
            tell(seconds=self.seconds, quality=validation_scores[0])


if __name__ == "__main__":
    main()
