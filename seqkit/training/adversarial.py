"""Adversarial training: each batch once more, its word vectors moved to where the loss grows fastest.

Miyato et al. 2017, https://arxiv.org/abs/1605.07725, section 3. The worst direction for a network that is about linear
is the gradient; it comes from the ordinary backward pass, so that the price is one more forward and backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from seqkit.errors import ConfigError
from seqkit.nn.embedding import TokenEmbedding


class Adversary:
    """Watches the word vectors of a network, and shifts them when asked to.

    Args:
        model: A network with learned embeddings (`TokenEmbedding`) that are not frozen.
        norm: Length of the shift of a whole sequence's vectors, taken as one long vector.

    Raises:
        ConfigError: if the network has no such embedding.
    """

    def __init__(self, model: nn.Module, norm: float) -> None:
        self.norm = norm
        self._outputs: list[Tensor] = []
        self._shifts: list[Tensor] | None = None
        embeddings = [
            m for m in model.modules() if isinstance(m, TokenEmbedding) and m.table is not None
        ]
        if not any(m.table is not None and m.table.weight.requires_grad for m in embeddings):
            raise ConfigError(
                "`training.adversarial` moves word vectors, but this network learns none."
            )
        for embedding in embeddings:
            embedding.register_forward_hook(self._pass)

    @contextmanager
    def attacking(self) -> Iterator[None]:
        """Forward passes in this context see the vectors of the last backward pass, shifted along their gradients."""
        self._shifts = [self._shift(output) for output in self._outputs]
        try:
            yield
        finally:
            self._outputs, self._shifts = [], None

    def forget(self) -> None:
        """Drops what it saw of a pass that was not finished."""
        self._outputs = []

    def _pass(self, module: nn.Module, _: Any, output: Tensor) -> Tensor | None:
        if not (module.training and output.requires_grad):
            return None
        if self._shifts is not None:
            return output + self._shifts.pop(0)
        output.retain_grad()
        self._outputs.append(output)
        return None

    def _shift(self, output: Tensor) -> Tensor:
        assert output.grad is not None
        rows = output.grad.flatten(1)
        return (self.norm * nn.functional.normalize(rows, dim=1)).view_as(output)
