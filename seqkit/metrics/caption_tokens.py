"""Caption tokens as the COCO caption tools make them before scoring, without Java. Torch-free."""

from __future__ import annotations

import re

_NORMAL_FORMS = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": " -- ", "—": " -- ", "…": " ... "}
)

_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}

# The COCO tools list brackets too, in capitals, but remove after lower-casing: brackets stay, as
# "-lrb-".
_REMOVED = {"'", '"', "`", ".", "...", "?", "!", ",", ":", ";", "-", "--"}

_TOKEN = re.compile(
    r"""
      (?:https?://|www\.)\S*[\w/]                             # addresses in the web
    | [#@][^\W\d]\w*                                          # hashtags, user names
    | \b(?:mr|mrs|ms|dr|st|mt|ave|jr|sr|vs|etc|inc|co|corp|ltd|sgt|lt|gen|prof)\.(?!\w)
    | \bno\.(?=\ *\d)                                         # no. 5
    | (?<!\w)(?:[^\W\d_]\.)+(?!\w)                            # u.s., a.m., initials
    | '(?:s|m|d|re|ve|ll|\d\ds?)\b                            # '90s; "dog 's", already cut
    | \d+(?:[.,:/]\d+)+                                       # 1,000  2.5  5:30  1/2
    | (?<!\w)[^\W\d_]&[^\W\d_](?!\w)                         # q&a
    | \w+(?:['/._-]\w+)*                                     # words: t-shirt, don't, and/or
    | \.\.\. | [!?]+ | -+ | \S
    """,
    re.VERBOSE,
)

_CLITIC = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))")

_TWO_WORDS = {
    "cannot": ["can", "not"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "wanna": ["wan", "na"],
    "lemme": ["lem", "me"],
    "gimme": ["gim", "me"],
}


def tokenize_caption(text: str) -> list[str]:
    """Lower-case tokens of a caption, without punctuation.

    The published captioning scores are over the tokens of Stanford's PTBTokenizer, a Java program,
    less a list of punctuation marks. This follows its rules on captions: possessives and
    contractions are cut ("dog's" -> "dog 's", "isn't" -> "is n't"), hyphenated words and numbers
    stay whole, abbreviations keep their full stop, brackets become "-lrb-" and "-rrb-". It may
    differ on emoticons, mark-up, currency signs and written fractions (which PTBTokenizer
    rewrites), abbreviations that are not in our short list, and apostrophes in uncommon places.

    >>> tokenize_caption("The dog's owner isn't here, but 2 T-shirts are.")
    ['the', 'dog', "'s", 'owner', 'is', "n't", 'here', 'but', '2', 't-shirts', 'are']
    """
    found = _TOKEN.findall(text.replace("&amp;", "&").translate(_NORMAL_FORMS).lower())
    return [part for token in found if token not in _REMOVED for part in _split(token)]


def _split(token: str) -> list[str]:
    """The token as PTBTokenizer writes it: brackets by name, contractions cut from their word."""
    if token in _BRACKETS:
        return [_BRACKETS[token]]
    if token in _TWO_WORDS:
        return _TWO_WORDS[token]
    contraction = _CLITIC.fullmatch(token)
    return [*_split(contraction[1]), contraction[2]] if contraction else [token]
