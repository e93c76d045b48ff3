"""Functions as machine code, compiled by numba on first use: the extra `compiled`; and the arrays that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import binding
from numba.core import event

from seqkit.compiling import compiling

OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    # Sums may be reordered, once and for all; what is no number stays so.
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}


class _Listener(event.Listener):  # type: ignore[misc]
    """Hears of every stage of compiling, of which what is read from a file has none."""

    def on_start(self, event: Any) -> None:
        compiling()

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:run_pass", _Listener())


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """The function as machine code, kept for later processes where a folder for it can be written."""
    try:
        return numba.njit(function, cache=True, **OPTIONS, **options)
    except RuntimeError:  # there is none
        return numba.njit(function, **OPTIONS, **options)


def inlined(function: Callable[..., Any]) -> Any:
    """The same, always as a part of who calls it: for functions that add up numbers.

    Else what has just been compiled calls the function, and what was kept a copy, whose sums may have another order.
    """
    return compiled(function, forceinline=True)


def _features() -> Mapping[str, bool]:
    """What the processor is known to have; nothing where numba is told to compile for another one."""
    if numba.config.CPU_NAME is not None or numba.config.CPU_FEATURES is not None:
        return {}
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:  # LLVM does not know it
        return {}


def many_registers() -> bool:
    """Whether the processor is known to have 32 vector registers of 32 bytes; 16 are usual."""
    return bool(_features().get("avx512vl"))


@cache
def multiplies_words() -> bool:
    """Whether the processor is known to add up products of whole numbers of 8 bits (VNNI)."""
    features = _features()
    narrow = features.get("avxvnni") or (features.get("avx512vnni") and features.get("avx512vl"))
    return bool(features.get("avx512vnni") if many_registers() else narrow)


def room(shape: Sequence[int], kind: Any) -> Any:
    """An array to fill, in torch's memory: it starts where a cache line does, on which hang how fast it is read and in
    what order torch's libraries add up its numbers."""
    return torch.empty(tuple(shape), dtype=_KINDS[kind]).numpy()


_KINDS = {
    np.dtype(np.float32): torch.float32,
    np.dtype(np.float64): torch.float64,
    np.dtype(np.int32): torch.int32,
}


def arrays(*tensors: torch.Tensor) -> list[Any]:
    """What machine code takes of tensors: each whole in memory, as short strides are quick."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]
