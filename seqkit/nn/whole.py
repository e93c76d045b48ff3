"""Linear layers in whole numbers of 8 bits, for answers: by machine code where numba is installed, else by torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqkit.nn.kernels import has_numba

LARGEST = 127
"""Of the whole numbers, on both sides of zero."""


Multiply = Callable[[Tensor, Tensor], Tensor]
"""A product of inputs, float32 [rows, from], with a weight, to which a bias [to] is added."""


class Int8Linear(nn.Linear):
    """A linear layer that multiplies whole numbers of 8 bits; it is for answering, not for training.

    Each output has a unit of its own, and so has each row of inputs (by machine code each piece of it,
    `compiled_whole.ALIKE`), which is rounded as it comes: a row's result does not depend on the other rows. The float
    weight stays beside the whole numbers, for whoever shares or reads it.

    Args:
        linear: The layer that it stands in for.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(
            linear.in_features, linear.out_features, linear.bias is not None, device="meta"
        )
        self.weight, self.bias = linear.weight, linear.bias
        self.multiply = _machine_code(self.weight) if has_words() else _torch(self.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """float32 [..., out_features] from float [..., in_features]."""
        bias = self.weight.new_zeros(self.out_features) if self.bias is None else self.bias
        outputs = self.multiply(inputs.reshape(-1, self.in_features).float(), bias)
        return outputs.view(*inputs.shape[:-1], self.out_features)


def _machine_code(weight: Tensor) -> Multiply:
    from seqkit.nn import compiled_whole  # numba takes a while

    pieces = compiled_whole.pieces(weight)
    return lambda inputs, bias: compiled_whole.linear(inputs, pieces, bias)


def _torch(weight: Tensor) -> Multiply:
    numbers, units = rounded(weight.detach())
    turned = numbers.t()

    def multiply(inputs: Tensor, bias: Tensor) -> Tensor:
        whole, unit = rounded(inputs)
        return torch._int_mm(whole, turned).float().mul_(units.t()).mul_(unit).add_(bias)

    return multiply


def rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(whole numbers, int8 [rows, size]; their unit, float [rows, 1]) of float [rows, size].

    >>> whole, unit = rounded(torch.tensor([[1.0, -4.0], [0.0, 0.0]]))
    >>> whole.tolist()
    [[32, -127], [0, 0]]
    """
    tiny = torch.finfo(rows.dtype).tiny
    unit = rows.abs().amax(dim=1, keepdim=True).div_(LARGEST).clamp_(min=tiny)
    return (rows / unit).round_().to(torch.int8), unit


def has_words() -> bool:
    """Whether machine code multiplies whole numbers here."""
    if not has_numba():
        return False
    from seqkit.nn.machine_code import multiplies_words  # numba takes a while

    return multiplies_words()


def has_whole_products() -> bool:
    """Whether torch's products of whole numbers are exact on this CPU; without instructions for them (VNNI) sums
    overflow."""
    largest = torch.full((64, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(largest, largest) == 64 * LARGEST**2).all())
