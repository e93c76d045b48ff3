"""How many CPU threads an operation gets, and memory that is kept instead of given back."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

SMALL = 384
"""Hidden units up to which one thread is taken. Smaller products end before a second thread has started; and where
other programs run too, waiting for each other costs a step of 256 units more than ten times its work."""

MOST = max(64, os.cpu_count() or 1)
"""Threads at most; torch ends the program where the system cannot start as many as it asks for."""


def choose_threads(asked: int, hidden_size: int) -> int:
    """Sets and returns torch's threads: as asked, else one for small layers and at most four for larger ones.

    Threads that wait for each other at every step of a recurrence cost more than they bring, so a number set from
    outside (`OMP_NUM_THREADS`) is the most that is taken.
    """
    available = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    threads = asked or (1 if hidden_size <= SMALL else min(4, available))
    threads = min(threads, MOST)  # the number may come with a run
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    return threads


def keep_memory() -> bool:
    """Tells glibc to keep freed blocks for the next step, which saves a page fault for each page of each tensor.

    Returns:
        Whether this platform's allocator took the setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_max = -1, -4
    return bool(mallopt(mmap_max, 0) and mallopt(trim_threshold, 1 << 30))
