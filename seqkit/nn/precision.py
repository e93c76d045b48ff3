"""Answering in fewer bits: faster products, and answers that may differ in the last digits from those of float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.decoder import Readout
from seqkit.nn.kernels import start_compiled
from seqkit.nn.linear import Linear
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.whole import Int8Linear, has_whole_products, has_words

PRECISIONS = ("float32", "bf16", "int8")
"""`float32`; `bf16`, products and recurrent layers in bfloat16; `int8`, recurrent and wide linear layers in whole
numbers of 8 bits. Without the extra `compiled`, `int8` is a decoder's vocabulary projection alone, its largest product:
by torch, others gain less than what the rounding of their inputs takes. What is left is computed as in `bf16` where the
processor has it, but for the steps of a decoder by machine code."""


def lower_precision(model: nn.Module, precision: str) -> None:
    """Prepares a network on its device to answer in the context `computing_in` of that precision.

    Raises:
        UnknownNameError, ConfigError: as `check_precision`.
    """
    check_precision(precision, next(model.parameters()).device)
    if precision == "int8":
        _to_whole_numbers(model)


def check_precision(precision: str, device: torch.device) -> None:
    """Refuses a precision that is unknown, or not for the device.

    Raises:
        UnknownNameError: if there is no such precision.
        ConfigError: if the device cannot compute in it.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    if precision == "bf16" and not has_bfloat16(device):
        raise ConfigError(f"precision bf16: not on this {device.type}; use float32.")
    if precision == "int8" and device.type != "cpu":
        raise ConfigError(f"precision int8: for cpu, not for {device.type}; use bf16 or float32.")
    if precision == "int8" and not (has_words() or has_whole_products()):
        raise ConfigError(
            "precision int8: this processor has no exact product of whole numbers; use float32."
        )


def _to_whole_numbers(model: nn.Module) -> None:
    """Has layers answer in whole numbers."""
    modules = list(model.modules())
    for module in modules:
        if isinstance(module, Readout):
            module.projection = Int8Linear(module.projection)
    if not has_words():
        return
    start_compiled()  # also for few answers, which would else be others
    for module in modules:
        if isinstance(module, Recurrent):
            module.to_whole_numbers()
        for name, part in module.named_children():
            if isinstance(part, Linear) and part.is_wide:
                setattr(module, name, Int8Linear(part))


def computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Networks that `lower_precision` has prepared compute in that precision in this context."""
    if precision == "float32" or not has_bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def has_bfloat16(device: torch.device) -> bool:
    """Whether torch computes in bfloat16 there; on a CPU without instructions for it, that may be the slower choice."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    known = device.type == "cpu" and torch._C._has_mkldnn
    return bool(known and torch.ops.mkldnn._is_mkldnn_bf16_supported())
