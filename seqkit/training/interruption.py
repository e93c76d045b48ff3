"""Ctrl-C and SIGTERM while training: it ends between two steps, where it can go on from. Torch-free."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal, and can go on from its checkpoint.

    Args:
        message: What a person should know.
        number: The signal; None counts as Ctrl-C.
    """

    def __init__(self, message: str, number: int | None) -> None:
        super().__init__(message)
        self.number = number or signal.SIGINT


class Interruption:
    """Notes the first signal, so that a training can end well; a second one stops it at once.

    Python lets only the main thread hear of signals; in another, nothing is ever noted.

    Attributes:
        number: The signal that came; None before.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._at_once = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signals are heard as long as the context lasts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[Any, Any] = {one: signal.signal(one, self._hear) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler or signal.SIG_DFL)

    @contextmanager
    def stopping_at_once(self) -> Iterator[None]:
        """In this context there is nothing to end well: a signal, even one before it, raises KeyboardInterrupt."""
        self._at_once = True
        try:
            if self.number is not None:
                raise KeyboardInterrupt
            yield
        finally:
            self._at_once = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again = self.number is not None
        self.number = number
        if again or self._at_once:
            raise KeyboardInterrupt
