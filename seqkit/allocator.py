"""What memory is kept for later: freed blocks, not every kernel, and garbage for a while."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
"""What oneDNN reads, as it makes its first kernel, to know of how many shapes it keeps them."""

SHAPES = 128
"""Of how many shapes oneDNN keeps its kernels. Of 1,024, its own choice, they take 170 MB, and save no time."""


def limit_kernels() -> None:
    """Has torch's oneDNN keep few kernels, if it has made none yet and nobody has said how many."""
    os.environ.setdefault(CAPACITY, str(SHAPES))


@cache
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


@contextmanager
def keep_garbage() -> Iterator[None]:
    """Has Python look for no garbage that refers to itself in this context.

    A search takes a tenth of a second where torch is, comes as often as many objects are made, and finds none among
    answers.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()
