"""The CRF against enumeration of all paths, against autograd and against pytorch-crf."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import ShapeError
from seqkit.nn.crf import CRF

from .crf_paths import cases, enumerated, few


@few
@given(cases())
def test_the_partition_sums_over_all_paths(case: tuple[CRF, Tensor, Tensor, Tensor]) -> None:
    crf, emissions, _, lengths = case
    expected = [scores.logsumexp(0) for _, scores in enumerated(crf, emissions, lengths)]
    with_grad = crf.log_partition(emissions, lengths)
    with torch.no_grad():
        without_grad = crf.log_partition(emissions, lengths)
    torch.testing.assert_close(with_grad, torch.stack(expected))
    torch.testing.assert_close(without_grad, with_grad.detach())


@few
@given(cases(constrained=True))
def test_forbidden_paths_have_no_share_in_the_partition(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    log_z = crf.log_partition(emissions, lengths)
    assert torch.isfinite(log_z).all()
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        if paths:
            torch.testing.assert_close(log_z[row], scores.logsumexp(0))


@few
@given(cases())
def test_the_likelihood_is_the_share_of_the_gold_path(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, tags, lengths = case
    log_probs = crf.log_likelihood(emissions, tags, lengths)
    path_scores = crf.path_score(emissions, tags, lengths)
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        gold = paths.index(tuple(tags[row, : lengths[row]].tolist()))
        torch.testing.assert_close(log_probs[row], scores.log_softmax(0)[gold])
        torch.testing.assert_close(path_scores[row], scores[gold])


@few
@given(cases())
def test_gradients_of_the_likelihood_equal_those_of_enumeration(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, tags, lengths = case
    emissions.requires_grad_()
    inputs = [emissions, *crf.parameters()]
    weights = torch.arange(1, len(lengths) + 1)  # each row with a weight of its own
    rows = []
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        rows.append(scores.log_softmax(0)[paths.index(tuple(tags[row, : lengths[row]].tolist()))])
    expected = torch.autograd.grad((torch.stack(rows) * weights).sum(), inputs, allow_unused=True)
    log_probs = crf.log_likelihood(emissions, tags, lengths)
    found = torch.autograd.grad((log_probs * weights).sum(), inputs)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs)


def test_the_written_gradient_passes_gradcheck() -> None:
    allowed = torch.tensor([[1, 1, 0], [0, 1, 1], [1, 0, 1]]).bool()
    crf = CRF(3, allowed).double()
    lengths = torch.tensor([4, 1, 3])

    def log_z(emissions: Tensor, *parameters: Tensor) -> Tensor:
        names = [name for name, _ in crf.named_parameters()]
        overrides = dict(zip(names, parameters, strict=True))
        result: Tensor = torch.func.functional_call(
            _Partition(crf),
            {f"crf.{name}": value for name, value in overrides.items()},
            (emissions, lengths),
        )
        return result

    emissions = torch.linspace(-2, 2, 36, dtype=torch.float64).sin().view(3, 4, 3)
    parameters = [parameter.detach().requires_grad_() for parameter in crf.parameters()]
    assert torch.autograd.gradcheck(log_z, (emissions.requires_grad_(), *parameters))


class _Partition(torch.nn.Module):
    """`log_partition` as a forward, which `functional_call` needs."""

    def __init__(self, crf: CRF) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        return self.crf.log_partition(emissions, lengths)


@few
@given(cases(), st.integers(0, 3), st.sampled_from([float("nan"), float("inf"), -1e30, 7.0]))
def test_padding_changes_no_value_and_no_gradient(
    case: tuple[CRF, Tensor, Tensor, Tensor], extra: int, filler: float
) -> None:
    crf, emissions, tags, lengths = case
    batch, max_len, num_tags = emissions.shape
    padded = torch.cat([emissions, emissions.new_zeros(batch, extra, num_tags)], dim=1)
    padded_tags = torch.cat([tags, tags.new_zeros(batch, extra)], dim=1)
    valid = torch.arange(max_len + extra) < lengths.unsqueeze(1)
    padded = padded.masked_fill(~valid.unsqueeze(-1), filler)
    padded_tags = padded_tags.masked_fill(~valid, -100)

    def results(emissions: Tensor, tags: Tensor) -> list[Tensor]:
        emissions = emissions.clone().requires_grad_()
        log_probs = crf.log_likelihood(emissions, tags, lengths)
        marginals = crf.marginals(emissions, lengths)
        loss = log_probs.sum() + marginals.square().sum()
        grads = torch.autograd.grad(loss, [emissions, *crf.parameters()])
        best, best_log_probs = crf.decode(emissions, lengths)
        nbest, nbest_log_probs = crf.decode_nbest(emissions, lengths, 3)
        per_step = [grads[0], marginals, best, nbest.transpose(1, 2)]
        assert all((tensor[:, max_len:] == 0).all() for tensor in per_step)
        assert all((tensor[~valid[:, : tensor.shape[1]]] == 0).all() for tensor in per_step)
        trimmed = [tensor[:, :max_len] for tensor in per_step]
        return [log_probs, best_log_probs, nbest_log_probs, *trimmed, *grads[1:]]

    for plain, other in zip(results(emissions, tags), results(padded, padded_tags), strict=True):
        torch.testing.assert_close(plain, other)


def test_a_forbidden_gold_path_leaves_gradients_finite() -> None:
    crf = CRF(2, torch.zeros(2, 2).bool(), torch.zeros(2).bool(), torch.zeros(2).bool())
    emissions = torch.ones(1, 3, 2, requires_grad=True)
    loss = -crf.log_likelihood(emissions, torch.tensor([[0, 1, 0]]), torch.tensor([3])).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for tensor in (emissions, *crf.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_emissions_are_computed_in_float32(dtype: torch.dtype) -> None:
    crf = CRF(4)
    emissions = (5 * torch.arange(2 * 6 * 4).sin()).view(2, 6, 4).to(dtype)
    tags, lengths = torch.ones(2, 6, dtype=torch.long), torch.tensor([6, 3])
    expected = crf.log_likelihood(emissions.float(), tags, lengths)
    expected_grad = torch.autograd.grad(expected.sum(), crf.transitions)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = crf.log_likelihood(emissions, tags, lengths)
        found_grad = torch.autograd.grad(found.sum(), crf.transitions)[0]
        marginals = crf.marginals(emissions, lengths)
    assert found.dtype == marginals.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(found_grad, expected_grad)
    assert torch.equal(marginals, crf.marginals(emissions.float(), lengths))


def test_the_state_dict_holds_the_constraints() -> None:
    allowed = torch.tensor([[True, False], [True, True]])
    trained = CRF(2, allowed, torch.tensor([True, False]), torch.tensor([False, True]))
    loaded = CRF(2)
    loaded.load_state_dict(trained.state_dict())
    assert torch.equal(loaded.allowed, allowed)
    emissions, lengths = torch.tensor([[[0.0, 3.0], [3.0, 0.0]]]), torch.tensor([1])
    assert trained.decode(emissions, lengths)[1].item() == float("-inf")
    assert loaded.decode(emissions, lengths)[1].item() == float("-inf")


def test_transition_scores_start_between_minus_and_plus_a_tenth() -> None:
    for parameter in CRF(30).parameters():
        assert 0.05 < parameter.abs().max() <= 0.1


@pytest.mark.parametrize(
    ("emissions", "tags", "lengths", "message"),
    [
        ((2, 3, 5), (2, 3), (2,), r"emissions \[batch, len, 4\], got \[2, 3, 5\]"),
        ((3, 4), (2, 3), (2,), r"emissions .* got \[3, 4\]"),
        ((2, 3, 4), (2, 2), (2,), r"tags \[2, 3\], got \[2, 2\]"),
        ((2, 3, 4), (2, 3), (3,), r"lengths \[2\], got \[3\]"),
    ],
)
def test_a_wrong_shape_is_named_with_both_shapes(
    emissions: tuple[int, ...], tags: tuple[int, ...], lengths: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        CRF(4).log_likelihood(
            torch.zeros(emissions), torch.zeros(tags).long(), torch.ones(lengths).long()
        )


def test_a_mask_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"allowed_end \[3\], got \[2\]"):
        CRF(3, allowed_end=torch.ones(2).bool())


@few
@given(cases())
def test_values_gradients_and_paths_equal_those_of_pytorch_crf(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    torchcrf = pytest.importorskip("torchcrf")
    crf, emissions, tags, lengths = case
    peer = torchcrf.CRF(crf.num_tags, batch_first=True).double()
    peer.load_state_dict(dict(crf.named_parameters()))
    mask = torch.arange(emissions.shape[1]) < lengths.unsqueeze(1)
    emissions.requires_grad_()
    log_probs = crf.log_likelihood(emissions, tags, lengths)
    peer_log_probs = peer(emissions, tags, mask=mask, reduction="none")
    torch.testing.assert_close(log_probs, peer_log_probs)
    grads = torch.autograd.grad(log_probs.sum(), [emissions, *crf.parameters()])
    peer_inputs = [
        emissions,
        *(dict(peer.named_parameters())[n] for n, _ in crf.named_parameters()),
    ]
    peer_grads = torch.autograd.grad(peer_log_probs.sum(), peer_inputs, allow_unused=True)
    for ours, theirs in zip(grads, peer_grads, strict=True):
        torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs)
    paths = [
        path[:length]
        for path, length in zip(
            crf.decode(emissions, lengths)[0].tolist(), lengths.tolist(), strict=True
        )
    ]
    assert paths == peer.decode(emissions, mask=mask)
