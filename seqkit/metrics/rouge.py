"""ROUGE-L as the COCO caption tools compute it. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.metrics.corpus import Tokens, check_token_references

_BETA = 1.2  # weighs recall above precision; the COCO tools' value


def rouge_l(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """Mean ROUGE-L of a corpus, 0..1: how much of the words stands in the same order in both.

    An item's precision and recall are each the best over its references, not necessarily the same
    one, as in the COCO tools. An empty sentence has precision and recall 0.

    Args:
        hypotheses: One token list an item, as `tokenize_caption` makes it.
        references: For each item its reference token lists, one or more; their number may vary.

    Raises:
        DataError: if the two differ in length, are empty, or an item has no reference.

    Lin 2004, https://aclanthology.org/W04-1013, section 3, with beta 1.2.
    """
    check_token_references(hypotheses, references)
    scores = map(_item_score, hypotheses, references)
    return sum(scores) / len(hypotheses)


def _item_score(hypothesis: Tokens, references: Sequence[Tokens]) -> float:
    common = [common_subsequence_length(hypothesis, reference) for reference in references]
    precision = max(common) / max(1, len(hypothesis))
    recall = max(
        size / max(1, len(reference)) for size, reference in zip(common, references, strict=True)
    )
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def common_subsequence_length(first: Tokens, second: Tokens) -> int:
    """The number of tokens in the longest sequence that stands, gaps allowed, in both.

    >>> common_subsequence_length(["a", "dog", "runs", "fast"], ["a", "cat", "runs"])
    2
    """
    row = [0] * (
        len(second) + 1
    )  # row[j]: the answer for the tokens of `first` so far and second[:j]
    for token in first:
        diagonal = 0
        for j, other in enumerate(second, start=1):
            above = row[j]
            row[j] = diagonal + 1 if token == other else max(above, row[j - 1])
            diagonal = above
    return row[-1]
