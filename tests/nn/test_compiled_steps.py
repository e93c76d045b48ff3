"""Steps that machine code puts side by side are those that torch would, with right gradients, by any threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqkit.nn.workers import set_workers

compiled = pytest.importorskip(
    "seqkit.nn.compiled_steps", reason="the extra `compiled` is not installed"
)


def parts(batch: int, steps: int, *sizes: int) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, steps, size, requires_grad=True) for size in sizes]


def by_torch(places: Tensor, given: list[Tensor]) -> Tensor:
    return torch.cat([part.flatten(0, 1)[places] for part in given], dim=-1)


@pytest.mark.parametrize("sizes", [(3,), (4, 9), (33, 64, 1)])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_steps_and_gradients_are_those_of_torch(sizes: tuple[int, ...], share: float) -> None:
    given = parts(5, 7, *sizes)
    places = (torch.rand(5 * 7) < share).nonzero().squeeze(1)
    found, wanted = compiled.side_by_side(places, given), by_torch(places, given)
    assert torch.equal(found, wanted)
    outer = torch.randn_like(wanted)
    for mine, other in zip(
        torch.autograd.grad(found, given, outer), torch.autograd.grad(wanted, given, outer), strict=True
    ):  # fmt: skip
        assert torch.equal(mine, other)


def test_views_are_taken_as_what_they_show() -> None:
    given = [part.transpose(0, 1) for part in parts(4, 6, 5, 8)]
    places = torch.tensor([0, 3, 23])
    assert torch.equal(compiled.side_by_side(places, given), by_torch(places, given))


def test_threads_change_nothing() -> None:
    given, places, results = parts(64, 30, 256, 512), torch.arange(0, 64 * 30, 3), []
    for workers in (1, 3):
        set_workers(workers)
        found = compiled.side_by_side(places, given)
        results.append([found, *torch.autograd.grad(found.cos().sum(), given)])
    assert all(map(torch.equal, *results))
