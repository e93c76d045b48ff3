"""The linear layers of `linear.py` as machine code, compiled by numba on first use: the extra `compiled`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn import products


class Linear(torch.autograd.Function):
    """See `linear`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        start = None if bias is None else _array(bias)
        outputs = products.product(_array(inputs), [_array(weight)[0].T], start)
        return torch.from_numpy(outputs).view(*inputs.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        rows = _array(grad)
        to_inputs = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_inputs = torch.from_numpy(products.product(rows, _array(weight))).view(inputs.shape)
        if any(ctx.needs_input_grad[1:]):
            found = products.outer_products(_array(inputs), rows)
            to_weight, to_bias = (torch.from_numpy(part)[0] for part in found)
        return to_inputs, to_weight, to_bias if ctx.needs_input_grad[2] else None


def _array(tensor: Tensor) -> Any:
    """What numpy sees of float [..., size]: [1, rows, size]; of a bias [1, size]."""
    rows = tensor.detach().contiguous()
    return (rows.unsqueeze(0) if rows.dim() == 1 else rows.flatten(0, -2).unsqueeze(0)).numpy()


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear` of float [..., from], [to, from] and [to], all on the CPU."""
    outputs: Tensor = Linear.apply(inputs, weight, bias)
    return outputs
