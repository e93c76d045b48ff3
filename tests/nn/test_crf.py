"""The CRF against enumeration of all paths, against autograd and against pytorch-crf."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import ShapeError
from seqkit.nn.crf import CRF
from seqkit.nn.viterbi import Scores, viterbi, viterbi_nbest

few = settings(max_examples=25, deadline=None)


@st.composite
def cases(draw: st.DrawFn, constrained: bool = False) -> tuple[CRF, Tensor, Tensor, Tensor]:
    """A CRF in float64 with random scores; emissions, gold tags and lengths of a small batch."""
    num_tags, batch, max_len = draw(st.tuples(*[st.integers(1, 4)] * 3))
    lengths = torch.tensor(draw(st.lists(st.integers(1, max_len), min_size=batch, max_size=batch)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def coin(*shape: int) -> Tensor | None:
        return normal(*shape) < 0.5 if constrained else None

    crf = CRF(num_tags, coin(num_tags, num_tags), coin(num_tags), coin(num_tags)).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(normal(*parameter.shape))
    emissions = 2 * normal(batch, max_len, num_tags)
    tags = torch.randint(num_tags, (batch, max_len), generator=generator)
    return crf, emissions, tags, lengths


def is_allowed(crf: CRF, path: tuple[int, ...]) -> bool:
    inner = all(bool(crf.allowed[pair]) for pair in itertools.pairwise(path))
    return inner and bool(crf.allowed_start[path[0]]) and bool(crf.allowed_end[path[-1]])


def score_of(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> Tensor:
    """Score of one path on one row, written out from the definition."""
    score = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    for step, tag in enumerate(path):
        score = score + emissions[step, tag]
    for pair in itertools.pairwise(path):
        score = score + crf.transitions[pair]
    return score


def enumerated(
    crf: CRF, emissions: Tensor, lengths: Tensor
) -> Iterator[tuple[list[tuple[int, ...]], Tensor]]:
    """All allowed paths of each row with their scores [paths]."""
    for row, length in zip(emissions, lengths.tolist(), strict=True):
        paths = list(itertools.product(range(crf.num_tags), repeat=length))
        paths = [path for path in paths if is_allowed(crf, path)]
        scores = [score_of(crf, row, path) for path in paths]
        yield paths, torch.stack(scores) if scores else row.new_empty(0)


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
@given(cases(constrained=True), st.integers(1, 6))
def test_nbest_lists_the_best_allowed_paths_in_order(
    case: tuple[CRF, Tensor, Tensor, Tensor], n: int
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode_nbest(emissions, lengths, n)
    assert tags.shape == (*lengths.shape, n, emissions.shape[1])
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        order = scores.argsort(descending=True)[:n].tolist()
        found = len(order)
        expected = [list(paths[index]) for index in order]
        assert tags[row, :found, : lengths[row]].tolist() == expected
        torch.testing.assert_close(log_probs[row, :found], scores.log_softmax(0)[order].detach())
        assert (log_probs[row, found:] == float("-inf")).all()
        assert (tags[row, found:] == 0).all()
        assert (tags[row, :, lengths[row] :] == 0).all()


@few
@given(cases(constrained=True), st.integers(2, 4))
def test_decoding_is_the_first_of_the_nbest(
    case: tuple[CRF, Tensor, Tensor, Tensor], n: int
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode(emissions, lengths)
    best_tags, best_log_probs = crf.decode_nbest(emissions, lengths, n)
    assert torch.equal(tags, best_tags[:, 0])
    assert torch.equal(log_probs, best_log_probs[:, 0])


@few
@given(cases())
def test_the_decoded_score_is_the_log_probability_of_the_path(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs = crf.decode(emissions, lengths)
    expected = crf.log_likelihood(emissions, tags, lengths).detach().clamp(max=0)
    torch.testing.assert_close(log_probs, expected)


@few
@given(cases())
def test_marginals_are_the_shares_of_the_paths_through_a_tag(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    expected = torch.zeros_like(emissions)
    for row, (paths, scores) in enumerate(enumerated(crf, emissions, lengths)):
        for path, prob in zip(paths, scores.softmax(0).detach(), strict=True):
            for step, tag in enumerate(path):
                expected[row, step, tag] += prob
    torch.testing.assert_close(crf.marginals(emissions, lengths).detach(), expected)


def test_marginals_of_a_long_row_still_sum_to_one() -> None:
    crf = CRF(5)
    emissions = 20 * torch.arange(2 * 800 * 5).sin().view(2, 800, 5)
    lengths = torch.tensor([800, 300])
    marginals = crf.marginals(emissions, lengths)
    torch.testing.assert_close(marginals[0].sum(-1), torch.ones(800))
    torch.testing.assert_close(marginals[1, :300].sum(-1), torch.ones(300))
    assert (marginals[1, 300:] == 0).all()


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


@few
@given(cases(constrained=True))
def test_a_row_decodes_alike_alone_and_in_a_batch(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    emissions = emissions.round()  # many equal scores
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.round_()
    tags, _ = crf.decode(emissions, lengths)
    nbest, _ = crf.decode_nbest(emissions, lengths, 3)
    for row, length in enumerate(lengths.tolist()):
        alone = emissions[row : row + 1, :length], lengths[row : row + 1]
        assert torch.equal(crf.decode(*alone)[0][0], tags[row, :length])
        assert torch.equal(crf.decode_nbest(*alone, 3)[0][0], nbest[row, :, :length])


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("num_tags", [2, 9, 33])
def test_equal_scores_go_to_the_lowest_tags(batch: int, num_tags: int) -> None:
    emissions = torch.zeros(batch, 4, num_tags)
    emissions[:, :, 0] = -1.0  # all tags from 1 on are equal
    scores = Scores(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags))
    tags, _ = viterbi(emissions, scores, torch.full((batch,), 4))
    assert (tags == 1).all()
    nbest, _ = viterbi_nbest(emissions, scores, torch.full((batch,), 4), 3)
    assert (nbest == nbest[:1]).all()
    assert (nbest[:, 0] == 1).all()


def test_no_emission_is_strong_enough_for_a_forbidden_transition() -> None:
    allowed = torch.tensor([[True, False], [True, True]])
    crf = CRF(2, allowed)
    emissions = torch.tensor([[[1e6, 0.0], [0.0, 1e6], [0.0, 1e6]]])
    tags, _ = crf.decode(emissions, torch.tensor([3]))
    assert tags.tolist() == [[1, 1, 1]]


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


@few
@given(cases(constrained=True))
def test_decoding_with_marginals_gives_what_each_alone_gives(
    case: tuple[CRF, Tensor, Tensor, Tensor],
) -> None:
    crf, emissions, _, lengths = case
    tags, log_probs, marginals = crf.decode_with_marginals(emissions, lengths, 2)
    best, best_log_probs = crf.decode_nbest(emissions, lengths, 2)
    assert torch.equal(tags, best)
    torch.testing.assert_close(log_probs, best_log_probs)
    torch.testing.assert_close(marginals, crf.marginals(emissions, lengths).detach())


@pytest.mark.parametrize("gap", [50.0, 500.0, 1e5])
def test_marginals_are_exact_however_unlikely_what_is_allowed(gap: float) -> None:
    crf = CRF(3, torch.tensor([[1, 0, 0], [0, 1, 1], [0, 1, 1]]).bool())
    emissions = torch.zeros(2, 30, 3)
    emissions[:, :14, 0] = gap  # what is likeliest at first can only be followed by itself,
    emissions[:, 14:, 1] = gap  # and what is likeliest later only come after others
    lengths = torch.tensor([30, 20])
    _, log_probs, marginals = crf.decode_with_marginals(emissions, lengths, 1)
    expected = crf.double().marginals(emissions.double(), lengths).detach()
    torch.testing.assert_close(marginals, expected.float())
    assert log_probs.isfinite().all()
