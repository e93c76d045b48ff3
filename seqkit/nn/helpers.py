"""Threads that sleep until they are given something to do.

The time from giving it to its beginning is what sharing small work costs. An executor of the standard library, whose
futures can do more, takes some 20 microseconds longer.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue


class Share:
    """What a helper is given to do.

    Args:
        work: That.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._begun, self._ended = threading.Lock(), threading.Lock()
        self._ended.acquire()

    def do(self) -> None:
        """Does it, unless nobody waits for it any more."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._work()
        except BaseException as error:
            self._error = error
        finally:
            self._ended.release()

    def join(self) -> BaseException | None:
        """Waits until what was begun is done; what was not will not be. The error that ended it, if there was one."""
        if not self._begun.acquire(blocking=False):
            self._ended.acquire()
        return self._error


class Helpers:
    """Threads that end with this object, or with the process.

    Args:
        count: How many.
        ready: Called once by each of them.
    """

    def __init__(self, count: int, ready: Callable[[], object]) -> None:
        self._inbox: SimpleQueue[Share | None] = SimpleQueue()
        for number in range(count):
            threading.Thread(
                target=_serve, args=(self._inbox, ready), name=f"seqkit-{number}", daemon=True
            ).start()
            weakref.finalize(self, self._inbox.put, None)

    def give(self, work: Callable[[], object]) -> Share:
        """Has the next helper who is free do it."""
        share = Share(work)
        self._inbox.put(share)
        return share


def _serve(inbox: SimpleQueue[Share | None], ready: Callable[[], object]) -> None:
    """Does what comes in, one after the other, until that is None."""
    ready()
    while share := inbox.get():
        share.do()
        del share  # what it has shall not live until the next one comes
