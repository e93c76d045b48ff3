"""Which inputs an output depends on: gradient times input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def saliency(embedding: nn.Module, objective: Callable[[], Tensor]) -> Tensor:
    """How much each token's vector adds to a number, to first order: the number's gradient times the vector.

    Above 0, the number would fall were the vector made smaller. The sign is kept, so that tokens for and against are
    told apart.

    Args:
        embedding: The module that gives the vectors, float [batch, len, size]; it runs once in `objective`.
        objective: Runs the network, in evaluation mode, and returns a number for each row, float [batch].

    Returns:
        float [batch, len], in the unit of the number.

    Simonyan et al. 2014, https://arxiv.org/abs/1312.6034, take the gradient; Denil et al. 2014,
    https://arxiv.org/abs/1412.6815, section 4, take its product with a text's vectors.

    >>> table = nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, -1.0]]))
    >>> saliency(table, lambda: (table(torch.tensor([[0, 1]])) * torch.tensor([1.0, 2.0])).sum((1, 2)))
    tensor([[5., 1.]])
    """
    given: list[Tensor] = []

    def stand_in(module: nn.Module, inputs: Any, vectors: Tensor) -> Tensor:
        given.append(vectors.detach().requires_grad_())
        return given[0]

    handle = embedding.register_forward_hook(stand_in)
    try:
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(objective().sum(), given)
    finally:
        handle.remove()
    return (gradient * given[0].detach()).sum(dim=-1)
