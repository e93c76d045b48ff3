"""Named entities at work: tokens -> numbers -> tags -> entities, and their score."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from seqkit.data.batch import pad_joined, steps_of
from seqkit.data.tag_schemes import OUTSIDE, PREFIXES, bio_spans, from_bio
from seqkit.data.vectors import start_from_vectors, vector_size, words_with_vectors
from seqkit.errors import ConfigError, DataError
from seqkit.files import read_names
from seqkit.metrics.bootstrap import Tallies
from seqkit.metrics.entity_errors import entity_errors
from seqkit.metrics.spans import entity_scores, entity_tallies
from seqkit.pipeline import Judgement, Pipeline, Scores
from seqkit.prediction import Alternative, Prediction
from seqkit.report import Part
from seqkit.run import open_run
from seqkit.transfer import Pretrained, shared_rows, start_alike
from seqkit.weights import read_weights

from .config import NerConfig
from .entities import entities_of, marked
from .features import WordFeatures, learn_features, normal_form
from .items import Item, KnownItem, batch_of, different_tokens, joined, sentence_of
from .network import EntityNetwork, KnownBatch, Sentences, WordBatch, build_network
from .reading import Sentence
from .showing import confusion, error_kinds, named, tag_grid, tagged, transition_grid
from .tokenising import iter_tokens

MOST_COME_AGAIN = 2
"""Tokens for each different one from which on words are computed once for several batches."""
WORDS = 512
"""Words whose vectors are computed together."""
NBEST = 5
"""Answers that an explanation shows."""
IN_BIO = {"B": "B", "S": "B", "I": "I", "E": "I"}
"""Prefixes of BIO and BIOES, in BIO."""
TAG_WEIGHTS = ("head.weight", "head.bias", "crf.start_transitions", "crf.end_transitions")
"""Weights with a row for each tag."""


class NerPipeline(Pipeline[Sentence, Item, Sentences]):
    """Tokens -> ids -> encoder -> tags -> entities.

    Args:
        config: Settings.
        features: Numbers the words.
        types: Types of entities.
        once: Ids of words that training shows once.
    """

    model: EntityNetwork

    def __init__(
        self,
        config: NerConfig,
        features: WordFeatures,
        types: Sequence[str],
        once: Sequence[int] = (),
    ) -> None:
        scheme = config.model.tag_scheme
        self.config = config
        self.features = features
        self.types = list(types)
        self.tags = _tags(types, scheme)
        self.tag_index = {tag: i for i, tag in enumerate(self.tags)}
        self.bio_tags = [_in_bio(tag) for tag in self.tags]
        self.nbest = 1
        sizes = len(features.words), len(features.chars)
        self.model = build_network(config.model, *sizes, self.tags, once)

    def save(self, folder: Path) -> None:
        self.features.save(folder)
        types = json.dumps(self.types, ensure_ascii=False)
        (folder / "types.json").write_text(types, encoding="utf-8")

    def encode(self, example: Sentence) -> Item:
        tags = from_bio(example.tags, self.config.model.tag_scheme)
        # A type that training never showed cannot be learned; the score counts it as missed.
        ids = [self.tag_index.get(tag, 0) for tag in tags]
        return self._item(*joined(example.tokens), ids)

    def encode_input(self, raw: Any) -> Item:
        if isinstance(raw, str):
            return self._item(raw, list(iter_tokens(raw)))
        if isinstance(raw, (list, tuple)) and all(isinstance(t, str) and t for t in raw):
            return self._item(*joined(raw))
        raise DataError(
            "Named entities are found in a text or a list of tokens, none of them empty; "
            f"got {type(raw).__name__}: {raw!r}."
        )

    def raw_input(self, example: Sentence) -> list[str]:
        return list(example.tokens)

    def length(self, item: Item) -> int:
        return max(1, len(item.offsets))

    def collate(self, items: Sequence[Item]) -> Sentences:
        lengths = [len(item.offsets) for item in items]
        known = [item for item in items if isinstance(item, KnownItem)]
        if known:
            rows = np.concatenate([item.rows for item in known])
            return KnownBatch(pad_joined(rows, lengths), known[0].known)
        tokens, which = different_tokens(items)
        return batch_of(tokens, which, lengths, np.concatenate([item.tags for item in items]))

    def prepare_answers(self, items: Sequence[Item]) -> Sequence[Item]:
        """Each different word's vector is computed once where most words come again."""
        tokens, which = different_tokens(items)
        if len(which) <= MOST_COME_AGAIN * len(tokens):
            return items
        parts = [tokens[first : first + WORDS] for first in range(0, len(tokens), WORDS)]
        known = self.model.know([sentence_of(part) for part in parts])
        ends = accumulate(len(item.ids) for item in items)
        rows = (which[end - len(item.ids) : end] for item, end in zip(items, ends, strict=True))
        return [
            KnownItem(item.ids, item.tags, item.text, item.offsets, row, known)
            for item, row in zip(items, rows, strict=True)
        ]

    def count_steps(self, batch: Sentences) -> tuple[int, int]:
        """Of the sentences; the characters of words are padded by themselves."""
        return steps_of(batch.words)

    def loss(self, batch: Sentences) -> tuple[Tensor, Tensor]:
        assert isinstance(batch, WordBatch)  # only answers are prepared for
        return self.model.loss(batch), batch.words.lengths.sum()

    def predict(self, items: Sequence[Item], batch: Sentences) -> list[Prediction]:
        tags, log_probs, probs = self.model.decode(batch, self.nbest)
        sure = probs.gather(2, tags.transpose(1, 2)).transpose(1, 2)  # [batch, n, len]
        rows = zip(items, tags.tolist(), log_probs.tolist(), sure.tolist(), strict=True)
        return [self._prediction(*row) if row[0].offsets else _nothing() for row in rows]

    def score(self, examples: Sequence[Sentence], predictions: Sequence[Prediction]) -> Scores:
        gold = [example.tags for example in examples]
        scores = entity_scores(gold, [p.detail["tags"] for p in predictions])
        rows = [{"type": t, **dataclasses.asdict(row)} for t, row in scores.per_type.items()]
        values = {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall}
        signature = (
            f"entity F1, micro average, strict (start, end and type), over {scores.support} "
            f"entities in {len(gold)} texts"
        )
        return Scores(values, signature, {"types": rows})

    def tallies(self, examples: Sequence[Sentence], predictions: Sequence[Prediction]) -> Tallies:
        return entity_tallies([e.tags for e in examples], [p.detail["tags"] for p in predictions])

    def set_decoding(self, changes: dict[str, Any]) -> None:
        """Changes `nbest`, the number of alternatives."""
        for name, value in changes.items():
            if name != "nbest":
                raise ConfigError(f"{name}: named entities have no such setting; they have nbest.")
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"nbest must be at least 1 answer, got {value!r}.")
            self.nbest = value

    def summary(self) -> dict[str, Any]:
        return {
            "vocabulary": len(self.features.words),
            "characters": len(self.features.chars),
            "types": ", ".join(self.types),
        }

    def step_names(self, item: Item) -> list[str]:
        return item.tokens

    def answer_text(self, output: list[dict[str, Any]]) -> str:
        return ", ".join(f"{e['text']} {e['type']}" for e in output) or "(no entity)"

    def predict_in_full(self, items: Sequence[Item], batch: Sentences) -> list[Prediction]:
        """As `predict`, with the next best tag sequences."""
        before, self.nbest = self.nbest, max(NBEST, self.nbest)
        try:
            return self.predict(items, batch)
        finally:
            self.nbest = before

    def explain(self, item: Item, batch: Sentences, prediction: Prediction) -> list[Part]:
        """Entities in their text, how sure each tag is, and the probability of every tag."""
        if not item.offsets:
            return []
        probs = self.model.decode(batch, 1).probs[0, : len(item.offsets)].cpu()
        names = from_bio(prediction.detail["tags"], self.config.model.tag_scheme)
        sure = [row[self.tag_index[name]].item() for row, name in zip(probs, names, strict=True)]
        return [
            tagged(item.tokens, prediction.detail["tags"], sure),
            tag_grid(item.tokens, self.tags, probs.tolist()),
        ]

    def explain_network(self) -> list[Part]:
        """Which tag the CRF likes to see after which."""
        crf = self.model.tagger.crf
        return [] if crf is None else [transition_grid(self.tags, crf)]

    def judge(self, example: Sentence, prediction: Prediction) -> Judgement:
        """By sentence F1; every entity found is a trial of its confidence."""
        gold, found = (set(bio_spans(tags)) for tags in (example.tags, prediction.detail["tags"]))
        both = len(gold | found) + len(gold & found)
        score = 2 * len(gold & found) / both if both else 1.0
        spans = bio_spans(prediction.detail["tags"])  # in the order of the entities
        trials = [
            (entity["confidence"], span in gold)
            for entity, span in zip(prediction.output, spans, strict=True)
        ]
        wanted, got = (
            named(example.tokens, tags) for tags in (example.tags, prediction.detail["tags"])
        )
        return Judgement(wanted, got, score, trials)

    def report(
        self, examples: Sequence[Sentence], predictions: Sequence[Prediction], scores: Scores
    ) -> list[Part]:
        """The kinds of errors, types against types, and the scores of each type."""
        gold, found = [e.tags for e in examples], [p.detail["tags"] for p in predictions]
        errors = entity_errors(gold, found)
        return [
            error_kinds(errors, [e.tokens for e in examples]),
            confusion(gold, errors, self.types),
            *super().report(examples, predictions, scores),
        ]

    def _item(
        self, text: str, offsets: list[tuple[int, int]], tags: list[int] | None = None
    ) -> Item:
        tokens = [text[start:end] for start, end in offsets]
        numbers = np.array(tags, np.int64) if tags else np.zeros(len(offsets), np.int64)
        return Item(self.features(tokens), numbers, text, offsets)

    def _prediction(
        self,
        item: Item,
        paths: Sequence[Sequence[int]],
        log_probs: Sequence[float],
        sure: Sequence[Sequence[float]],
    ) -> Prediction:
        """The answer for one sentence.

        Args:
            item: The sentence.
            paths: Tag ids with padding, best first, [n][len].
            log_probs: Of each path in nats, [n]; -inf where there is none.
            sure: Probability of each tag of each path, [n][len].
        """
        length = len(item.offsets)
        alternatives, tags = [], []
        for path, log_prob, confidences in zip(paths, log_probs, sure, strict=True):
            if log_prob == -math.inf:
                break
            tags.append([self.bio_tags[i] for i in path[:length]])
            entities = entities_of(item.text, item.offsets, tags[-1], confidences[:length])
            alternatives.append(Alternative(entities, log_prob, math.exp(log_prob / length)))
        best = alternatives[0]
        detail = {"entities": best.output, "tokens": item.tokens, "tags": tags[0]}
        text = marked(item.text, best.output)
        return Prediction(
            None, best.output, best.score, best.confidence, alternatives, detail, text
        )


