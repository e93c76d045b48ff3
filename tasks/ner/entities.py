"""Tags to entities with their place in the text, and a line that shows them. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.data.tag_schemes import bio_spans


def entities_of(
    text: str,
    offsets: Sequence[tuple[int, int]],
    tags: Sequence[str],
    probs: Sequence[float],
) -> list[dict[str, Any]]:
    """The entities of a sentence, in order.

    Args:
        text: The text as given.
        offsets: First character of each token and the one after its last.
        tags: BIO tags, one a token.
        probs: Probability of each token's tag.

    Returns:
        For each entity `text`, `type`, `start`, `end` (so that text[start:end] is the entity) and
        `confidence`: the probability of the least probable of its tags.

    >>> entities_of("Ada met Bo", [(0, 3), (4, 7), (8, 10)], ["B-PER", "O", "O"], [0.9, 1, 1])
    [{'text': 'Ada', 'type': 'PER', 'start': 0, 'end': 3, 'confidence': 0.9}]
    """
    entities = []
    for span in bio_spans(tags):
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        confidence = round(min(probs[span.start : span.end]), 6)
        entities.append(
            {
                "text": text[start:end],
                "type": span.label,
                "start": start,
                "end": end,
                "confidence": confidence,
            }
        )
    return entities


def marked(text: str, entities: Sequence[dict[str, Any]]) -> str:
    """The text on one line, each entity in brackets with its type.

    >>> marked("Ada met Bo", [{"start": 0, "end": 3, "type": "PER"}])
    '[Ada PER] met Bo'
    """
    parts, last = [], 0
    for entity in entities:
        start, end = entity["start"], entity["end"]
        parts.append(f"{text[last:start]}[{text[start:end]} {entity['type']}]")
        last = end
    return " ".join("".join([*parts, text[last:]]).split())
