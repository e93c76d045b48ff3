"""What all tests share: few threads, no deadlines, and the folder of real data where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("seqkit", deadline=None)  # on a busy machine anything may take a second
settings.load_profile("seqkit")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks are fastest on one thread, whatever a test before has set."""
    import torch

    from seqkit.nn.workers import set_workers

    torch.set_num_threads(1)
    set_workers(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, from the environment variable SEQKIT_DATA."""
    folder = os.environ.get("SEQKIT_DATA")
    if not folder:
        pytest.skip("SEQKIT_DATA is not set: it names the folder of real data sets")
    if not Path(folder).is_dir():
        pytest.skip(f"SEQKIT_DATA names {folder}, which is no folder")
    return Path(folder)
