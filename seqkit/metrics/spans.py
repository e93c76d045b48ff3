"""Entity precision, recall and F1: an entity counts if its start, end and type are all right.

Torch-free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqkit.data.tag_schemes import bio_spans
from seqkit.errors import DataError
from seqkit.metrics.bootstrap import Tallies
from seqkit.metrics.corpus import check_aligned
from seqkit.metrics.precision_recall import PrecisionRecall, precision_recall


@dataclass(frozen=True)
class EntityScores:
    """Scores over all entities (micro average) and of each type, 0..1.

    `support` is a number of gold entities; `per_type` has each type of the gold or the predicted
    entities, in alphabetical order.
    """

    precision: float
    recall: float
    f1: float
    support: int
    per_type: dict[str, PrecisionRecall]


def entity_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> EntityScores:
    """Strict entity scores of BIO tags, equal to seqeval's with `mode="strict", scheme=IOB2`.

    A tag that breaks BIO (an I that continues no entity of its type) makes no entity, on either
    side; check gold tags with `seqkit.data.tag_schemes.check_tags` when they are read.

    Args:
        gold: For each sentence its BIO tags, one a token.
        predicted: The same sentences' predicted tags.

    Raises:
        DataError: if the two differ in their number of sentences or of a sentence's tags, or a tag
            is malformed.

    Tjong Kim Sang and De Meulder 2003, section 2.4, https://aclanthology.org/W03-0419.
    """
    check_aligned(gold, predicted, "sentences of gold tags", "sentences of predicted tags")
    num_gold: Counter[str] = Counter()
    num_predicted: Counter[str] = Counter()
    num_correct: Counter[str] = Counter()
    for index, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_tags) != len(predicted_tags):
            raise DataError(
                f"Sentence {index} has {len(gold_tags)} gold tags "
                f"but {len(predicted_tags)} predicted ones."
            )
        gold_spans, predicted_spans = set(bio_spans(gold_tags)), set(bio_spans(predicted_tags))
        num_gold.update(span.label for span in gold_spans)
        num_predicted.update(span.label for span in predicted_spans)
        num_correct.update(span.label for span in gold_spans & predicted_spans)
    overall = precision_recall(num_correct.total(), num_predicted.total(), num_gold.total())
    per_type = {
        label: precision_recall(num_correct[label], num_predicted[label], num_gold[label])
        for label in sorted(num_gold | num_predicted)
    }
    return EntityScores(overall.precision, overall.recall, overall.f1, overall.support, per_type)


def entity_tallies(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Tallies:
    """The strict F1 of the same tags, by sentence: twice the right entities over the gold and predicted ones."""
    spans = [(set(bio_spans(g)), set(bio_spans(p))) for g, p in zip(gold, predicted, strict=True)]
    return Tallies.ratio([2 * len(g & p) for g, p in spans], [len(g) + len(p) for g, p in spans])
