"""Who is told that machine code is being compiled, which keeps people waiting the first time. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

MESSAGE = "Machine code is compiled and kept: this once, it takes some 20 seconds more."

Told = Callable[[], object]

_told: list[Told] = []
"""Who is to be told, the latest one last, and at most once."""


@contextmanager
def told_of_compiling(tell: Told) -> Iterator[None]:
    """Has somebody told as soon as something is compiled in this context, once; contexts within it have their own.

    >>> with told_of_compiling(lambda: print("wait")):
    ...     compiling()
    ...     compiling()
    wait
    """
    _told.append(tell)
    try:
        yield
    finally:
        _told.pop()


def compiling() -> None:
    """Tells whoever is to be told now; called wherever machine code begins to be compiled."""
    if _told:
        _told[-1]()
        _told[-1] = _nobody


def _nobody() -> None:
    """Hears nothing."""
