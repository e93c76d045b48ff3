"""Threads that share the work of machine code, or batches to answer.

torch's threads turn in circles while they wait for each other, which costs more than it brings where operations are
small or other programs run. These sleep until there is something to do, and whoever comes late finds nothing left.
What a part computes does not depend on who computes it: results are the same with any number of threads, to the bit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch

from seqkit.nn.helpers import Helpers

T = TypeVar("T")

ENOUGH = 10_000_000
"""Multiplications from which on a second thread is woken: it takes as long as about a third of them."""

SHARES = 3
"""A thread takes its share of what is left in as many pieces: large ones first, as each costs time, then ever smaller
ones, so that all threads end together."""

_count = 0
_sharing = threading.local()
"""Has the mark `now` in a thread that does a share of something: what it calls is not shared once more."""


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
    helpers = _helpers(parts) if multiplications >= ENOUGH else 0
    if not helpers:
        work(0, parts)
        return
    _have_taken(lambda span: work(*span), _spans(parts, helpers + 1), helpers, workers() - 1)


def _spans(parts: int, threads: int) -> list[tuple[int, int]]:
    """The first and the end of each span of parts that a thread takes at a time.

    >>> _spans(20, 2)
    [(0, 4), (4, 7), (7, 10), (10, 12), (12, 14), (14, 15), (15, 16), (16, 17), (17, 18), (18, 19), (19, 20)]
    """
    spans, first = [], 0
    while first < parts:
        end = first - (first - parts) // (SHARES * threads)
        spans.append((first, end))
        first = end
    return spans


def share_out(function: Callable[[T], Any], items: Sequence[T]) -> list[Any]:
    """What the function gives for each item, in order; threads take the items one by one, from the last on.

    Torch has one thread in each of them: two of its own would wait for each other in every operation. They compute as
    this one does now: with gradients, without or in inference mode, in its precision.
    """
    helpers, most = _helpers(len(items)), workers() - 1
    if not helpers:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    inference, grads = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    mixed, narrow = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def work(index: int) -> None:
        precision = torch.autocast("cpu", narrow, enabled=mixed)
        with torch.inference_mode(inference), torch.set_grad_enabled(grads), precision:
            results[index] = function(items[index])

    with threads_restored():
        torch.set_num_threads(1)
        _have_taken(work, range(len(items))[::-1], helpers, most)
    return results


@contextmanager
def threads_restored() -> Iterator[None]:
    """Torch has as many threads after this context as before it."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _helpers(parts: int) -> int:
    """How many threads beside this one can take some of so many parts; none in a thread that does a share already."""
    return 0 if hasattr(_sharing, "now") else max(0, min(workers(), parts) - 1)


def _have_taken(work: Callable[[T], object], parts: Sequence[T], helpers: int, most: int) -> None:
    """Has all parts done by this thread and so many helpers, `most` at any time: who is free takes the next one."""
    left = iter(parts)
    others = _helpers_of(os.getpid(), most, torch.get_num_threads())
    shares = [others.give(partial(_take, work, left)) for _ in range(helpers)]
    try:
        _take(work, left)
    finally:
        errors = [error for share in shares if (error := share.join())]
    if errors:
        raise errors[0]


def _take(work: Callable[[T], object], left: Iterator[T]) -> None:
    """Does what comes next until nothing is left, or until an error, after which nobody begins anything more."""
    _sharing.now = True
    try:
        for part in left:
            work(part)
    finally:
        del _sharing.now
        for _ in left:
            pass


@lru_cache(maxsize=2)
def _helpers_of(process: int, count: int, torch_threads: int) -> Helpers:
    """The helpers of a process, which one that it has forked has not. Each asks once how many threads torch has: else
    torch would take all cores for what it does there."""
    return Helpers(count, torch.get_num_threads)
