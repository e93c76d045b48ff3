"""Raw text cut into tokens like those of the usual named-entity data, offsets kept. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e"
)
"""Vowel signs and accents that stand as characters of their own (Hebrew, Arabic, Indic, Thai)."""
_LETTER = rf"[\w{_MARKS}]"
_CLITIC = r"(?i:s|m|d|re|ve|ll)(?!\w)"
_TITLES = "Mr|Mrs|Ms|Dr|Prof|Gen|Col|Capt|Lt|Sgt|Rev|Sen|Gov|Rep|St|Jr|Sr|Inc|Corp|Ltd|Co|vs"

_TOKEN = re.compile(
    rf"""
      (?:https?://|www\.) \S* [^\s.,;:!?)\]}}'"»”]        # web address, without what closes a sentence
    | [\w.+-]{{1,64}} @ \w[\w-]* (?:\.\w[\w-]*)+           # mail address
    | [@\#] {_LETTER}+                                    # user, hash tag
    | (?:[^\W\d_]\.){{2,}} (?:-{_LETTER}+)*               # U.N., a.m., U.S.-led
    | [A-Z]\. (?=\s+[^\W\d_a-z])                          # an initial before a name
    | (?:{_TITLES})\. (?=\s+\S)                           # a title or company form, not the last word
    | \d+ (?:[.,:/-]\d+)* (?:-?{_LETTER}+)*               # 1996-08-30, 2:30, 1,000.50, 21st, 12-year
    | {_LETTER}+? (?=(?i:n['’]t)(?!\w))                   # do|n't
    | (?i:n['’]t) (?!\w)
    | ['’] {_CLITIC}                                      # John|'s
    | {_LETTER}+
      (?: (?:[-&/]|\.(?=[a-z\d])|['’](?!{_CLITIC})) {_LETTER}+ )*   # AT&T, O'Brien, example.com
    | \.{{2,}} | -{{2,}}                                  # ellipsis, dash
    | \S
    """,
    re.VERBOSE,
)


def iter_tokens(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each token; every character that is no blank is in one.

    >>> text = "Mr. O'Neil doesn't like the U.N.'s plan (8-30)."
    >>> [text[start:end] for start, end in iter_tokens(text)]
    ['Mr.', "O'Neil", 'does', "n't", 'like', 'the', 'U.N.', "'s", 'plan', '(', '8-30', ')', '.']
    """
    for match in _TOKEN.finditer(text):
        yield match.span()
