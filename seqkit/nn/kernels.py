"""Which of the kernels runs a recurrent layer over a batch: the fastest that was measured for such rows."""

from __future__ import annotations

import platform
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.cells import State

KERNELS = ("auto", "own", "compiled", "padded", "held", "torch")
"""What may be asked for: the choice of `fastest_kernel`, our own (`bptt.py`), the same as machine code (`compiled.py`),
torch's LSTM over padded rows (`padded.py`), torch's layers over padded rows (`held.py`), or over packed rows."""

X86 = platform.machine() in ("x86_64", "AMD64")
"""Whether machine code's products are as fast as torch's, one thread beside the other; Apple's are beyond both."""

FAST_LSTM = bool(torch._C._has_mkldnn) and X86
"""Whether oneDNN's LSTM is there, and in the form that is made for this processor."""

FULL_ENOUGH = 0.8
"""Share of real steps in a batch above which oneDNN's LSTM over all steps beats ours over the real ones."""

FULL_ENOUGH_IF_SMALL = 0.6
"""The same for an LSTM of up to 64 units that does not learn: its calls take longer than its steps."""

COMPILED_UP_TO = 512
"""Hidden units up to which machine code beats our own torch calls: larger weights leave the processor's cache."""

BEATS_BFLOAT16_UP_TO = 256
"""Hidden units up to which machine code in float32 answers faster than torch's packed layers in bfloat16."""

MANY_ROWS = 16
"""Rows at a time from which on machine code answers faster too."""

FULL_ENOUGH_ON_GPU = 0.5
"""Share of real steps in a batch above which cuDNN is faster over all steps than over packed rows."""

_COMPILED = "seqkit.nn.compiled_layers"


def may_compile(kernel: str) -> bool:
    """Whether a kernel that is asked for leaves other work than that of layers to machine code."""
    return kernel in ("auto", "compiled")


class MayCompile:
    """A part of a network that machine code may compute.

    Attributes:
        compiles: Whether it may; `set_kernel` decides.
    """

    compiles = True


def fastest_kernel(cell: str, inputs: Tensor, lengths: Tensor | None, state: State) -> str:
    """`own`, `compiled`, `padded`, `held` or `torch`.

    Args:
        cell: Name of the cell.
        inputs: float [batch, len, input_size].
        lengths: int64 [batch] on the CPU; None where all rows are full.
        state: Where the rows start.
    """
    if inputs.device.type == "cuda":
        return _fastest_on_gpu(inputs, lengths)
    mixed, learning = torch.is_autocast_enabled("cpu"), torch.is_grad_enabled()
    known = mixed or inputs.dtype in (torch.float32, torch.float64)
    if inputs.device.type != "cpu" or not inputs.numel() or not known:
        return "torch"
    compiles = state[0].size(2) <= COMPILED_UP_TO and has_numba()
    if not learning:
        compiles = compiles and has_started() and inputs.size(0) >= MANY_ROWS
    if compiles and not mixed:
        return "compiled"
    if cell == "lstm" and FAST_LSTM and inputs.dtype != torch.float64:
        if lengths is None and learning and not mixed:
            return "torch"  # the same kernel, both directions at once
        small = state[0].size(2) <= 64 and not learning
        share = FULL_ENOUGH_IF_SMALL if small else FULL_ENOUGH
        steps = inputs.size(0) * inputs.size(1)
        full_enough = lengths is None or int(lengths.sum()) >= share * steps
        if full_enough and starts_from_zero(state):
            return "padded"
    if compiles and (learning or state[0].size(2) <= BEATS_BFLOAT16_UP_TO):
        return "compiled"
    return "own" if learning else "torch"


def _fastest_on_gpu(inputs: Tensor, lengths: Tensor | None) -> str:
    if lengths is None or not inputs.numel():
        return "torch"
    real = int(lengths.sum())
    full_enough = real >= FULL_ENOUGH_ON_GPU * inputs.size(0) * inputs.size(1)
    return "held" if full_enough else "torch"


@cache
def has_numba() -> bool:
    """Whether the extra `compiled` is installed."""
    return find_spec("numba") is not None


def has_started() -> bool:
    """Whether numba has started, as it does with the first training."""
    return _COMPILED in sys.modules


def start_compiled() -> None:
    """Has numba start where it is installed: before many answers, which are worth the second that it takes."""
    if has_numba():
        import_module(_COMPILED)


def runs_compiled(tensor: Tensor) -> bool:
    """Whether machine code takes such tensors now: in training where numba is, in answers once it has started."""
    return compiles_for(tensor) and (has_numba() if torch.is_grad_enabled() else has_started())


def multiplies_compiled(tensor: Tensor) -> bool:
    """Whether machine code takes products of such tensors now, with their gradients: where torch has one thread, as
    several would not let go of the cores between its operations."""
    learning = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    return X86 and learning and torch.get_num_threads() == 1 and runs_compiled(tensor)


def answers_compiled(tensor: Tensor) -> bool:
    """Whether machine code takes such tensors now, and neither gradients nor fewer bits are asked for."""
    plain = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))
    return plain and runs_compiled(tensor)


def compiles_for(tensor: Tensor) -> bool:
    """Whether machine code can run on such tensors: they are where numpy is, which knows their numbers."""
    return tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)


def check_kernel(kernel: str, cell: str) -> None:
    """Refuses a kernel that is unknown, not for this cell, or not installed.

    Raises:
        UnknownNameError, ConfigError: saying which.
    """
    if kernel not in KERNELS:
        raise UnknownNameError("kernel", kernel, KERNELS)
    if kernel == "padded" and cell != "lstm":
        raise ConfigError(f"The kernel `padded` is for lstm; {cell} needs another one.")
    if kernel == "compiled" and not has_numba():
        raise ConfigError(
            "The kernel `compiled` needs numba, which is not installed: pip install numba"
        )


def starts_from_zero(state: State) -> bool:
    """Whether the state is zero, and no gradient of it is asked for."""
    return not any(part.requires_grad or bool(part.any()) for part in state)


def exact(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision is off in this context."""
    kind = device.type
    if not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


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
