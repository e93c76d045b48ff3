"""Attention of every kind against a few lines that follow the papers, one row and one query at a time."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import ShapeError, UnknownNameError
from seqkit.nn import additive
from seqkit.nn.attention import KINDS, Attention

QUERY, MEMORY, HIDDEN = 5, 7, 6
REAL_KINDS = [kind for kind in KINDS if kind != "none"]
every_kind = pytest.mark.parametrize("kind", REAL_KINDS)
Drawn = tuple[Tensor, Tensor, Tensor]


def drawn(lengths: list[int], query_size: int, memory_size: int, tgt_len: int = 3) -> Drawn:
    generator = torch.Generator().manual_seed(11)
    width = max(lengths) + 1
    queries = torch.randn(len(lengths), tgt_len, query_size, generator=generator).double()
    memory = torch.randn(len(lengths), width, memory_size, generator=generator).double()
    mask = torch.arange(width).unsqueeze(0) < torch.tensor(lengths).unsqueeze(1)
    return queries, memory, mask


def score(attention: Attention, query: Tensor, place: Tensor) -> Tensor:
    """The papers' match of one query with one place of the memory."""
    if attention.kind == "additive":
        hidden = attention.query_proj(query) + attention.key_proj(place)
        return attention.energy(hidden.tanh()).squeeze()
    same = attention.kind != "general" and len(query) == len(place)
    key = place if same else attention.key_proj(place)
    match = (query * key).sum()
    return match / math.sqrt(len(key)) if attention.kind == "scaled_dot" else match


@every_kind
@pytest.mark.parametrize("memory_size", [QUERY, MEMORY])
def test_contexts_and_weights_are_those_of_the_papers(kind: str, memory_size: int) -> None:
    attention = Attention(kind, QUERY, memory_size, HIDDEN).double()
    lengths = [4, 1, 3]
    queries, memory, mask = drawn(lengths, QUERY, memory_size)
    contexts, weights = attention(queries, attention.keys(memory), memory, mask)
    assert contexts.shape == (3, 3, memory_size) and weights.shape == (3, 3, 5)
    for row, length in enumerate(lengths):
        for step, query in enumerate(queries[row]):
            places = memory[row, :length]
            wanted = torch.stack([score(attention, query, p) for p in places]).softmax(dim=0)
            torch.testing.assert_close(weights[row, step, :length], wanted)
            torch.testing.assert_close(contexts[row, step], wanted @ places)


@every_kind
@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), scale=st.floats(0, 1e3))
def test_each_row_of_weights_sums_to_1_and_is_0_at_padding(
    kind: str, lengths: list[int], scale: float
) -> None:
    attention = Attention(kind, QUERY, MEMORY, HIDDEN).double()
    queries, memory, mask = drawn(lengths, QUERY, MEMORY)
    memory = torch.where(mask.unsqueeze(-1), memory * scale, 1e6)
    _, weights = attention(queries, attention.keys(memory), memory, mask)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(len(lengths), 3).double())
    assert not weights.masked_select(~mask.unsqueeze(1)).any()
    assert (weights >= 0).all()


@every_kind
def test_one_query_gets_what_it_gets_among_many(kind: str) -> None:
    attention = Attention(kind, QUERY, MEMORY, HIDDEN).double()
    queries, memory, mask = drawn([4, 1, 3], QUERY, MEMORY)
    keys = attention.keys(memory)
    contexts, weights = attention(queries, keys, memory, mask)
    for step in range(queries.size(1)):
        context, row = attention(queries[:, step], keys, memory, mask)
        torch.testing.assert_close(context, contexts[:, step])
        torch.testing.assert_close(row, weights[:, step])


@every_kind
def test_padding_gets_no_gradient(kind: str) -> None:
    attention = Attention(kind, QUERY, MEMORY, HIDDEN).double()
    queries, memory, mask = drawn([4, 1, 3], QUERY, MEMORY)
    memory.requires_grad_()
    contexts, _ = attention(queries, attention.keys(memory), memory, mask)
    contexts.sin().sum().backward()
    assert memory.grad is not None
    assert torch.equal(memory.grad.abs().sum(dim=-1) > 0, mask)


@pytest.mark.parametrize("kind", ["dot", "scaled_dot"])
def test_equal_widths_need_no_weights_for_a_dot(kind: str) -> None:
    assert not list(Attention(kind, QUERY, QUERY, HIDDEN).parameters())


def test_a_mask_of_another_shape_is_refused_with_both_shapes() -> None:
    attention = Attention("dot", QUERY, QUERY, HIDDEN)
    memory = torch.zeros(2, 4, QUERY)
    with pytest.raises(ShapeError, match=r"mask must be \[2, 4\] as memory, got \[2, 3\]"):
        attention(torch.zeros(2, QUERY), memory, memory, torch.ones(2, 3).bool())


@pytest.mark.parametrize("kind", ["none", "multiplicative"])
def test_a_kind_that_is_no_attention_is_refused(kind: str) -> None:
    with pytest.raises(UnknownNameError, match=f"Unknown attention '{kind}'"):
        Attention(kind, QUERY, MEMORY, HIDDEN)


@pytest.mark.parametrize("block", [1, 1 << 18])
def test_blocked_additive_scores_and_their_gradients_are_those_of_the_formula(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(additive, "BLOCK", block)
    torch.manual_seed(0)
    shapes = ((3, 4, 40), (3, 20, 40), (40,))
    parts = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    queries, keys, energy = parts
    scores = additive.additive_scores(*parts)
    wanted = torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)) @ energy
    torch.testing.assert_close(scores, wanted)
    outer = torch.randn(3, 4, 20, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad(scores, parts, outer), torch.autograd.grad(wanted, parts, outer)
    )
