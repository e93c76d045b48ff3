"""The CRF's sums by machine code are those of the log-sums, and give way to them where probabilities end; its best
paths are those of `viterbi`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqkit.nn import crf as module
from seqkit.nn.crf import CRF
from seqkit.nn.viterbi import Scores, viterbi

compiled_crf = pytest.importorskip(
    "seqkit.nn.compiled_crf", reason="the extra `compiled` is not installed"
)


def results(crf: CRF, emissions: Tensor, tags: Tensor, lengths: Tensor) -> list[Tensor]:
    """Log-likelihoods and the gradients of a weighted sum of them."""
    mine = emissions.clone().requires_grad_()
    found = crf.log_likelihood(mine, tags, lengths)
    total = (found * torch.arange(1, len(found) + 1)).sum()
    return [found.detach(), *torch.autograd.grad(total, [mine, *crf.parameters()])]


def both(monkeypatch: pytest.MonkeyPatch, *given: object) -> tuple[list[Tensor], list[Tensor]]:
    fast = results(*given)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(module, "runs_compiled", lambda _: False)
        return fast, results(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize("tags", [1, 2, 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_and_gradients_are_those_of_log_sums(
    tags: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    allowed = torch.rand(tags, tags) < 0.8
    allowed.fill_diagonal_(True)
    crf = CRF(tags, allowed=allowed).to(dtype)
    emissions = 3 * torch.randn(6, 9, tags, dtype=dtype)
    lengths = torch.tensor([9, 1, 2, 9, 5, 3])
    gold = torch.randint(tags, (6, 9))
    fast, slow = both(monkeypatch, crf, emissions, gold, lengths)
    for one, other in zip(fast, slow, strict=True):
        near = 1e-4 if dtype == torch.float32 else 1e-10
        torch.testing.assert_close(one, other, rtol=near, atol=near)


def test_gradients_are_right() -> None:
    torch.manual_seed(2)
    crf = CRF(3).double()
    inputs = [torch.randn(4, 5, 3, dtype=torch.float64, requires_grad=True), *crf.parameters()]
    lengths = torch.tensor([5, 1, 4, 2])

    gold = torch.tensor([[0, 1, 1, 2, 0], [2, -100, 9, 0, 0], [1, 0, 2, 1, -1], [2, 2, 0, 0, 0]])

    def likelihood(emissions: Tensor, *_: Tensor) -> Tensor:
        return crf.log_likelihood(emissions, gold, lengths)

    assert torch.autograd.gradcheck(likelihood, tuple(inputs))


def test_a_tag_that_is_none_is_refused() -> None:
    emissions, lengths = torch.zeros(1, 2, 3), torch.tensor([2])
    for tag in (3, -1):
        with pytest.raises((IndexError, RuntimeError), match=r"index|bounds|range"):
            CRF(3).log_likelihood(emissions, torch.tensor([[0, tag]]), lengths)


def test_paths_beyond_all_probability_are_summed_by_their_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crf = CRF(2, allowed=torch.tensor([[True, False], [False, True]]))
    emissions = torch.tensor([[[0.0, -2000.0], [-2000.0, 0.0]]])  # each tag likes one step only
    lengths, gold = torch.tensor([2]), torch.zeros(1, 2, dtype=torch.int64)
    scores = crf._scores(emissions)
    assert not compiled_crf.log_likelihood(emissions, scores, lengths, gold).isfinite().any()
    fast, slow = both(monkeypatch, crf, emissions, gold, lengths)
    for one, other in zip(fast, slow, strict=True):
        assert one.isfinite().all() and torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tags", [1, 2, 9])
def test_best_paths_are_those_of_viterbi(tags: int, dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    lengths = torch.tensor([8, 1, 2, 8, 5])
    for _ in range(30):
        # Few different numbers: many paths are equal, of which the lowest tags must win.
        emissions, *scores = (
            torch.randint(-2, 3, shape).to(dtype)
            for shape in ((5, 8, tags), (tags,), (tags, tags), (tags,))
        )
        for part in scores:
            part[torch.rand_like(part) < 0.4] = -torch.inf  # some rows have no path at all
        wanted, totals = viterbi(emissions, Scores(*scores), lengths)
        found, reached = compiled_crf.viterbi(emissions, Scores(*scores), lengths)
        assert torch.equal(found, wanted) and torch.equal(reached, totals)
