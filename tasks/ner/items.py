"""Sentences as numbers, and how they stand side by side in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from seqkit.data.batch import Batch, pad_alike, pad_joined

from .features import WordIds
from .network import KnownWords, WordBatch


@dataclass(frozen=True)
class Item:
    """A sentence as numbers, with what leads back to its text.

    Attributes:
        ids: What the network sees of each token, see `WordFeatures`.
        tags: Ids of the gold tags, int64 [len]; zeros where there are none.
        text: The text; of a list of tokens, these with a space between.
        offsets: Of each token its first character and the one after its last.
    """

    ids: Sequence[bytes]
    tags: np.ndarray
    text: str
    offsets: list[tuple[int, int]]

    @property
    def tokens(self) -> list[str]:
        """The tokens."""
        return [self.text[start:end] for start, end in self.offsets]


@dataclass(frozen=True)
class KnownItem(Item):
    """A sentence of known words.

    Attributes:
        rows: Which of them each token is, int64 [len].
        known: The words.
    """

    rows: np.ndarray
    known: KnownWords


def different_tokens(items: Sequence[Item]) -> tuple[list[bytes], np.ndarray]:
    """The different tokens of some sentences, and which of them each token is, int64 [tokens of all sentences]."""
    rows: dict[bytes, int] = {}
    tokens = chain.from_iterable(item.ids for item in items)
    which = [rows.setdefault(token, len(rows)) for token in tokens]
    return list(rows), np.array(which, np.int64)


def batch_of(
    tokens: Sequence[bytes],
    which: np.ndarray,
    lengths: Sequence[int],
    tags: np.ndarray,
) -> WordBatch:
    """Sentences of these lengths, of whose tokens each is `which` of the different ones."""
    ids = WordIds.of(tokens)
    flats = ids.words[which], ids.cases[which], which, tags
    (words, cases, rows, tag_ids), real = pad_alike(flats, lengths)
    chars = pad_joined(ids.chars, ids.sizes if len(tokens) else [0])
    return WordBatch(Batch(words, real), cases, chars, rows, tag_ids)


def sentence_of(tokens: Sequence[bytes]) -> WordBatch:
    """A sentence of these tokens, without tags."""
    size = len(tokens)
    return batch_of(tokens, np.arange(size), [size], np.zeros(size, np.int64))


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Tokens with a space between, and where each then stands.

    >>> joined(["Ada", "met"])
    ('Ada met', [(0, 3), (4, 7)])
    """
    offsets, start = [], 0
    for token in tokens:
        offsets.append((start, start + len(token)))
        start += len(token) + 1
    return " ".join(tokens), offsets
