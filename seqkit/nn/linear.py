"""Linear layers, whose large products are machine code in training where numba is installed."""

from __future__ import annotations

from torch import Tensor, nn

from seqkit.nn.kernels import MayCompile, multiplies_compiled

WORTH_IT = 10_000_000
"""Multiplications from which on machine code takes a product, as then threads share it."""

WIDE = 32
"""Numbers to and from a layer from which on machine code has no room to spare."""


class Linear(nn.Linear, MayCompile):
    """torch's linear layer.

    Torch's threads wait for each other in every operation, and where they do not work they still keep a core busy. So
    torch has one in training, and whoever makes machine code of the rest shares this too.

    >>> Linear(2, 3)
    Linear(in_features=2, out_features=3, bias=True)
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """float [..., out_features] from float [..., in_features]."""
        large = inputs.numel() * self.out_features >= WORTH_IT
        if not (self.compiles and large and self.is_wide and multiplies_compiled(inputs)):
            return super().forward(inputs)
        from seqkit.nn import compiled_linear  # numba takes a while

        return compiled_linear.linear(inputs, self.weight, self.bias)

    @property
    def is_wide(self) -> bool:
        """Whether its products fill machine code's tiles."""
        return min(self.in_features, self.out_features) >= WIDE
