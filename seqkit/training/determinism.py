"""Same numbers on every run: operations that have no fixed order, as some have on GPUs, are replaced or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seqkit.errors import ConfigError


@contextmanager
def deterministic(asked: bool) -> Iterator[None]:
    """In this context torch takes operations of one order alone, if that is asked for.

    What was set before is set again at the end. On a CPU training is deterministic anyway, and loses nothing.

    Raises:
        ConfigError: if an operation has no such form on this device.
    """
    if not asked:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it at its first use
    cudnn = torch.backends.cudnn
    was_on, before = (
        torch.are_deterministic_algorithms_enabled(),
        (cudnn.deterministic, cudnn.benchmark),
    )
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        what = str(error).split(". ")[0]
        raise ConfigError(
            f"`training.deterministic`: {what}; use device cpu, or do without."
        ) from error
    finally:
        torch.use_deterministic_algorithms(was_on)
        cudnn.deterministic, cudnn.benchmark = before
