"""Entities, tags and their errors as parts of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from seqkit.data.tag_schemes import Span as Entity
from seqkit.data.tag_schemes import bio_spans
from seqkit.metrics.entity_errors import KINDS, EntityError
from seqkit.nn import CRF
from seqkit.report import Grid, Span, Table, Tokens

NOTHING = "(none)"
FEW_TAGS = 10
"""Tags up to which the scores of transitions are printed."""


def named(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """The entities of BIO tags on a line.

    >>> named(["Ada", "met", "Bo"], ["B-PER", "O", "B-PER"])
    'Ada PER, Bo PER'
    """
    return ", ".join(_name(tokens, span) for span in bio_spans(tags)) or NOTHING


def tagged(tokens: Sequence[str], tags: Sequence[str], probs: Sequence[float]) -> Tokens:
    """A sentence with its entities framed; `probs` are those of its BIO tags."""
    spans = [
        Span(span.start, span.end, f"{span.label} {min(probs[span.start : span.end]):.3f}")
        for span in bio_spans(tags)
    ]
    labels = [f"{tag} {prob:.2f}" for tag, prob in zip(tags, probs, strict=True)]
    about = (
        "Each token with its tag and the tag's probability, given the whole sentence: the stronger the shade, the less "
        "sure. A frame is an entity, as sure as the least sure of its tags."
    )
    doubts = [1 - prob for prob in probs]
    return Tokens("Entities", tokens, doubts, about, share=True, labels=labels, spans=spans)


def tag_grid(tokens: Sequence[str], tags: Sequence[str], probs: Sequence[Sequence[float]]) -> Grid:
    """The probability of each tag (rows) at each token (columns); `probs` are [tokens][tags]."""
    about = (
        "Probability of each tag at each token, given the whole sentence; each column sums to 1."
    )
    values = [[row[tag] for row in probs] for tag in range(len(tags))]
    return Grid("Tags by token", values, tags, tokens, about, "tag", "token")


def transition_grid(tags: Sequence[str], crf: CRF) -> Grid:
    """What the CRF adds to a sequence's score for each tag after each other one."""
    inner = _known(crf.transitions, crf.allowed)
    starts = _known(crf.start_transitions, crf.allowed_start)
    ends = _known(crf.end_transitions, crf.allowed_end)
    values = [[*starts, None], *([*row, end] for row, end in zip(inner, ends, strict=True))]
    few = len(tags) <= FEW_TAGS
    texts = [["" if v is None else f"{v:.1f}" for v in row] for row in values] if few else []
    about = (
        "What the CRF adds to a sequence's score, in nats, where the tag of the column follows the tag of the row: "
        "blue is liked, orange disliked, hatched impossible."
    )
    return Grid(
        "Transitions of the CRF", values, ["(start)", *tags], [*tags, "(end)"], about,
        "from", "to", signed=True, texts=texts,
    )  # fmt: skip


def error_kinds(errors: Sequence[EntityError], sentences: Sequence[Sequence[str]]) -> Table:
    """How often each kind of error is made, with an example."""
    counts = Counter(error.kind for error in errors)
    rows = []
    for kind, meaning in KINDS.items():
        first = next((error for error in errors if error.kind == kind), None)
        example = _example(first, sentences[first.sentence]) if first else ""
        share = f"{counts[kind] / max(1, len(errors)):.0%}"
        rows.append(
            {
                "kind": kind,
                "errors": counts[kind],
                "share": share,
                "meaning": meaning,
                "example": example,
            }
        )
    return Table("Kinds of errors", rows, "Every entity that strict scores count as wrong, once.")


def confusion(
    gold: Sequence[Sequence[str]], errors: Sequence[EntityError], types: Sequence[str]
) -> Grid:
    """Types of gold entities (rows) by types found (columns)."""
    pairs = Counter(
        (e.gold.label if e.gold else NOTHING, e.predicted.label if e.predicted else NOTHING)
        for e in errors
    )
    total = Counter(span.label for tags in gold for span in bio_spans(tags))
    wrong = Counter(error.gold.label for error in errors if error.gold)
    for label in total:
        pairs[label, label] += total[label] - wrong[label]
    names = [*sorted({*types, *total}), NOTHING]
    counts: list[list[int | None]] = [[pairs[row, column] for column in names] for row in names]
    counts[-1][-1] = None  # what is no entity on either side is not counted
    shares = [[None if c is None else c / _sum(row) for c in row] for row in counts]
    texts = [["" if c is None else f"{c:,}" for c in row] for row in counts]
    about = (
        "Entities by their right type and the one found, whether or not the words are quite the same; the shade is the "
        "share of the row."
    )
    return Grid("Types", shares, names, names, about, "right", "found", texts=texts)


def _sum(row: Sequence[int | None]) -> int:
    return sum(count or 0 for count in row) or 1


def _known(scores: Any, allowed: Any) -> Any:
    """Scores as lists, None where not allowed."""
    if scores.dim() > 1:
        return [_known(*row) for row in zip(scores, allowed, strict=True)]
    pairs = zip(scores.tolist(), allowed.tolist(), strict=True)
    return [score if possible else None for score, possible in pairs]


def _example(error: EntityError, tokens: Sequence[str]) -> str:
    gold, found = (
        _name(tokens, span) if span else NOTHING for span in (error.gold, error.predicted)
    )
    return f"{gold} → {found}"


def _name(tokens: Sequence[str], span: Entity) -> str:
    return f"{' '.join(tokens[span.start : span.end])} {span.label}"
