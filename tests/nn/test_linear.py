"""Linear layers give torch's numbers, whoever multiplies, and leave to torch what is small or asked of it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from seqkit.nn.kernels import X86, has_numba
from seqkit.nn.linear import WIDE, WORTH_IT, Linear
from seqkit.nn.recurrent import set_kernel
from seqkit.nn.workers import set_workers

needs_numba = pytest.mark.skipif(
    not (has_numba() and X86), reason="the extra `compiled` is not installed, or not of use here"
)


ROWS, SIZE, TO = 5, 200, 100
STEPS = WORTH_IT // (ROWS * SIZE * TO) + 1


def layer(bias: bool = True, dtype: torch.dtype = torch.float64) -> Linear:
    torch.manual_seed(0)
    return Linear(SIZE, TO, bias=bias).to(dtype)


def inputs(steps: int = STEPS, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(ROWS, steps, SIZE, dtype=dtype, requires_grad=True)


def results(module: nn.Module, given: Tensor) -> list[Tensor]:
    """Outputs, and all gradients."""
    outputs = module(given)
    wanted = [part for part in (given, *module.parameters()) if part.requires_grad]
    return [outputs, *torch.autograd.grad(outputs.square().sum(), wanted)]


def name_of(module: Linear, given: Tensor) -> str:
    """The function that computes the layer's outputs."""
    return type(module(given).grad_fn).__name__


@needs_numba
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_machine_code_gives_outputs_and_gradients_of_torch(bias: bool, dtype: torch.dtype) -> None:
    ours = layer(bias, dtype)
    theirs = nn.Linear(SIZE, TO, bias=bias).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    given = inputs(dtype=dtype)
    assert name_of(ours, given) == "LinearBackward"
    near = {"rtol": 1e-4, "atol": 2e-2} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for found, wanted in zip(results(ours, given), results(theirs, given), strict=True):
        torch.testing.assert_close(found, wanted, **near)


@needs_numba
def test_what_does_not_learn_gets_no_gradient_and_threads_change_nothing() -> None:
    module, given = layer(), inputs()
    module.weight.requires_grad_(False)
    found = []
    for count in (1, 2):
        set_workers(count)
        found.append(results(module, given))
    set_workers(0)
    assert all(map(torch.equal, *found)) and len(found[0]) == 3
    given = given.detach()
    assert len(results(copy.deepcopy(module), given)) == 2


def test_torch_takes_what_is_small_or_asked_of_it() -> None:
    module = layer()
    assert name_of(module, inputs(1)) != "LinearBackward"
    narrow = Linear(SIZE, WIDE - 1).double()
    assert name_of(narrow, inputs(4 * STEPS)) != "LinearBackward"
    torch.set_num_threads(2)
    assert name_of(module, inputs()) != "LinearBackward"
    torch.set_num_threads(1)
    set_kernel(module, "own")
    assert name_of(module, inputs()) != "LinearBackward"
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(dtype=torch.float32)(inputs(dtype=torch.float32)).dtype == torch.bfloat16
