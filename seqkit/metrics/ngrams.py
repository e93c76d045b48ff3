"""N-gram counts of one sentence. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Ngram = tuple[str, ...]


def ngram_counts(tokens: Sequence[str], max_n: int) -> list[Counter[Ngram]]:
    """How often each n-gram stands in `tokens`: item n - 1 counts those of n tokens, n = 1..max_n.

    >>> ngram_counts(["a", "b", "a"], max_n=2)[0]
    Counter({('a',): 2, ('b',): 1})
    """
    return [
        Counter(zip(*(tokens[offset:] for offset in range(n)), strict=False))
        for n in range(1, max_n + 1)
    ]
