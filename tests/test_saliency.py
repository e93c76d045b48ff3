"""Gradient times input against what it must be by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqkit.data.batch import pad
from seqkit.nn import CELLS, Classifier, Encoder, Pooling, TokenEmbedding
from seqkit.saliency import saliency


def test_of_a_linear_network_each_token_has_its_part_of_the_sum() -> None:
    torch.manual_seed(0)
    table, weights = nn.Embedding(5, 3), torch.randn(3)
    ids = torch.tensor([[1, 4, 2]])
    parts = saliency(table, lambda: (table(ids) @ weights).sum(dim=1))
    assert torch.allclose(parts, table(ids) @ weights)
    assert parts.sum().item() == pytest.approx((table(ids) @ weights).sum().item(), abs=1e-6)


def test_the_sign_tells_for_from_against() -> None:
    table = nn.Embedding.from_pretrained(torch.tensor([[1.0], [-1.0]]))
    parts = saliency(table, lambda: table(torch.tensor([[0, 1]])).sum((1, 2)))
    assert parts.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("cell", [*CELLS, "transformer"])
@pytest.mark.parametrize("embedding", ["learned", "one_hot", "integer"])
def test_it_is_the_derivative_by_the_size_of_a_token_s_vector(cell: str, embedding: str) -> None:
    torch.manual_seed(1)
    table = TokenEmbedding(embedding, 6, 4, scale_integer=True)
    encoder = Encoder(cell, table.output_size, 8)
    network = Classifier(table, encoder, Pooling("mean", encoder.output_size), 2).eval()
    batch = pad([[3, 1, 5, 2]])
    parts = saliency(table, lambda: network(batch)[0][:, 0])
    step = 1e-2
    sizes = [_with_size(network, table, batch, 2, 1 + s) for s in (step, -step)]
    assert parts[0, 2].item() == pytest.approx((sizes[0] - sizes[1]) / (2 * step), abs=1e-3)


def _with_size(
    network: Classifier, table: nn.Module, batch: object, place: int, size: float
) -> float:
    """The network's first output with one vector made larger or smaller."""

    def scale(module: nn.Module, inputs: object, vectors: torch.Tensor) -> torch.Tensor:
        factors = torch.ones(vectors.size(1), 1)
        factors[place] = size
        return vectors * factors

    handle = table.register_forward_hook(scale)
    with torch.no_grad():
        value = float(network(batch)[0][0, 0])
    handle.remove()
    return value


def test_the_network_is_left_as_it_was() -> None:
    table = nn.Embedding(3, 2)
    saliency(table, lambda: table(torch.tensor([[1]])).sum((1, 2)))
    assert table.weight.grad is None
    assert not table._forward_hooks
