"""What is wrong with entities that strict scores only count as wrong. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seqkit.data.tag_schemes import Span, bio_spans
from seqkit.metrics.corpus import check_aligned

KINDS = {
    "type": "right words, wrong type",
    "boundary": "right type, other words of which some are shared",
    "type and boundary": "wrong type, and other words of which some are shared",
    "missed": "no entity found where there is one",
    "spurious": "an entity found where there is none",
}


@dataclass(frozen=True)
class EntityError:
    """One error.

    Attributes:
        kind: One of `KINDS`.
        sentence: Index of the sentence.
        gold: The right entity; None where it is spurious.
        predicted: The entity found; None where it is missed.
    """

    kind: str
    sentence: int
    gold: Span | None
    predicted: Span | None


def entity_errors(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[EntityError]:
    """Every error of some sentences' entities.

    Right entities are set aside; of the others those with the same words are paired first, then those of the same type
    that share words, then any that share words. An entity has one partner at most; without one it is missed or
    spurious. So every entity that strict scores count as wrong stands in one error. Missed and spurious are the words
    of Chinchor & Sundheim 1993 (https://aclanthology.org/M93-1007); the other kinds divide what they call incorrect.

    Args:
        gold: For each sentence its BIO tags, one a token.
        predicted: The same sentences' predicted tags.

    Raises:
        DataError: if the two differ in their number of sentences, or a tag is malformed.

    >>> [error.kind for error in entity_errors([["B-PER", "I-PER", "O"]], [["B-PER", "O", "B-LOC"]])]
    ['boundary', 'spurious']
    """
    check_aligned(gold, predicted, "sentences of gold tags", "sentences of predicted tags")
    return [
        error
        for sentence, pair in enumerate(zip(gold, predicted, strict=True))
        for error in _errors_of(sentence, *map(bio_spans, pair))
    ]


def _errors_of(sentence: int, gold: list[Span], predicted: list[Span]) -> list[EntityError]:
    right = set(gold) & set(predicted)
    ours = [span for span in gold if span not in right]
    theirs = [span for span in predicted if span not in right]
    errors = []
    for kind, belong in _PAIRED.items():
        for span in list(ours):
            partner = next((other for other in theirs if belong(span, other)), None)
            if partner is not None:
                ours.remove(span)
                theirs.remove(partner)
                errors.append(EntityError(kind, sentence, span, partner))
    errors += [EntityError("missed", sentence, span, None) for span in ours]
    return errors + [EntityError("spurious", sentence, None, span) for span in theirs]


def _share_words(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


_PAIRED: dict[str, Callable[[Span, Span], bool]] = {
    "type": lambda one, other: (one.start, one.end) == (other.start, other.end),
    "boundary": lambda one, other: one.label == other.label and _share_words(one, other),
    "type and boundary": _share_words,
}