def fit(
    config: NerConfig, train: Sequence[Sentence], others: Sequence[Sentence] = ()
) -> NerPipeline:
    """A pipeline with the words, characters and types of the training sentences.

    With pretrained vectors, words of `others` that have one are known too, and so are rare words of `train`.

    Raises:
        DataError: if they hold no entity.
    """
    types = sorted({span.label for sentence in train for span in bio_spans(sentence.tags)})
    if not types:
        raise DataError("The training data holds no entity: every tag is O.")
    features, once = learn_features((s.tokens for s in train), config.data.min_count)
    model = config.model
    if model.vectors:
        seen = {normal_form(token) for s in (*train, *others) for token in s.tokens}
        having = words_with_vectors(Path(model.vectors), seen)
        features.words.extend(having)
        once = sorted(set(once) - set(features.words.ids(having)))  # these are known from elsewhere
        model = dataclasses.replace(model, emb_size=vector_size(Path(model.vectors)))
    config = dataclasses.replace(config, model=model)
    pipeline = NerPipeline(config, features, types, once)
    notes = _start_vectors(pipeline), _start_weights(pipeline)
    pipeline.notes = [note for note in notes if note]
    table = pipeline.model.vectors.table.table
    if model.vectors and table is not None:
        table.weight.requires_grad_(not model.freeze_vectors)
    return pipeline


