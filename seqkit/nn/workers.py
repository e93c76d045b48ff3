"""Threads that share the work of machine code.

torch's threads turn in circles while they wait for each other, which costs more than it brings where operations are
small or other programs run. These sleep until there is something to do, and whoever comes late finds nothing left.
What a part computes does not depend on who computes it: results are the same with any number of threads, to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch

ENOUGH = 10_000_000
"""Multiplications from which on a second thread is woken: it takes as long as about a third of them."""

TURNS = 4
"""Times that a thread takes some of the parts."""

_count = 0


def set_workers(count: int) -> None:
    """So many threads share work from now on; 0 for as many as torch takes."""
    global _count
    _count = count


def workers() -> int:
    """How many threads share work."""
    return _count or torch.get_num_threads()


def shared(work: Callable[[int, int], object], parts: int, multiplications: int) -> None:
    """Has `work(first, last)` done for parts 0 to `parts` - 1, by several threads where there is enough of it.

    Args:
        work: Does parts `first` to `last` - 1, without the interpreter's lock for most of its time.
        parts: How many there are; the longest ones come first.
        multiplications: Of all of them, roughly.
    """
    helpers = min(workers(), parts) - 1
    if helpers < 1 or multiplications < ENOUGH:
        work(0, parts)
        return
    together = -(-parts // (TURNS * (helpers + 1)))
    left = iter([(first, min(first + together, parts)) for first in range(0, parts, together)])
    others = [_pool(os.getpid(), helpers).submit(_take, work, left) for _ in range(helpers)]
    _take(work, left)
    for other in others:
        if not other.cancel():
            other.result()


def _take(work: Callable[[int, int], object], left: Iterator[tuple[int, int]]) -> None:
    """Does what comes next until nothing is left."""
    for first, last in left:
        work(first, last)


@lru_cache(maxsize=1)
def _pool(process: int, helpers: int) -> ThreadPoolExecutor:
    """The helpers of a process; one that it has forked has none of its threads."""
    return ThreadPoolExecutor(helpers, thread_name_prefix="seqkit")
