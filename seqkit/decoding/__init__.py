"""Decoding: from a model that scores the next token to whole sentences.

Any object with a `step` method will do (`StepModel`); its state only has to reorder itself
(`DecoderState`). `Ensemble` makes one model of several. Importing this package, its options or its
protocols does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.step import DecoderState, SpecialIds, StepModel

if TYPE_CHECKING:
    from seqkit.decoding.ensemble import Ensemble, EnsembleState
    from seqkit.decoding.hypothesis import Hypothesis
    from seqkit.decoding.search import decode

__all__ = [
    "DecoderState",
    "DecodingOptions",
    "Ensemble",
    "EnsembleState",
    "Hypothesis",
    "SpecialIds",
    "StepModel",
    "decode",
]

_MODULES_WITH_TORCH = {
    "Ensemble": "ensemble",
    "EnsembleState": "ensemble",
    "Hypothesis": "hypothesis",
    "decode": "search",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES_WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES_WITH_TORCH[name]}"), name)
