"""Minimum Bayes risk: of many samples, the sentence that agrees best with all of them. Torch-free.

Kumar & Byrne 2004, https://aclanthology.org/N04-1022; with samples as both candidates and evidence, Eikema & Aziz
2020, https://aclanthology.org/2020.coling-main.398. Agreement is chrF (Popović 2015,
https://aclanthology.org/W15-3049), which needs no tokenisation and therefore suits every language and task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqkit.metrics.ngrams import Ngram, ngram_counts

ORDER, BETA = 6, 2
"""Longest character n-gram, and how much recall counts, as in chrF2."""

Profile = list[Counter[Ngram]]


def expected_agreement(texts: Sequence[str]) -> list[float]:
    """The mean chrF, 0 to 1, of each text against all the others; alike texts agree with each other.

    >>> [round(a, 2) for a in expected_agreement(["a cat", "a cat", "my dog"])]
    [0.5, 0.5, 0.0]
    """
    if len(texts) < 2:
        return [1.0] * len(texts)
    counts = Counter(texts)
    profiles = {text: profile(text) for text in counts}
    means = {}
    for text, own in profiles.items():
        total = sum(n * sentence_chrf(own, profiles[other]) for other, n in counts.items())
        means[text] = (total - sentence_chrf(own, own)) / (len(texts) - 1)
    return [means[text] for text in texts]


def profile(text: str) -> Profile:
    """How often each run of 1 to 6 characters stands in a text without its blanks."""
    return ngram_counts("".join(text.split()), ORDER)


def sentence_chrf(candidate: Profile, reference: Profile) -> float:
    """chrF of two sentences given their counts of character n-grams without blanks, 0 to 1.

    Orders that either sentence is too short for do not count; two empty sentences agree.
    """
    precisions, recalls = [], []
    for ours, theirs in zip(candidate, reference, strict=True):
        if ours and theirs:
            common = (ours & theirs).total()
            precisions.append(common / ours.total())
            recalls.append(common / theirs.total())
    if not precisions:
        return float(candidate == reference)
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    weighted = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / weighted if weighted else 0.0
