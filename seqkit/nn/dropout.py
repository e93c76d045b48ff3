"""Dropout: a mask a step, or one that stays the same over time."""

from __future__ import annotations

from torch import Tensor, nn

from seqkit.nn.kernels import MayCompile, compiles_for, has_numba


class Dropout(nn.Dropout, MayCompile):
    """Zeroes each number by itself, in training (Srivastava et al. 2014).

    On a CPU machine code draws the numbers where numba is installed: others than torch's, from the same generator.

    >>> Dropout(0.5)
    Dropout(p=0.5, inplace=False)
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """float of any shape."""
        if not self.training or self.p == 0:
            return inputs
        if self.p == 1 or not (self.compiles and compiles_for(inputs) and has_numba()):
            return super().forward(inputs)
        from seqkit.nn import compiled_dropout  # numba takes a while

        return compiled_dropout.dropout(inputs, self.p)


class LockedDropout(nn.Module):
    """Zeroes the same features at every step of a row, in training.

    A fresh mask at each step is noise that the recurrence averages out; one mask a sequence is a smaller network a
    sequence (variational dropout, Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287).

    Args:
        p: Share of features zeroed (0 to 1); the rest is scaled by 1 / (1 - p).

    >>> LockedDropout(0.5)
    LockedDropout(p=0.5)
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, inputs: Tensor) -> Tensor:
        """float [batch, len, size], one mask for each row."""
        if not self.training or self.p == 0:
            return inputs
        batch, _, size = inputs.shape
        return inputs * nn.functional.dropout(inputs.new_ones(batch, 1, size), self.p)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"p={self.p}"


def build_dropout(p: float, *, locked: bool) -> nn.Module:
    """Dropout on sequences, float [batch, len, size]: a mask a row, or a mask a step."""
    return LockedDropout(p) if locked else Dropout(p)
