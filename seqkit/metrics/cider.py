"""CIDEr-D as the COCO caption tools compute it: the metric that selects captioning models.

Torch-free.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqkit.metrics.corpus import Tokens, check_token_references
from seqkit.metrics.ngrams import Ngram, ngram_counts

_MAX_N = 4
_SIGMA = 6.0  # tokens; the width of the penalty on a difference of length
_SCALE = 10.0


@dataclass(frozen=True)
class _TfIdf:
    """One sentence's TF-IDF vectors, one for each n = 1.._MAX_N, with their Euclidean norms."""

    weights: list[dict[Ngram, float]]
    norms: list[float]
    num_bigrams: int


def cider_d(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, list[float]]:
    """CIDEr-D: how near each hypothesis is to what people say of the item; rare words count most.

    How rare an n-gram is comes from these references (in how many items' references it stands), so
    the score depends on the whole set: compare only on the same items. With one item all weights
    and scores are 0.

    Args:
        hypotheses: One token list an item, as `tokenize_caption` makes it.
        references: For each item its reference token lists, one or more; their number may vary.

    Returns:
        the mean over the items, and each item's score; 0..10 (papers print the mean times 100, so
        1.0 as 100).

    Raises:
        DataError: if the two differ in length, are empty, or an item has no reference.

    Vedantam et al. 2015, section 4 and appendix, https://arxiv.org/abs/1411.5726; n = 1..4, sigma
    6, times 10. As in the authors' tools a sentence's length, for the length penalty, is its number
    of bigrams.
    """
    check_token_references(hypotheses, references)
    weigh = CiderD(references)
    scores = [weigh.score(*pair) for pair in zip(hypotheses, references, strict=True)]
    return sum(scores) / len(scores), scores


class CiderD:
    """CIDEr-D of single sentences, with n-grams weighed by how rare they are in a fixed set of references.

    Args:
        references: For each item of the set its reference token lists.
    """

    def __init__(self, references: Sequence[Sequence[Tokens]]) -> None:
        counts = [[ngram_counts(tokens, _MAX_N) for tokens in item] for item in references]
        self.idf = _inverse_document_frequencies(counts)
        self.unseen_idf = math.log(len(references))

    def score(self, hypothesis: Tokens, references: Sequence[Tokens]) -> float:
        """0..10: how near a hypothesis is to an item's references, of which there is one at least."""
        ours = self._vector(hypothesis)
        similarities = [_similarity(ours, self._vector(tokens)) for tokens in references]
        return _SCALE * sum(similarities) / len(similarities)

    def _vector(self, tokens: Tokens) -> _TfIdf:
        return _tf_idf(ngram_counts(tokens, _MAX_N), self.idf, self.unseen_idf)


def _inverse_document_frequencies(
    references: Sequence[Sequence[Sequence[Counter[Ngram]]]],
) -> dict[Ngram, float]:
    """For each n-gram of the references, log(items / items that have it), in nats."""
    num_items_with: Counter[Ngram] = Counter()
    for item in references:
        num_items_with.update(
            {ngram for counts in item for of_one_n in counts for ngram in of_one_n}
        )
    log_items = math.log(len(references))
    logs = [math.log(count) for count in range(1, len(references) + 1)]
    return {ngram: log_items - logs[count - 1] for ngram, count in num_items_with.items()}


def _tf_idf(
    counts: Sequence[Counter[Ngram]], idf: Mapping[Ngram, float], unseen_idf: float
) -> _TfIdf:
    weights = [
        {ngram: count * idf.get(ngram, unseen_idf) for ngram, count in of_one_n.items()}
        for of_one_n in counts
    ]
    norms = [math.sqrt(sum(weight * weight for weight in vector.values())) for vector in weights]
    return _TfIdf(weights, norms, num_bigrams=counts[1].total())


def _similarity(hypothesis: _TfIdf, reference: _TfIdf) -> float:
    """The mean over n of the clipped cosine, 0..1, lessened by the difference in length."""
    cosines = map(
        _clipped_cosine, hypothesis.weights, reference.weights, hypothesis.norms, reference.norms
    )
    difference = hypothesis.num_bigrams - reference.num_bigrams
    return math.exp(-(difference**2) / (2 * _SIGMA**2)) * sum(cosines) / _MAX_N


def _clipped_cosine(
    hypothesis: Mapping[Ngram, float],
    reference: Mapping[Ngram, float],
    hypothesis_norm: float,
    reference_norm: float,
) -> float:
    """Cosine, 0..1, in which repeating a word gains nothing.

    A weight of the hypothesis counts no more than the reference's.
    """
    if not hypothesis_norm or not reference_norm:
        return 0.0
    product = 0.0
    for ngram, weight in hypothesis.items():
        if ngram in reference:
            product += min(weight, reference[ngram]) * reference[ngram]
    return product / (hypothesis_norm * reference_norm)
