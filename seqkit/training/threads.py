"""How many CPU threads an operation gets."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqkit.kept import kept
from seqkit.nn.kernels import COMPILED_UP_TO, X86, has_numba, may_compile
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.workers import set_workers, threads_restored
from seqkit.pipeline import Pipeline
from seqkit.predicting import device_of

SMALL = 384
"""Hidden units up to which one thread is taken. Smaller products end before a second thread has started; and where
other programs run too, waiting for each other costs a step of 256 units more than ten times its work."""

SMALL_IF_COMPILED = 224
"""The same where machine code takes the recurrence: what is left to torch are products for all steps at once."""

ROUNDS, STEPS, ROWS, ROWS_AT_ONCE = 5, 5, 32, 512
"""Of a measurement: how often each number of threads has its turn, products in one, rows of a step, and of all steps at
once."""

GAIN = 0.8
"""Share of the time that more threads may take at most to be chosen: a smaller gain is lost to what else runs."""
MOST = max(64, os.cpu_count() or 1)
"""Threads at most; torch ends the program where the system cannot start as many as it asks for."""


def choose_threads(
    asked: int, hidden_size: int, begun_with: int = 0, *, multiplies_elsewhere: bool = False
) -> int:
    """Sets and returns torch's threads: as asked, else one for small layers and what was measured for larger ones.

    Threads that wait for each other at every step of a recurrence may cost more than they bring. Four are the most that
    is tried, or a number set from outside (`OMP_NUM_THREADS`). Those of machine code sleep instead, and change no
    result: as many as are asked for or tried share its work.

    Args:
        asked: The threads to take; 0 for a choice.
        hidden_size: Units of the network's layers.
        begun_with: Torch's threads in a training that goes on: others would round otherwise.
        multiplies_elsewhere: Whether machine code makes all large products; then torch gets one thread, which keeps no
            core busy that machine code could have.
    """
    most = min(4, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    set_workers(min(asked or most, MOST))
    if multiplies_elsewhere:
        asked = 1
    alone = most == 1 or hidden_size <= (SMALL_IF_COMPILED if has_numba() else SMALL)
    threads = begun_with or asked or (1 if alone else _measured(hidden_size, most))
    threads = min(threads, MOST)  # the number may come with a run
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    return threads


def choose_training_threads(pipeline: Pipeline[Any, Any, Any], begun_with: int = 0) -> int:
    """`choose_threads` for a pipeline that learns."""
    config, elsewhere = pipeline.config, machine_code_multiplies(pipeline)
    return choose_threads(
        config.training.threads, config.model.hidden_size, begun_with, multiplies_elsewhere=elsewhere
    )  # fmt: skip


def machine_code_multiplies(pipeline: Pipeline[Any, Any, Any]) -> bool:
    """Whether machine code makes all large products of a pipeline's training."""
    there = has_numba() and X86 and device_of(pipeline).type == "cpu"
    if not there or pipeline.learns_stepwise or pipeline.config.training.precision != "no":
        return False
    return not any(_multiplies_in_torch(part) for part in pipeline.model.modules())


def _multiplies_in_torch(part: nn.Module) -> bool:
    """Whether torch makes large products for this part of a network that learns."""
    if isinstance(part, Recurrent):
        return not may_compile(part.kernel) or part.hidden_size > COMPILED_UP_TO
    learns = any(parameter.requires_grad for parameter in part.parameters(recurse=False))
    return learns and isinstance(part, (nn.MultiheadAttention, nn.modules.conv._ConvNd))


def _measured(hidden_size: int, most: int) -> int:
    """The threads that were fastest when a layer of this size was first met on this machine.

    Sums of other numbers of threads differ in their last digits. So it is measured once and kept, and the same training
    gives the same result again, however busy the machine is then.
    """

    def write(folder: Path) -> None:
        (folder / "threads").write_text(str(_fastest(hidden_size, most)), encoding="utf-8")

    def read(folder: Path) -> int:
        return int((folder / "threads").read_text(encoding="utf-8"))

    machine = platform.node(), os.cpu_count(), torch.__version__, has_numba()
    return kept("threads", (machine, hidden_size, most), write, read) or most


def _fastest(hidden_size: int, most: int) -> int:
    """The number of threads, one unless more are faster by far, of which the median step takes the least time."""
    seconds: dict[int, list[float]] = {count: [] for count in sorted({1, 2, most})}
    with threads_restored():
        for _ in range(ROUNDS):
            for count, found in seconds.items():
                torch.set_num_threads(count)
                found.append(_step_seconds(hidden_size))
    best = 1
    for count, found in seconds.items():
        if statistics.median(found) < GAIN * statistics.median(seconds[best]):
            best = count
    return best


@torch.no_grad()
def _step_seconds(hidden_size: int) -> float:
    """Time that torch's share of some steps of four gates takes; no random number is drawn."""
    weight = torch.full((hidden_size, 4 * hidden_size), 1 / hidden_size)
    state = torch.ones(ROWS_AT_ONCE if has_numba() else ROWS, hidden_size)
    began = 0.0
    for step in range(1 + STEPS):
        if step == 1:  # the first one wakes the threads
            began = time.perf_counter()
        state = (state @ weight).tanh()[:, :hidden_size]
    return time.perf_counter() - began
