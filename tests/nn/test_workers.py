"""Threads share the parts of machine code's work: each is done once, and the results are those of one thread."""

from __future__ import annotations

import os
import sys
import threading

import pytest
import torch

from seqkit.nn import Recurrent, workers
from seqkit.nn.kernels import has_numba
from seqkit.nn.workers import set_workers, share_out, shared

LARGE = workers.ENOUGH
needs_numba = pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("parts", [0, 1, 2, 7, 100])
def test_every_part_is_done_once(threads: int, parts: int) -> None:
    set_workers(threads)
    done: list[int] = []
    shared(lambda first, last: done.extend(range(first, last)), parts, LARGE)
    assert sorted(done) == list(range(parts))


def test_threads_work_at_the_same_time() -> None:
    set_workers(2)
    both = threading.Barrier(2, timeout=10)
    turns: list[int] = []
    shared(lambda first, last: turns.append(both.wait()), 2, LARGE)
    assert sorted(turns) == [0, 1]  # the barrier would have broken if one came after the other


def test_little_work_stays_where_it_is() -> None:
    set_workers(2)
    spans: list[tuple[int, int, str]] = []
    here = threading.current_thread().name
    shared(
        lambda *span: spans.append((*span, threading.current_thread().name)), 5, workers.ENOUGH - 1
    )
    assert spans == [(0, 5, here)]


def test_the_error_of_a_helper_is_not_lost() -> None:
    set_workers(2)
    caller = threading.current_thread()
    both = threading.Barrier(2, timeout=10)

    def work(first: int, last: int) -> None:
        both.wait()
        if threading.current_thread() is not caller:
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        shared(work, 2, LARGE)


def test_after_an_error_nothing_more_is_begun() -> None:
    set_workers(2)
    begun: list[int] = []

    def work(first: int, last: int) -> None:
        begun.append(first)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared(work, 100, LARGE)
    assert len(begun) <= 2


def test_helpers_are_kept_whatever_there_is_to_do() -> None:
    set_workers(4)
    names = set[str]()
    for parts in (2, 4, 3, 2, 4):
        shared(lambda *_: names.add(threading.current_thread().name), parts, LARGE)
    assert len(names) <= 4


def test_as_many_as_torch_takes_unless_told() -> None:
    set_workers(3)
    assert workers.workers() == 3
    set_workers(0)
    assert workers.workers() == torch.get_num_threads()


def test_what_is_shared_is_not_shared_once_more() -> None:
    set_workers(2)
    inner: list[tuple[int, int]] = []
    shared(lambda *_: shared(lambda *span: inner.append(span), 6, LARGE), 2, LARGE)
    assert inner == [(0, 6), (0, 6)]
    both = threading.Barrier(2, timeout=10)
    shared(lambda *_: both.wait(), 2, LARGE)  # and later work is shared again


def test_items_are_shared_out_and_come_back_in_order() -> None:
    set_workers(3)
    names: set[str] = set()
    both = threading.Barrier(3, timeout=10)

    def square(number: int) -> int:
        if number < 3:
            both.wait()
        names.add(threading.current_thread().name)
        return number * number

    numbers = list(range(3))
    assert share_out(square, numbers) == [0, 1, 4] and len(names) == 3
    assert share_out(square, range(3, 100)) == [n * n for n in range(3, 100)]
    assert share_out(square, []) == []


def test_threads_compute_as_the_one_that_shares_out() -> None:
    set_workers(3)
    all_at_once = threading.Barrier(3, timeout=10)

    def state(_: int) -> tuple[bool, bool, bool, torch.dtype]:
        all_at_once.wait()
        mixed, narrow = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled(), mixed, narrow

    half = torch.float16
    with torch.inference_mode(), torch.autocast("cpu", half):
        assert share_out(state, range(3)) == [(True, False, True, half)] * 3
    with torch.no_grad(), torch.autocast("cpu", half):
        assert share_out(state, range(3)) == [(False, False, True, half)] * 3
    assert [told[:3] for told in share_out(state, range(3))] == [(False, True, False)] * 3


def test_a_long_last_item_is_begun_first_and_the_others_are_done_beside_it() -> None:
    set_workers(2)
    others_done = threading.Event()
    begun: list[int] = []

    def take(number: int) -> None:
        begun.append(number)
        if number == 9:
            assert others_done.wait(10)
        elif number == 0:
            others_done.set()

    share_out(take, range(10))
    assert begun.index(9) < 2 and begun[2:] == list(range(7, -1, -1))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked there")
def test_a_forked_process_has_helpers_of_its_own() -> None:
    set_workers(2)
    shared(lambda first, last: None, 2, LARGE)  # starts a helper, which the child has not
    child = os.fork()
    if child == 0:
        both = threading.Barrier(2, timeout=10)
        shared(lambda first, last: both.wait(), 2, LARGE)
        os._exit(0 if not both.broken else 1)
    assert os.waitpid(child, 0)[1] == 0


@needs_numba
@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "gru", "lstm"])
@pytest.mark.parametrize("units", [9, 150])
def test_layers_are_the_same_to_the_bit(
    cell: str, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ENOUGH", 0)
    torch.manual_seed(1)
    layer = Recurrent(cell, 5, units, bidirectional=True, kernel="compiled")
    inputs, lengths = torch.randn(50, 7, 5), torch.randint(0, 8, (50,))

    def results() -> list[torch.Tensor]:
        mine = inputs.clone().requires_grad_()
        outputs, state = layer(mine, lengths)
        total = outputs.square().sum() + torch.stack([part.sum() for part in state]).sum()
        return [outputs, *state, *torch.autograd.grad(total, [mine, *layer.parameters()])]

    set_workers(1)
    alone = results()
    set_workers(3)
    for one, other in zip(alone, results(), strict=True):
        assert torch.equal(one, other)
