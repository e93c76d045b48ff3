"""Contexts by machine code are torch's, with right gradients, by any threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqkit.nn.workers import set_workers

compiled = pytest.importorskip(
    "seqkit.nn.compiled_contexts", reason="the extra `compiled` is not installed"
)


def parts(batch: int, tgt: int, src: int, size: int, dtype: torch.dtype) -> list[Tensor]:
    torch.manual_seed(1)
    shapes = (batch, tgt, src), (batch, src, size)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 5, 33), (40, 7, 9, 64), (0, 2, 3, 4)])
def test_contexts_and_gradients_are_those_of_torch(
    shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    given = parts(*shape, dtype)
    near = 1e-4 if dtype == torch.float32 else 1e-12
    found, wanted = compiled.contexts(*given), torch.bmm(*given)
    torch.testing.assert_close(found, wanted, rtol=near, atol=near)
    outer = torch.randn_like(wanted)
    torch.testing.assert_close(
        torch.autograd.grad(found, given, outer), torch.autograd.grad(wanted, given, outer),
        rtol=near, atol=near,
    )  # fmt: skip


def test_views_are_taken_as_what_they_show() -> None:
    weights, memory = parts(6, 3, 8, 8, torch.float64)
    given = weights[::2, :, 1:5], memory[::2].transpose(1, 2)[:, :4]
    torch.testing.assert_close(compiled.contexts(*given), torch.bmm(*given))


def test_gradients_pass_gradcheck() -> None:
    assert torch.autograd.gradcheck(compiled.contexts, parts(2, 3, 4, 5, torch.float64))


def test_threads_change_nothing() -> None:
    given, results = parts(64, 9, 30, 100, torch.float32), []
    for workers in (1, 3):
        set_workers(workers)
        found = compiled.contexts(*given)
        results.append([found, *torch.autograd.grad(found.cos().sum(), given)])
    assert all(map(torch.equal, *results))
