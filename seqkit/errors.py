"""Errors that a user can act on: each says what was given, what was allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from unicodedata import category


class SeqkitError(Exception):
    """Base of all errors that seqkit raises on purpose; the command line prints them and exits with status 2."""


class ConfigError(SeqkitError):
    """A setting that is unknown or has a value that is not allowed."""


class DataError(SeqkitError):
    """A file or an example that cannot be read as what it should be."""


class RunError(SeqkitError):
    """A run folder that is missing, incomplete, altered or of another format."""


class ShapeError(SeqkitError, ValueError):
    """A tensor of the wrong shape; the message gives the shape expected and the shape received."""


class UnknownNameError(ConfigError):
    """A name that stands in no table, with the names that do and the nearest of them."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        choices = sorted(known)
        message = f"Unknown {kind} {name!r}. Known: {', '.join(choices) or 'none'}."
        message += did_you_mean(name, choices)
        super().__init__(message + (f" ({hint})" if hint else ""))


def printable(text: str) -> str:
    r"""The text with control characters written out, since a terminal would obey them.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(repr(c)[1:-1] if category(c) == "Cc" and c != "\t" else c for c in text)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the choice nearest to `name`, or an empty string when none is near."""
    near = nearest(name, choices)
    return f" Did you mean {near!r}?" if near else ""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice nearest to `name`; None when none is near."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return near[0] if near else None
