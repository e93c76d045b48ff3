"""Lengths, masks and the order of steps: what keeps padding from changing a result."""

from __future__ import annotations

import torch
from torch import Tensor


def lengths_to_mask(lengths: Tensor, max_len: int) -> Tensor:
    """True at real steps: bool [batch, max_len] from int64 lengths [batch], on their device.

    >>> lengths_to_mask(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    steps = torch.arange(max_len, device=lengths.device)
    return steps.unsqueeze(0) < lengths.unsqueeze(1)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis, 0 where `mask` is False; a row with no True is all 0."""
    weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
    return weights * mask


def last_valid(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Each row's output at its own last step.

    Args:
        outputs: float [batch, len, size].
        lengths: int64 [batch], each at least 1, on any device.

    Returns:
        float [batch, size].
    """
    rows = torch.arange(outputs.size(0), device=outputs.device)
    return outputs[rows, lengths.to(outputs.device) - 1]
