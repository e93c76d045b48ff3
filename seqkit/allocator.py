"""Memory that is kept for the next step instead of given back to the system."""

from __future__ import annotations

import ctypes
import sys
from functools import cache


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
