"""A faster tanh for CPUs: torch's own takes five times as long as its sigmoid."""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.nn.kernels import runs_compiled

WORTH_IT = 4096
"""Numbers from which on four calls are faster than one."""


def tanh_(values: Tensor) -> Tensor:
    """The tanh in place, as 2 sigmoid(2 x) - 1: within 2e-7 of the exact one in single precision.

    Not for autograd, which would see the four steps.

    >>> import torch
    >>> tanh_(torch.zeros(1))
    tensor([0.])
    """
    if values.numel() < WORTH_IT or values.device.type != "cpu":
        return values.tanh_()
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def tanh_of_sums(sums: Tensor, compiles: bool) -> Tensor:
    """The tanh of what nobody else needs, which may become it: float [..., size].

    `compiles` says whether machine code may compute it.
    """
    if not (compiles and runs_compiled(sums)) or torch.is_autocast_enabled("cpu"):
        return torch.tanh(sums)
    from seqkit.nn import compiled_tanh  # numba takes a while

    return compiled_tanh.tanh(sums)
