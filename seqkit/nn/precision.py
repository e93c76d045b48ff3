"""Answering in fewer bits: faster products, and answers that may differ in the last digits from those of float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.decoder import Readout

PRECISIONS = ("float32", "bf16", "int8")
"""`float32`; `bf16`, products and recurrent layers in bfloat16; `int8`, a decoder's vocabulary projection, its largest
product, in whole numbers of 8 bits, and the rest as in bf16 where the processor has it. Other products are too small to
gain what the rounding of their inputs takes."""

LARGEST = 127
"""Of the whole numbers, on both sides of zero."""


class Int8Linear(nn.Linear):
    """A linear layer that multiplies whole numbers of 8 bits; it is for answering, not for training.

    Each output has a scale of its own, and so has each row of inputs, which is rounded as it comes: a row's result
    does not depend on the other rows. The layer's float weight stays beside the whole numbers, for whoever shares or
    reads it.

    Args:
        linear: The layer that it stands in for.
    """

    whole: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(
            linear.in_features, linear.out_features, linear.bias is not None, device="meta"
        )
        self.weight, self.bias = linear.weight, linear.bias
        whole, scale = rounded(linear.weight.detach())
        self.register_buffer("whole", whole.t(), persistent=False)
        self.register_buffer("scale", scale.t(), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """float32 [..., out_features] from float [..., in_features]."""
        whole, scale = rounded(inputs.reshape(-1, self.in_features).float())
        outputs = torch._int_mm(whole, self.whole).float().mul_(self.scale).mul_(scale)
        if self.bias is not None:
            outputs.add_(self.bias)
        return outputs.view(*inputs.shape[:-1], self.out_features)


def rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(whole numbers, int8 [rows, size]; their unit, float [rows, 1]) of float [rows, size].

    >>> whole, unit = rounded(torch.tensor([[1.0, -4.0], [0.0, 0.0]]))
    >>> whole.tolist()
    [[32, -127], [0, 0]]
    """
    tiny = torch.finfo(rows.dtype).tiny
    scale = rows.abs().amax(dim=1, keepdim=True).div_(LARGEST).clamp_(min=tiny)
    return (rows / scale).round_().to(torch.int8), scale


def lower_precision(model: nn.Module, precision: str) -> None:
    """Prepares a network on its device to answer in the context `computing_in` of that precision.

    Raises:
        UnknownNameError: if there is no such precision.
        ConfigError: if the device cannot compute in it.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    device = next(model.parameters()).device
    if precision == "bf16" and not has_bfloat16(device):
        raise ConfigError(f"precision bf16: not on this {device.type}; use float32.")
    if precision == "int8" and device.type != "cpu":
        raise ConfigError(f"precision int8: for cpu, not for {device.type}; use bf16 or float32.")
    if precision == "int8" and not has_whole_products():
        raise ConfigError(
            "precision int8: this processor has no exact product of whole numbers; use float32."
        )
    if precision == "int8":
        for module in model.modules():
            if isinstance(module, Readout):
                module.projection = Int8Linear(module.projection)


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


def has_whole_products() -> bool:
    """Whether products of whole numbers are exact on this CPU; without instructions for them (VNNI) sums overflow."""
    largest = torch.full((64, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(largest, largest) == 64 * LARGEST**2).all())
