"""Several processes as torchrun starts them, forked from the test: torch is imported already, so they take no time."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
import torch

forks = pytest.mark.skipif(
    not hasattr(os, "fork") or torch.cuda.is_available(),
    reason="this platform does not fork, or its CUDA does not survive it",
)
quietly = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
"""Python warns of forks beside threads; those of torch wait, and the children start their own."""


def run_together(
    work: Callable[[int], Any], size: int = 2, *, port: int = 0, seconds: float = 120
) -> list[Any]:
    """What `work` gives on each process, by rank; for one that raised, the error as `Name: message`.

    `port` is where a store is served already; 0 has the first process serve one.
    """
    context = multiprocessing.get_context("fork")  # type: ignore[attr-defined]
    served, port, ends, processes = port > 0, port or _free_port(), [], []
    for rank in range(size):
        end, other = context.Pipe(duplex=False)
        processes.append(
            context.Process(target=_work, args=(work, rank, size, port, served, other))
        )
        processes[-1].start()
        other.close()
        ends.append(end)
    try:
        return [end.recv() if end.poll(seconds) else "hangs" for end in ends]
    except EOFError:
        return [f"exit status {process.exitcode}" for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(
    work: Callable[[int], Any], rank: int, size: int, port: int, served: bool, end: Any
) -> None:
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size), LOCAL_WORLD_SIZE=str(size),
        MASTER_ADDR="localhost", MASTER_PORT=str(port), TORCHELASTIC_USE_AGENT_STORE=str(served),
    )  # fmt: skip
    try:
        answer = work(rank)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
    end.send(answer)
    os._exit(0)  # without what the test itself would clean up


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port
