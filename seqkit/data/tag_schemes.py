"""Tag schemes of named entities: detection, checks, conversion to and from BIO, spans. Torch-free.

The three schemes write the same spans with other prefixes (PER = person, ORG = organisation):

| tokens | iob1 | bio (IOB2) | bioes |
|---|---|---|---|
| Ada | I-PER | B-PER | B-PER |
| Lovelace | I-PER | I-PER | E-PER |
| joined | O | O | O |
| Acme | I-ORG | B-ORG | S-ORG |
| Zenith | B-ORG | B-ORG | S-ORG |

IOB1 (Ramshaw and Marcus 1995, https://arxiv.org/abs/cmp-lg/9505040) writes B only where an entity
touches one of its own type before it; BIO writes B at each start; BIOES marks the last token (E)
and the only one (S) too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from seqkit.errors import DataError, UnknownNameError

OUTSIDE = "O"
PREFIXES = {"bio": "BI", "iob1": "BI", "bioes": "BIES"}
"""The letters that may stand before the label in each scheme."""


class Span(NamedTuple):
    """An entity: tokens `start` up to, but not including, `end` (counted from 0), and its type."""

    start: int
    end: int
    label: str


class TagError(DataError):
    """A tag that breaks its scheme.

    Args:
        index: Its place in the sentence, from 0.
        reason: Whether the tag is none of the scheme's (`form`), cannot stand after the one before (`order`), or
            leaves an entity without an end (`end`).
        message: For people.
    """

    def __init__(self, index: int, reason: Literal["form", "order", "end"], message: str) -> None:
        super().__init__(message)
        self.index = index
        self.reason = reason


class _Tag(NamedTuple):
    prefix: str
    label: str
    """Empty outside entities, so that no real label equals it."""

    def __str__(self) -> str:
        return f"{self.prefix}-{self.label}" if self.label else self.prefix


_OUTSIDE = _Tag(OUTSIDE, "")


def bio_spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence, read strictly.

    An I that continues no entity of its own type belongs to none.

    Args:
        tags: BIO tags, one a token. A network's own output may break the scheme, so only the form
            of each tag is checked here; `check_tags` checks their order.

    Raises:
        DataError: if a tag is neither O nor B or I with a label.
    """
    spans = []
    start, open_label = 0, ""
    for index, tag in enumerate([*_parse_all(tags, "bio"), _OUTSIDE]):
        if tag.prefix == "I" and tag.label == open_label:
            continue
        if open_label:
            spans.append(Span(start, index, open_label))
        start, open_label = index, tag.label if tag.prefix == "B" else ""
    return spans


def spans_to_bio(spans: Iterable[Span], length: int) -> list[str]:
    """The BIO tags of a sentence of `length` tokens with these entities, given in any order.

    Raises:
        DataError: if a span is empty, leaves the sentence, has no label or overlaps another.
    """
    tags = [OUTSIDE] * length
    for span in spans:
        start, end, label = span
        if not (0 <= start < end <= length and label):
            raise DataError(
                f"{span} does not fit a sentence of {length} tokens: "
                f"0 <= start < end <= {length} and a label are needed."
            )
        if any(tag != OUTSIDE for tag in tags[start:end]):
            raise DataError(f"{span} overlaps another span; one token has one tag.")
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """The same entities in BIO.

    Args:
        tags: One sentence's tags in `scheme`.
        scheme: "iob1", "bio" or "bioes".

    Raises:
        DataError: if the tags break the scheme, as `check_tags`.
    """
    parsed = _checked(tags, scheme)
    converted = []
    for previous, tag in zip([_OUTSIDE, *parsed], parsed, strict=False):
        starts = tag.prefix in ("B", "S") or tag.label != previous.label
        converted.append(str(tag._replace(prefix="B" if starts else "I") if tag.label else tag))
    return converted


def from_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """One sentence's BIO tags written in `scheme`: the inverse of `to_bio`.

    Raises:
        DataError: if the tags are not well-formed BIO, as `check_tags`.
        UnknownNameError: if the scheme is unknown.
    """
    _check_scheme(scheme)
    parsed = _checked(tags, "bio")
    befores, afters = [_OUTSIDE, *parsed], [*parsed[1:], _OUTSIDE]
    return [
        str(tag._replace(prefix=_prefix_in(scheme, before, tag, after)))
        for before, tag, after in zip(befores, parsed, afters, strict=False)
    ]


