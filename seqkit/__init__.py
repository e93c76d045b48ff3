"""Recurrent networks of every shape on one core: captioning, sentiment, translation and named entities.

>>> import seqkit
>>> run = seqkit.train("sentiment", out="runs/first")     # doctest: +SKIP
>>> seqkit.load(run.path).predict(["Not bad at all."])    # doctest: +SKIP
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import (
    ConfigError,
    DataError,
    RunError,
    SeqkitError,
    ShapeError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from seqkit.api import Trained, resume, train
    from seqkit.comparison.compare import Comparison, compare, compare_runs
    from seqkit.prediction import Prediction
    from seqkit.predictor import Predictor, load

__version__ = "0.1.0"

if find_spec("seqkit.cli") is None:  # a checkout that is not installed, or hides what is
    __path__.append(str(Path(__file__).parents[1]))  # cli/ and tasks/ stand beside this folder

if "OMP_WAIT_POLICY" not in os.environ:
    # GNU's threads, which torch takes, wait awake for each other; for milliseconds, unless told otherwise.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__all__ = [
    "Comparison",
    "ConfigError",
    "DataError",
    "Prediction",
    "Predictor",
    "RunError",
    "SeqkitError",
    "ShapeError",
    "Trained",
    "UnknownNameError",
    "__version__",
    "compare",
    "compare_runs",
    "load",
    "resume",
    "train",
]

_LAZY = {
    "Comparison": "comparison.compare",
    "compare": "comparison.compare",
    "compare_runs": "comparison.compare",
    "Predictor": "predictor",
    "Trained": "api",
    "load": "predictor",
    "resume": "api",
    "train": "api",
    "Prediction": "prediction",
}


def __getattr__(name: str) -> Any:
    """Loads what needs torch when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'seqkit' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"seqkit.{_LAZY[name]}"), name)
