"""Which of the kernels runs a recurrent layer over a batch: the fastest that was measured for such rows."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from seqkit.nn.cells import State

KERNELS = ("auto", "own", "padded", "torch")
"""What may be asked for: the choice of `fastest_kernel`, our own (`bptt.py`), torch's LSTM over padded rows
(`padded.py`), or torch's over packed rows."""

FAST_LSTM = bool(torch._C._has_mkldnn) and platform.machine() in ("x86_64", "AMD64")
"""Whether oneDNN's LSTM is there, and in the form that is made for this processor."""

FULL_ENOUGH = 0.8
"""Share of real steps in a batch above which oneDNN's LSTM over all steps beats ours over the real ones."""


def fastest_kernel(cell: str, inputs: Tensor, lengths: Tensor | None, state: State) -> str:
    """`own`, `padded` or `torch`.

    Args:
        cell: Name of the cell.
        inputs: float [batch, len, input_size].
        lengths: int64 [batch] on the CPU; None where all rows are full.
        state: Where the rows start.
    """
    mixed, learning = torch.is_autocast_enabled("cpu"), torch.is_grad_enabled()
    known = mixed or inputs.dtype in (torch.float32, torch.float64)
    if inputs.device.type != "cpu" or not inputs.numel() or not known:
        return "torch"
    if cell == "lstm" and FAST_LSTM and inputs.dtype != torch.float64:
        if lengths is None and learning and not mixed:
            return "torch"  # the same kernel, both directions at once
        steps = inputs.size(0) * inputs.size(1)
        full_enough = lengths is None or int(lengths.sum()) >= FULL_ENOUGH * steps
        if full_enough and starts_from_zero(state):
            return "padded"
    return "own" if learning else "torch"


def starts_from_zero(state: State) -> bool:
    """Whether the state is zero, and no gradient of it is asked for."""
    return not any(part.requires_grad or bool(part.any()) for part in state)


def exact(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision is off in this context."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def lstm_dtype(inputs: Tensor) -> torch.dtype:
    """What an LSTM's steps are computed in: bfloat16 where a CPU's mixed precision asks for it and can learn in it."""
    if not torch.is_autocast_enabled("cpu") or inputs.device.type != "cpu":
        return inputs.dtype
    half = torch.get_autocast_dtype("cpu") == torch.bfloat16
    return torch.bfloat16 if half and bfloat16_learns() else torch.float32


def bfloat16_learns() -> bool:
    """Whether oneDNN trains LSTMs in bfloat16 on this processor."""
    able = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return able and torch.backends.cpu.get_cpu_capability() == "AVX512"
