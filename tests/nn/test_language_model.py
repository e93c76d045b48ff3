"""Language models: their loss over a large vocabulary, and that no direction sees what it foretells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seqkit.data.batch import pad
from seqkit.nn import Encoder, TokenEmbedding, vocabulary_loss
from seqkit.nn.kernels import X86, has_numba
from seqkit.nn.language_model import LanguageModel
from seqkit.nn.vocabulary_loss import linear_cross_entropy, sampled_cross_entropy
from seqkit.nn.workers import set_workers

needs_numba = pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")
VOCAB, SIZE = 11, 4


def arguments(steps: int, dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Tensor]:
    torch.manual_seed(0)
    parts = [torch.randn(*shape, dtype=dtype, requires_grad=True)
             for shape in ((steps, SIZE), (VOCAB, SIZE), (VOCAB,))]  # fmt: skip
    return parts, torch.randint(VOCAB, (steps,))


def language_model(bidirectional: bool = True, samples: int = 0) -> LanguageModel:
    torch.manual_seed(0)
    encoder = Encoder("gru", SIZE, 5, bidirectional=bidirectional)
    frequencies = torch.rand(VOCAB).softmax(0)
    return LanguageModel(TokenEmbedding("learned", VOCAB, SIZE), encoder, frequencies, samples)


@pytest.mark.parametrize("compiles", [False, pytest.param(True, marks=needs_numba)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_blocked_loss_and_its_gradients_are_those_of_torch(
    smoothing: float, dtype: torch.dtype, compiles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One and a part of those steps that machine code takes together.
    monkeypatch.setattr(vocabulary_loss, "BLOCK", 18)
    parts, targets = arguments(40, dtype)
    features, weight, bias = parts
    loss = linear_cross_entropy(features, weight, bias, targets, smoothing, compiles)
    logits = nn.functional.linear(features, weight, bias)
    wanted = nn.functional.cross_entropy(
        logits, targets, reduction="sum", label_smoothing=smoothing
    )
    torch.testing.assert_close(loss, wanted)
    found = torch.autograd.grad(2 * loss, parts)
    torch.testing.assert_close(found, torch.autograd.grad(2 * wanted, parts))


def test_half_precision_is_near_full_precision_and_sums_in_full() -> None:
    parts, targets = arguments(300, torch.float32)
    features, weight, bias = parts
    exact = linear_cross_entropy(features, weight, bias, targets, 0.1)
    half = linear_cross_entropy(features.bfloat16(), weight, bias, targets, 0.1)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(exact.item(), rel=0.01)
    for found, wanted in zip(
        torch.autograd.grad(half, parts), torch.autograd.grad(exact, parts), strict=True
    ):
        assert (found - wanted).norm() < 0.03 * wanted.norm()


@needs_numba
# Logits of 70 are off themselves.
@pytest.mark.parametrize(("spread", "off"), [(1.0, 1e-6), (30.0, 1e-5)])
def test_machine_code_knows_rare_units_to_the_last_digits(spread: float, off: float) -> None:
    from seqkit.nn.compiled_loss import errors_of

    torch.manual_seed(0)
    features, bias = torch.zeros(1, 1), spread * torch.randn(3000)
    loss, _, _, errors = errors_of(features, torch.zeros(3000, 1), bias, torch.tensor([7]), 0.0)
    probs = bias.double().softmax(0)
    assert loss.item() == pytest.approx(-probs[7].log().item(), rel=1e-6)
    errors[7] += 1.0
    likely = probs > 1e-37  # others are no normal numbers in single precision
    likely[7] = False  # 1 has been taken from it and added again
    torch.testing.assert_close(errors.double()[likely], probs[likely], rtol=off, atol=0.0)
    assert errors[~likely].max() <= max(2e-37, float(probs[7]) + 1e-7)


@needs_numba
def test_a_loss_that_is_no_number_stays_so() -> None:
    parts, targets = arguments(20, torch.float32)
    with torch.no_grad():
        parts[2][3] = torch.nan
    assert linear_cross_entropy(*parts, targets).isnan()


@pytest.mark.skipif(
    not (has_numba() and X86), reason="machine code takes losses with the extra `compiled`, on x86"
)
@pytest.mark.parametrize("target", [-1, VOCAB])
def test_a_target_that_is_no_unit_is_refused(target: int) -> None:
    parts, targets = arguments(20)
    targets[3] = target
    with pytest.raises(IndexError, match=f"0 to {VOCAB - 1}, got "):
        linear_cross_entropy(*parts, targets)


@needs_numba
def test_threads_do_not_change_the_loss_of_machine_code() -> None:
    torch.manual_seed(0)
    parts = [torch.randn(*shape, requires_grad=True) for shape in ((500, 64), (999, 64), (999,))]
    targets, found = torch.randint(999, (500,)), []
    for count in (1, 2, 3):
        set_workers(count)
        loss = linear_cross_entropy(*parts, targets, 0.1)
        found.append([loss, *torch.autograd.grad(loss, parts)])
    set_workers(0)
    for others in found[1:]:
        assert all(map(torch.equal, found[0], others))


@needs_numba
def test_code_that_was_just_compiled_computes_what_kept_code_does(tmp_path: Path) -> None:
    program = (
        "import torch; from seqkit.nn.compiled_loss import errors_of; torch.manual_seed(0); "
        "parts = torch.randn(40, 64), torch.randn(999, 64), torch.randn(999), torch.randint(999, (40,)); "
        "print([part.double().sum().item() for part in errors_of(*parts, 0.1)])"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    compiled, kept = (subprocess.check_output(command, env=environment) for _ in range(2))
    assert compiled == kept


def test_no_gradient_is_made_where_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, targets = arguments(5)
    wanted = linear_cross_entropy(*parts, targets)
    monkeypatch.setattr(torch, "mm", None)
    with torch.no_grad():
        assert linear_cross_entropy(*parts, targets) == wanted


def test_many_samples_come_near_the_exact_loss() -> None:
    parts, targets = arguments(6)
    frequencies = torch.rand(VOCAB, dtype=torch.float64).softmax(0)
    sampled = sampled_cross_entropy(*parts, targets, frequencies, samples=200_000)
    exact = linear_cross_entropy(*parts, targets)
    torch.testing.assert_close(sampled, exact, rtol=0.02, atol=0.0)


def test_learning_from_samples_comes_near_the_exact_distribution() -> None:
    torch.manual_seed(0)
    weight, features = torch.zeros(VOCAB, 1), torch.ones(1, 1)
    bias = torch.zeros(VOCAB, requires_grad=True)
    frequencies = torch.arange(1.0, VOCAB + 1) / sum(range(1, VOCAB + 1))
    optimizer = torch.optim.SGD([bias], lr=0.01)
    for _ in range(600):
        targets = torch.multinomial(frequencies, 16, replacement=True)
        optimizer.zero_grad()
        sampled_cross_entropy(
            features.expand(16, 1), weight, bias, targets, frequencies, samples=8
        ).backward()
        optimizer.step()
    learned = bias.detach().softmax(0)
    assert (learned - frequencies).abs().max() < 0.06
    assert (torch.full((VOCAB,), 1 / VOCAB) - frequencies).abs().max() > 0.07


def test_no_direction_sees_the_unit_that_it_foretells() -> None:
    model = language_model().double().eval()
    row = [2, 5, 6, 7, 8, 3]
    changed = [2, 5, 6, 9, 8, 3]
    features, _ = model(pad([row]))
    other, targets = model(pad([changed]))
    forwards, backwards = (features - other).abs().sum(1).split(5)
    assert targets.tolist() == [5, 6, 9, 8, 3, 2, 5, 6, 9, 8]
    assert (forwards > 0).tolist() == [False, False, False, True, True]  # reads up to the step
    assert (backwards > 0).tolist() == [True, True, True, False, False]


def test_log_probabilities_and_continuations_do_not_depend_on_neighbours() -> None:
    model = language_model().eval()
    rows = [[2, 5, 6, 3], [2, 7, 8, 9, 10, 5, 3], [2, 3]]
    together = model.log_probs(pad(rows))
    alone = torch.cat([model.log_probs(pad([row])) for row in rows])
    torch.testing.assert_close(together, alone)
    texts = [row[:-1] for row in rows]
    found = model.continued(pad(texts), 5, [0, 1, 2], eos_idx=3)
    for text, wanted in zip(texts, found.tolist(), strict=True):
        assert model.continued(pad([text]), 5, [0, 1, 2], eos_idx=3)[0].tolist() == wanted


def test_the_exact_loss_is_the_sum_of_both_directions_log_probabilities() -> None:
    model = language_model(bidirectional=False).eval()
    rows = pad([[2, 5, 6, 3], [2, 7, 3]])
    loss, count = model.loss(rows)
    torch.testing.assert_close(loss, -model.log_probs(rows).sum())
    assert count == 5
