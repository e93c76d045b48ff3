"""Faster ways to the tanh give the tanh, with its gradients."""

from __future__ import annotations

import pytest
import torch

from seqkit.nn.kernels import has_numba, start_compiled
from seqkit.nn.tanh import tanh_, tanh_of_sums


def test_four_calls_or_one_give_the_tanh() -> None:
    for count in (5, 10_000):
        values = torch.linspace(-20, 20, count)
        torch.testing.assert_close(tanh_(values.clone()), values.tanh(), rtol=0, atol=2e-7)


@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 40), (0, 8)])
@pytest.mark.parametrize("compiles", [False, True])
def test_sums_become_their_tanh_with_its_gradient(shape: tuple[int, ...], compiles: bool) -> None:
    torch.manual_seed(1)
    sums = torch.randn(shape, requires_grad=True)
    found, wanted = tanh_of_sums(sums * 3, compiles), torch.tanh(sums * 3)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), sums), torch.autograd.grad(wanted.sum(), sums)
    )


@pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")
def test_where_nothing_is_learned_sums_make_room_for_their_tanh() -> None:
    start_compiled()
    sums = torch.linspace(-3, 3, 12).view(3, 4)
    wanted = sums.tanh()
    with torch.no_grad():
        assert tanh_of_sums(sums, True) is sums
    torch.testing.assert_close(sums, wanted)
