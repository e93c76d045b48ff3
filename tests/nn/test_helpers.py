"""Helpers do what they are given while somebody waits for it, and end with the object that has them."""

from __future__ import annotations

import gc
import threading

from seqkit.nn.helpers import Helpers

ENDS_IN = 10  # seconds


def nothing() -> None:
    """Is ready at once."""


def test_helpers_work_in_threads_of_their_own_and_are_made_ready_once() -> None:
    ready: list[threading.Thread] = []
    helpers = Helpers(2, lambda: ready.append(threading.current_thread()))
    all_three, done = threading.Barrier(3, timeout=ENDS_IN), list[threading.Thread]()

    def work() -> None:
        all_three.wait()  # would break if one came after the other
        done.append(threading.current_thread())

    for _ in range(3):
        shares = [helpers.give(work) for _ in range(2)]
        all_three.wait()
        assert [share.join() for share in shares] == [None, None]
    assert set(done) == set(ready) and len(ready) == 2
    assert threading.current_thread() not in ready


def test_an_error_is_handed_over_and_the_helper_goes_on() -> None:
    helpers = Helpers(1, nothing)
    begun, error = threading.Event(), MemoryError("no room")

    def work() -> None:
        begun.set()
        raise error

    share = helpers.give(work)
    assert begun.wait(ENDS_IN) and share.join() is error
    begun.clear()
    share = helpers.give(begun.set)
    assert begun.wait(ENDS_IN) and share.join() is None


def test_what_nobody_waits_for_is_not_begun() -> None:
    helpers = Helpers(1, nothing)
    begun, may_end, done = threading.Event(), threading.Event(), list[str]()

    def long() -> None:
        begun.set()
        may_end.wait(ENDS_IN)

    first, second = helpers.give(long), helpers.give(lambda: done.append("second"))
    assert begun.wait(ENDS_IN) and second.join() is None  # the helper is busy still
    may_end.set()
    assert first.join() is None
    last = helpers.give(begun.clear)
    while begun.is_set():
        pass
    assert last.join() is None and not done


def test_threads_end_with_their_helpers() -> None:
    threads: list[threading.Thread] = []
    helpers = Helpers(2, lambda: threads.append(threading.current_thread()))
    both = threading.Barrier(3, timeout=ENDS_IN)
    shares = [helpers.give(both.wait) for _ in range(2)]
    both.wait()
    assert [share.join() for share in shares] == [None, None]
    del helpers
    gc.collect()
    for thread in threads:
        thread.join(ENDS_IN)
    assert [thread.is_alive() for thread in threads] == [False, False]
