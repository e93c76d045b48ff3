"""Whether this installation works: what is installed, and a training of each task in miniature."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from pathlib import Path

import seqkit
from seqkit.files import cache_folder
from seqkit.registry import get_task

LIBRARIES = ("torch", "torchvision", "accelerate", "safetensors", "sentencepiece", "numpy")


def installed() -> dict[str, str]:
    """Versions, devices, what they compute in and room, by name, for people."""
    import torch

    found = {"seqkit": seqkit.__version__, "python": platform.python_version(),
             "system": f"{platform.system()} {platform.machine()}"}  # fmt: skip
    for name in LIBRARIES:
        found[name] = _version(name) or "missing"
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    found["devices"] = ", ".join(devices)
    numba = _version("numba")
    found["machine code"] = f"numba {numba}" if numba else "no: it takes the extra `compiled`"
    found["precisions"] = f"{', '.join(_precisions())} on the cpu"
    found["processors"] = f"{os.cpu_count()}; torch takes {torch.get_num_threads()} threads"
    home = cache_folder()
    place = next(p for p in (home, *home.parents) if p.exists())
    found["cache"] = f"{home}, {shutil.disk_usage(place).free / 1e9:.0f} GB free"
    return found


def _version(library: str) -> str:
    """Of an installed library; empty where there is none."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _precisions() -> list[str]:
    """What answers may be computed in on this processor."""
    import torch

    from seqkit.errors import ConfigError
    from seqkit.nn.precision import PRECISIONS, check_precision

    def refused(precision: str) -> bool:
        try:
            check_precision(precision, torch.device("cpu"))
        except ConfigError:
            return True
        return False

    return [precision for precision in PRECISIONS if not refused(precision)]


def trial(name: str) -> str:
    """Trains a task on a few examples of its sample, loads the run and lets it answer; what went wrong, if anything."""
    from seqkit.api import train_on
    from seqkit.config import from_dict
    from seqkit.predictor import load
    from seqkit.task import Splits

    try:
        task = get_task(name)
        config = from_dict(task.Config, {"training": {"epochs": 1, "device": "auto"}})
        sample = task.read(config)
        few = Splits(sample.train[:64], sample.dev[:8], (), sample.source)
        with tempfile.TemporaryDirectory() as folder:
            trained = train_on(task, config, few, out=Path(folder) / "run")
            predictor = load(trained.path)
            predictor.predict([predictor.pipeline.raw_input(few.dev[0])])
    except Exception as error:  # whatever it is, it is what the user wants to know
        return f"{type(error).__name__}: {error}"
    return ""