def _prefix_in(scheme: str, before: _Tag, tag: _Tag, after: _Tag) -> str:
    """The prefix in `scheme` of a BIO tag between its neighbours."""
    if scheme == "iob1" and tag.prefix == "B":
        return "B" if before.label == tag.label else "I"
    if scheme == "bioes" and tag.label and after.prefix != "I":
        return "S" if tag.prefix == "B" else "E"
    return tag.prefix


def detect_scheme(sentences: Sequence[Sequence[str]]) -> str:
    """The scheme that all sentences obey: "bio", "iob1" or "bioes".

    It is "bio" if no sentence has an entity. Any entity settles it: the first tag of a sentence's
    first entity is I in IOB1 only, and an entity's last tag is E or S in BIOES only.

    Raises:
        DataError: if the tags obey no scheme; the message gives the first fault under each.
    """
    faults = []
    for scheme in PREFIXES:
        fault = _first_fault(sentences, scheme)
        if fault is None:
            return scheme
        faults.append(f"{scheme}: {fault}")
    raise DataError("The tags obey no known scheme (counting from 0).\n  " + "\n  ".join(faults))


def _first_fault(sentences: Sequence[Sequence[str]], scheme: str) -> str | None:
    for number, tags in enumerate(sentences):
        try:
            check_tags(tags, scheme)
        except DataError as error:
            return f"sentence {number}: {error}"
    return None


def check_tags(tags: Sequence[str], scheme: str) -> None:
    """Raises if one sentence's tags break the scheme.

    Raises:
        TagError: naming the index (from 0) of the first tag that breaks it, the tag, and why.
        UnknownNameError: if the scheme is unknown.
    """
    _checked(tags, scheme)


def _checked(tags: Sequence[str], scheme: str) -> list[_Tag]:
    parsed = _parse_all(tags, scheme)
    before = _OUTSIDE
    for index, tag in enumerate(parsed):
        if not _may_follow(before, tag, scheme):
            raise TagError(
                index,
                "order",
                f"Tag {index} {str(tag)!r} cannot follow {_name(before, index)} "
                f"in scheme {scheme!r}.",
            )
        before = tag
    if not _may_follow(before, _OUTSIDE, scheme):
        raise TagError(
            len(parsed) - 1,
            "end",
            f"Tag {len(parsed) - 1} {str(before)!r} cannot be the last of a sentence in scheme "
            f"{scheme!r}: its entity has no end.",
        )
    return parsed


def _may_follow(before: _Tag, tag: _Tag, scheme: str) -> bool:
    same_label = before.label == tag.label
    if scheme == "iob1":
        return tag.prefix != "B" or same_label
    if scheme == "bio":
        return tag.prefix != "I" or same_label
    continues = tag.prefix in ("I", "E")
    is_open = before.prefix in ("B", "I")
    return continues == is_open and (same_label or not is_open)


def _name(before: _Tag, index: int) -> str:
    return repr(str(before)) if index else "the start of the sentence"


def _parse_all(tags: Sequence[str], scheme: str) -> list[_Tag]:
    _check_scheme(scheme)
    return [_parse(tag, index, scheme) for index, tag in enumerate(tags)]


def _parse(tag: str, index: int, scheme: str) -> _Tag:
    if tag == OUTSIDE:
        return _OUTSIDE
    prefix, _, label = tag.partition("-")
    if len(prefix) != 1 or prefix not in PREFIXES[scheme] or not label:
        allowed = ", ".join(f"{letter}-LABEL" for letter in PREFIXES[scheme])
        message = f"Tag {index} is {tag!r}; scheme {scheme!r} allows O, {allowed}."
        raise TagError(index, "form", message)
    return _Tag(prefix, label)


def _check_scheme(scheme: str) -> None:
    if scheme not in PREFIXES:
        raise UnknownNameError("tag scheme", scheme, PREFIXES)
