"""Dropout by machine code: known random numbers, the right share, the same mask backwards and with any threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqkit.nn.dropout import Dropout
from seqkit.nn.workers import set_workers

drops = pytest.importorskip(
    "seqkit.nn.compiled_dropout", reason="the extra `compiled` is not installed"
)


@pytest.mark.parametrize(
    ("first", "second", "key", "wanted"),
    [
        (0, 0, 0, (0xFF1DAE59, 0x6CD10DF2)),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, (0x2C3F628B, 0xAB4FD7AD)),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_numbers_are_those_of_random123(
    first: int, second: int, key: int, wanted: tuple[int, int]
) -> None:
    assert drops.philox(*map(np.uint64, (first, second, key))) == wanted


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_share_is_zeroed_and_the_rest_scaled(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    result = Dropout(p)(torch.ones(300, 333, dtype=dtype))
    kept = result != 0
    assert kept.double().mean().item() == pytest.approx(1 - p, abs=0.005)  # three standard errors
    assert torch.allclose(result[kept], torch.tensor(1 / (1 - p), dtype=dtype))
    # Neither neighbours nor rows hang together.
    centred = kept.double() - (1 - p)
    for other in (centred.roll(1, 1), centred.roll(1, 0)):
        assert abs((centred * other).mean().item()) < 0.003


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 4096), (4097,), (0, 3)])
def test_gradients_pass_where_numbers_did(shape: tuple[int, ...]) -> None:
    torch.manual_seed(2)
    inputs = torch.rand(shape, dtype=torch.float64).add_(1).requires_grad_()
    result = Dropout(0.4)(inputs)
    result.sum().backward()
    assert inputs.grad is not None and result.shape == inputs.grad.shape == shape
    torch.testing.assert_close(inputs.grad, (result / inputs).detach())


def test_views_are_dropped_as_what_they_show() -> None:
    torch.manual_seed(3)
    whole = torch.rand(8, 6).add_(1)
    torch.manual_seed(4)
    shown = Dropout(0.5)(whole.t())
    torch.manual_seed(4)
    assert torch.equal(shown, Dropout(0.5)(whole.t().contiguous()))


def test_the_generator_decides_and_the_threads_do_not() -> None:
    inputs = torch.rand(600, 700)
    results = []
    for seed, workers in ((5, 1), (5, 3), (6, 1)):
        set_workers(workers)
        torch.manual_seed(seed)
        results.append([Dropout(0.5)(inputs) for _ in range(2)])
    (first, next_one), (again, _), (another, _) = results
    assert torch.equal(first, again)
    assert not torch.equal(first, next_one) and not torch.equal(first, another)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_all_or_nothing_is_left_to_torch(p: float) -> None:
    state = torch.get_rng_state()
    result = Dropout(p)(torch.ones(5))
    assert torch.equal(result, torch.full((5,), 1 - p))
    assert torch.equal(Dropout(0.5).eval()(torch.ones(5)), torch.ones(5))
    if p == 0:
        assert torch.equal(torch.get_rng_state(), state)
