"""Corpus BLEU as the COCO caption tools compute it, to compare with published captioning scores.

Torch-free. Use `translation_scores` for translation: that is sacreBLEU, which cuts the words itself
and is on 0..100.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from seqkit.metrics.corpus import Tokens, check_token_references
from seqkit.metrics.ngrams import Ngram, ngram_counts

# The COCO tools add these to a fraction's parts so that nothing divides by 0. We add the same, so
# that scores agree to the last digits, also where a count is 0.
_TINY = 1e-15
_SMALL = 1e-9


def corpus_bleu(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]], max_n: int = 4
) -> list[float]:
    """BLEU-1, BLEU-2, ... BLEU-`max_n` of a corpus, each 0..1.

    Counts are summed over the corpus before they are divided; an n-gram counts at most as often as
    it stands in one reference; the brevity penalty takes the reference whose length is closest, the
    shorter on a tie.

    Args:
        hypotheses: One token list an item, as `tokenize_caption` makes it.
        references: For each item its reference token lists, one or more; their number may vary.
        max_n: The longest n-gram, in tokens.

    Raises:
        DataError: if the two differ in length, are empty, or an item has no reference.

    Papineni et al. 2002, https://aclanthology.org/P02-1040, with the COCO tools' smoothing
    constants (Chen et al. 2015, https://arxiv.org/abs/1504.00325).
    """
    check_token_references(hypotheses, references)
    matched, total = [0] * max_n, [0] * max_n
    hypothesis_length = reference_length = 0
    for hypothesis, item_references in zip(hypotheses, references, strict=True):
        hypothesis_length += len(hypothesis)
        reference_length += _closest_length(len(hypothesis), item_references)
        for index, matches in enumerate(_clipped_matches(hypothesis, item_references, max_n)):
            matched[index] += matches
            total[index] += max(0, len(hypothesis) - index)
    penalty = _brevity_penalty(hypothesis_length, reference_length)
    return [penalty * mean for mean in _geometric_means(matched, total)]


def _closest_length(length: int, references: Sequence[Tokens]) -> int:
    return min(
        (len(reference) for reference in references), key=lambda size: (abs(size - length), size)
    )


def _clipped_matches(hypothesis: Tokens, references: Sequence[Tokens], max_n: int) -> list[int]:
    """For n = 1..max_n, how many of the hypothesis's n-grams the references allow."""
    most: list[Counter[Ngram]] = [Counter() for _ in range(max_n)]
    for reference in references:
        for index, counts in enumerate(ngram_counts(reference, max_n)):
            most[index] |= counts  # the union of counters keeps the larger count
    return [
        (counts & most[index]).total()
        for index, counts in enumerate(ngram_counts(hypothesis, max_n))
    ]


def _geometric_means(matched: Sequence[int], total: Sequence[int]) -> list[float]:
    """The geometric means of the first 1, 2, ... n-gram precisions."""
    means = []
    product = 1.0
    for n, (matches, count) in enumerate(zip(matched, total, strict=True), start=1):
        product *= (matches + _TINY) / (count + _SMALL)
        means.append(product ** (1 / n))
    return means


def _brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    ratio = (hypothesis_length + _TINY) / (reference_length + _SMALL)
    return math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
