"""Scores of additive attention by machine code are those of their formula, with right gradients, by any threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqkit.nn import additive
from seqkit.nn.workers import set_workers

pytest.importorskip("seqkit.nn.compiled_additive", reason="the extra `compiled` is not installed")


def parts(batch: int, tgt: int, src: int, size: int, dtype: torch.dtype) -> list[Tensor]:
    torch.manual_seed(1)
    shapes = (batch, tgt, size), (batch, src, size), (size,)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def formula(queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    return torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)) @ energy


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 5, 33), (40, 7, 9, 64), (0, 2, 3, 4)])
def test_scores_and_gradients_are_those_of_the_formula(
    shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    given = parts(*shape, dtype)
    near = 2e-5 if dtype == torch.float32 else 1e-12
    scores, wanted = additive.additive_scores(*given), formula(*given)
    torch.testing.assert_close(scores, wanted, rtol=near, atol=near)
    outer = torch.randn_like(wanted)
    found = torch.autograd.grad(scores, given, outer)
    for mine, other in zip(found, torch.autograd.grad(wanted, given, outer), strict=True):
        torch.testing.assert_close(mine, other, rtol=10 * near, atol=10 * near)


def test_views_are_taken_as_what_they_show() -> None:
    queries, keys, energy = parts(6, 3, 4, 8, torch.float64)
    given = [queries[::2].transpose(1, 2).transpose(1, 2), keys[::2, 1:], energy]
    scores, wanted = additive.additive_scores(*given), formula(*given)
    torch.testing.assert_close(scores, wanted)
    learned = [queries, keys, energy]
    found, right = (torch.autograd.grad(part.sum(), learned) for part in (scores, wanted))
    for mine, other in zip(found, right, strict=True):
        torch.testing.assert_close(mine, other)


def test_gradients_pass_gradcheck() -> None:
    assert torch.autograd.gradcheck(additive.additive_scores, parts(2, 3, 4, 5, torch.float64))


def test_threads_change_nothing() -> None:
    given = parts(64, 9, 12, 128, torch.float32)
    results = []
    for workers in (1, 3):
        set_workers(workers)
        scores = additive.additive_scores(*given)
        results.append([scores.detach(), *torch.autograd.grad(scores.sum(), given)])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_answers_wait_until_machine_code_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(
        additive._AdditiveScores, "apply", lambda *given: used.append("torch") or formula(*given)
    )
    given = parts(2, 3, 4, 5, torch.float32)
    with torch.no_grad():
        monkeypatch.setattr("seqkit.nn.kernels.has_started", lambda: False)
        additive.additive_scores(*given)
        assert used == ["torch"]
        monkeypatch.setattr("seqkit.nn.kernels.has_started", lambda: True)
        additive.additive_scores(*given)
        assert used == ["torch"]
