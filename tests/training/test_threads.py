"""One thread for small networks; for larger ones what was measured once, and a resumed training keeps its number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import seqkit
from seqkit.config import from_dict
from seqkit.nn.kernels import COMPILED_UP_TO, X86
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.workers import set_workers, workers
from seqkit.training import threads
from seqkit.training.checkpoint import read_checkpoint
from seqkit.training.report import Reporter
from seqkit.training.threads import (
    SMALL,
    SMALL_IF_COMPILED,
    choose_threads,
    machine_code_multiplies,
)

from ..toy import Example, ToyConfig, ToyTask, install

LARGE = SMALL + 1


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Eight cores, no numba, and nothing measured yet."""
    monkeypatch.setattr(threads, "has_numba", lambda: False)
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    set_workers(0)


class Clock:
    """Steps take as long as is told, by the number of threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> None:
        self.seconds, self.calls = seconds, 0
        monkeypatch.setattr(threads, "_step_seconds", self)

    def __call__(self, hidden_size: int) -> float:
        self.calls += 1
        return self.seconds[torch.get_num_threads()]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.4}, 4),
        ({1: 1.0, 2: 0.6, 4: 0.5}, 2),  # no gain worth two more threads
        ({1: 1.0, 2: 0.9, 4: 0.85}, 1),
        ({1: 1.0, 2: 9.0, 4: 30.0}, 1),  # a busy machine
    ],
)
def test_the_threads_that_are_faster_by_far_are_taken(
    seconds: dict[int, float], wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, seconds)
    assert choose_threads(0, LARGE) == wanted == torch.get_num_threads()


def test_a_machine_is_measured_once_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, {1: 1.0, 2: 0.1, 4: 0.01})
    assert choose_threads(0, LARGE) == 4
    calls = clock.calls
    clock.seconds = {1: 0.01, 2: 1.0, 4: 1.0}
    assert choose_threads(0, LARGE) == 4 and clock.calls == calls
    assert choose_threads(0, LARGE + 1) == 1


def test_nothing_is_measured_where_the_choice_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, {})
    assert choose_threads(0, SMALL) == 1
    assert choose_threads(3, LARGE) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert choose_threads(0, LARGE) == 1
    assert clock.calls == 0


def test_beside_machine_code_torch_gets_more_threads_earlier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, {1: 1.0, 2: 0.6, 4: 0.5})
    assert choose_threads(0, SMALL_IF_COMPILED + 1) == 1 and clock.calls == 0
    monkeypatch.setattr(threads, "has_numba", lambda: True)
    assert choose_threads(0, SMALL_IF_COMPILED) == 1 and clock.calls == 0
    assert choose_threads(0, SMALL_IF_COMPILED + 1) == 2


@pytest.mark.parametrize("compiled", [False, True])
def test_a_measurement_draws_no_random_number_and_leaves_the_threads(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "has_numba", lambda: compiled)
    state, count = torch.get_rng_state(), torch.get_num_threads()
    assert threads._fastest(64, 2) in (1, 2)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == count


class KilledError(Exception):
    """Stands for a kill."""


class Killer(Reporter):
    """Ends a training at its first batch."""

    def batch_done(self, loss: float) -> None:
        raise KilledError


def test_a_resumed_training_keeps_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    monkeypatch.setattr(threads, "SMALL", 0)
    Clock(monkeypatch, {1: 1.0, 2: 0.1, 4: 0.1})
    with pytest.raises(KilledError):
        seqkit.train("toy", out=tmp_path / "run", reporter=Killer())
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoint", print)
    assert checkpoint["threads"] == 2
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "another"))
    Clock(monkeypatch, {1: 0.1, 2: 1.0, 4: 1.0})
    assert seqkit.resume(tmp_path / "run").metrics["threads"] == 2


def test_torch_has_one_thread_where_machine_code_multiplies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, {})
    assert choose_threads(0, LARGE, multiplies_elsewhere=True) == 1
    assert choose_threads(3, LARGE, multiplies_elsewhere=True) == 1 and workers() == 3
    assert choose_threads(3, LARGE, begun_with=2, multiplies_elsewhere=True) == 2
    assert clock.calls == 0


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"model": {"hidden_size": COMPILED_UP_TO}}, True),
        ({"model": {"hidden_size": COMPILED_UP_TO + 1}}, False),
        ({"model": {"cell": "transformer"}}, False),
        ({"training": {"kernel": "own"}}, False),
        ({"training": {"precision": "bf16"}}, False),
    ],
)
def test_machine_code_multiplies_for_recurrent_layers_alone(
    settings: dict[str, Any], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = ToyTask().fit(from_dict(ToyConfig, settings), [Example("ab", "a")])
    for part in pipeline.model.modules():
        if isinstance(part, Recurrent):
            part.kernel = pipeline.config.training.kernel
    assert not machine_code_multiplies(pipeline)
    monkeypatch.setattr(threads, "has_numba", lambda: True)
    assert machine_code_multiplies(pipeline) == (wanted and X86)
    monkeypatch.setattr(type(pipeline), "learns_stepwise", True)
    assert not machine_code_multiplies(pipeline)


@pytest.mark.parametrize(("asked", "wanted"), [(0, 4), (3, 3)])
def test_machine_code_gets_the_threads_asked_for_or_some_cores(asked: int, wanted: int) -> None:
    assert choose_threads(asked, hidden_size=32, begun_with=1) == 1
    assert workers() == wanted


def test_a_training_leaves_torch_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    torch.set_num_threads(3)
    told: list[int] = []

    class Listener(Reporter):
        def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
            told.append(torch.get_num_threads())

    seqkit.train(
        "toy", out=tmp_path / "run", reporter=Listener(), training={"epochs": 1, "threads": 1}
    )
    assert told == [1] and torch.get_num_threads() == 3
