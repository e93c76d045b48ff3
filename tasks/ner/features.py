"""What the network sees of a word: its id, its characters, its case. Torch-free."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from seqkit.data.vocabulary import Vocabulary

CASES = ("pad", "lower", "upper", "title", "mixed", "numeric", "digit", "other")
"""Classes of letter case and digits, in the order of their ids; digit: letters and digits, A320."""

MAX_CHARS = 50
"""Characters read of a word; of a longer one the first and the last."""

NUMBER = np.dtype(np.int32)
"""Of the bytes that a token's ids are kept as."""

NUMBERED = 50_000
"""Different tokens whose numbers are remembered."""

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class WordIds:
    """Words as numbers.

    Attributes:
        words: Ids of the words.
        cases: Ids of their cases.
        chars: Ids of the characters of all words, one after the other.
        sizes: Characters of each word.
    """

    words: np.ndarray
    cases: np.ndarray
    chars: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, tokens: Sequence[bytes]) -> WordIds:
        """What `WordFeatures` has put together."""
        lengths = np.array([len(token) for token in tokens], np.int64) // NUMBER.itemsize
        joined = np.frombuffer(b"".join(tokens), NUMBER)
        words = np.cumsum(lengths) - lengths
        cases, is_char = words + 1, np.ones(len(joined), np.bool_)
        is_char[words] = is_char[cases] = False
        return cls(joined[words], joined[cases], joined[is_char], lengths - 2)


class WordFeatures:
    """Numbers the words of a sentence.

    Args:
        words: Known words in their normal form.
        chars: Known characters.
    """

    def __init__(self, words: Vocabulary, chars: Vocabulary) -> None:
        self.words = words
        self.chars = chars
        self._numbers = lru_cache(NUMBERED)(self._number)  # most tokens of a text come again

    def __call__(self, tokens: Sequence[str]) -> list[bytes]:
        """The ids of each token: of its word, of its case and of its characters; bytes, which remember their hash."""
        return [self._numbers(token) for token in tokens]

    def _number(self, token: str) -> bytes:
        word = self.words.index.get(normal_form(token), Vocabulary.unk_idx)
        case = CASES.index(case_class(token))
        return np.array([word, case, *self.chars.ids(shortened(token))], NUMBER).tobytes()

    def save(self, folder: Path) -> None:
        """Writes what `load` reads."""
        self.words.save(folder / "words.json")
        self.chars.save(folder / "characters.json")

    @classmethod
    def load(cls, folder: Path) -> WordFeatures:
        """The features that `save` wrote.

        Raises:
            RunError: if a file is missing or unreadable.
        """
        return cls(
            Vocabulary.load(folder / "words.json"), Vocabulary.load(folder / "characters.json")
        )


def learn_features(
    sentences: Iterable[Sequence[str]], min_count: int
) -> tuple[WordFeatures, list[int]]:
    """The features of training sentences, and the ids of words seen once.

    Args:
        sentences: Tokens of each sentence.
        min_count: Occurrences that a word needs to be known.
    """
    tokens = [list(sentence) for sentence in sentences]
    normal = [[normal_form(token) for token in sentence] for sentence in tokens]
    words = Vocabulary.build(normal, min_count=min_count)
    chars = Vocabulary.build(shortened(token) for sentence in tokens for token in sentence)
    counts = Counter(word for sentence in normal for word in sentence)
    once = [index for word, index in words.ordinary().items() if counts[word] == 1]
    return WordFeatures(words, chars), once


def normal_form(token: str) -> str:
    """The token in lower case with every digit as 0, so that all numbers of a form share an id.

    >>> normal_form("Boeing-747")
    'boeing-000'
    """
    return _DIGIT.sub("0", token.lower())


def case_class(token: str) -> str:
    """One of `CASES`.

    >>> [case_class(t) for t in ("of", "NATO", "Paris", "McNeil", "1,000", "A320", "!")]
    ['lower', 'upper', 'title', 'mixed', 'numeric', 'digit', 'other']
    """
    if any(c.isdigit() for c in token):
        return "digit" if any(c.isalpha() for c in token) else "numeric"
    if token.islower():
        return "lower"
    if token.isupper():
        return "upper" if len(token) > 1 else "title"
    if token[:1].isupper() and not any(c.isupper() for c in token[1:]):
        return "title"
    return "mixed" if any(c.isupper() for c in token) else "other"


def shortened(token: str) -> str:
    """At most `MAX_CHARS` characters: both ends of a longer token."""
    if len(token) <= MAX_CHARS:
        return token
    return token[: MAX_CHARS // 2] + token[-(MAX_CHARS // 2) :]