def _start_vectors(pipeline: NerPipeline) -> str:
    """Starts word vectors from a file where the settings name one; a sentence that tells so, or nothing."""
    model = pipeline.config.model
    if not model.vectors:
        return ""
    table, words = pipeline.model.vectors.table, pipeline.features.words.ordinary()
    freeze, scaling = model.freeze_vectors, model.vector_scaling
    return start_from_vectors(table, Path(model.vectors), words, freeze=freeze, scaling=scaling)


def _start_weights(pipeline: NerPipeline) -> str:
    """Starts the network from another run where the settings name one; a sentence that tells so, or nothing."""
    path = pipeline.config.model.pretrained
    if not path:
        return ""
    run = open_run(path)
    if run.task.pretrains:
        table, known = pipeline.model.vectors.table, pipeline.features.words.ordinary()
        return Pretrained.open(path).start(table, known)
    if run.task.name != "ner":
        raise ConfigError(
            f"`model.pretrained` must be a run of ner or of `seqkit pretrain`; {path} is of {run.task.name}."
        )
    theirs, mine = WordFeatures.load(run.preprocessing), pipeline.features
    tags = _tags(read_names(run.preprocessing / "types.json"), run.config.model.tag_scheme)
    words = shared_rows(mine.words.index, theirs.words.index)
    labels = shared_rows(pipeline.tag_index, {tag: i for i, tag in enumerate(tags)})
    tables = {
        "vectors.table.table.weight": words,
        "vectors.characters.embedding.weight": shared_rows(mine.chars.index, theirs.chars.index),
        **{f"tagger.{name}": labels for name in TAG_WEIGHTS},
    }
    weights = dict(read_weights(run.weights))
    if tags != pipeline.tags:  # which label follows which must be learned
        weights.pop("tagger.crf.transitions", None)
    fresh = start_alike(pipeline.model, weights, tables)
    but = f" but {', '.join(fresh)}" if fresh else ""
    return (
        f"{path}: vectors of {len(words[0]):,} of {len(mine.words):,} words, {len(labels[0])} of "
        f"{len(pipeline.tags)} tags and all other weights taken{but}."
    )


def load(config: NerConfig, folder: Path) -> NerPipeline:
    """The pipeline that `NerPipeline.save` wrote.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    return NerPipeline(config, WordFeatures.load(folder), read_names(folder / "types.json"))


def _tags(types: Sequence[str], scheme: str) -> list[str]:
    """The network's tags, by their ids."""
    return [OUTSIDE, *(f"{prefix}-{t}" for t in types for prefix in PREFIXES[scheme])]


def _in_bio(tag: str) -> str:
    """The BIO tag for one of the network's, whose paths follow their scheme.

    >>> [_in_bio(tag) for tag in ("O", "S-LOC", "E-LOC")]
    ['O', 'B-LOC', 'I-LOC']
    """
    prefix, dash, label = tag.partition("-")
    return f"{IN_BIO[prefix]}-{label}" if dash else tag


def _nothing() -> Prediction:
    """The answer to an empty text: no entity, for sure."""
    detail: dict[str, Any] = {"entities": [], "tokens": [], "tags": []}
    return Prediction(None, [], 0.0, 1.0, [Alternative([], 0.0, 1.0)], detail, "")
