"""What a score depends on beside settings and data."""

from __future__ import annotations

import platform
import sys

import torch

import seqkit


def versions() -> dict[str, str]:
    """What a score depends on beside settings and data."""
    return {
        "seqkit": seqkit.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {sys.platform}",
    }
