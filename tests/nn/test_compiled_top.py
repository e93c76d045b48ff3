"""The highest of each row by machine code are those of a stable sort."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

top = pytest.importorskip("seqkit.nn.compiled_top", reason="the extra `compiled` is not installed")


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 5), size=st.integers(1, 300), kinds=st.integers(1, 400), share=st.floats(0, 1)
)  # fmt: skip
def test_they_are_those_of_a_stable_sort(rows: int, size: int, kinds: int, share: float) -> None:
    torch.manual_seed(rows + size + kinds)
    values = torch.randint(kinds, (rows, size)).float() / 7  # few kinds: many are equal
    values[torch.rand(rows, size) < share / 2] = -torch.inf
    count = max(1, int(share * size))
    wanted = values.sort(dim=-1, descending=True, stable=True)
    best, places = top.highest(values, count)
    assert torch.equal(best, wanted.values[:, :count])
    assert torch.equal(places, wanted.indices[:, :count])


def test_views_are_taken_as_what_they_show() -> None:
    values = torch.randn(70, 40).t()[::2]
    best, places = top.highest(values, 5)
    assert torch.equal(best, values.topk(5).values) and torch.equal(values.gather(1, places), best)
