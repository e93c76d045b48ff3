"""Text cut into words and put together again. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"\w+|[^\w\s]")
_WORD_ONLY = re.compile(r"\w+(?:['’]\w+)*")
JOINER = "\uffed"
"""Marks a token that touched the one before it, so that cutting loses nothing but runs of spaces."""


def iter_words(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each run of letters and digits and of each other sign.

    >>> [("Don't!")[a:b] for a, b in iter_words("Don't!")]
    ['Don', "'", 't', '!']
    """
    for match in _WORD.finditer(text):
        yield match.span()


def split_words(text: str) -> list[str]:
    """The words and signs of a text.

    >>> split_words("It's fine.")
    ['It', "'", 's', 'fine', '.']
    """
    return _WORD.findall(text)


def split_words_only(text: str) -> list[str]:
    """The words of a text without other signs; an apostrophe inside a word stays.

    >>> split_words_only("It's fine.")
    ["It's", 'fine']
    """
    return _WORD_ONLY.findall(text)


def split_joined(text: str) -> list[str]:
    """As `split_words`, with `JOINER` before each token that touched the one before.

    A joiner in the text itself becomes its full-width form, U+25A0.
    """
    text = text.replace(JOINER, "\u25a0")
    tokens, last = [], -1
    for start, end in iter_words(text):
        tokens.append(JOINER + text[start:end] if start == last else text[start:end])
        last = end
    return tokens


def join_words(tokens: Iterable[str]) -> str:
    """The text that `split_joined` cut, its runs of spaces made one.

    >>> join_words(split_joined("L'eau, s'il vous plaît !"))
    "L'eau, s'il vous plaît !"
    """
    parts: list[str] = []
    for token in tokens:
        if token.startswith(JOINER):
            parts.append(token[len(JOINER) :])
        else:
            parts.append(f" {token}" if parts else token)
    return "".join(parts)
