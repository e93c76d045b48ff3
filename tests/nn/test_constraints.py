"""Tagging schemes as masks, and decoders that keep to them."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import ConfigError
from seqkit.nn.constraints import Scheme, allowed_transitions, constrained_viterbi
from seqkit.nn.crf import CRF

BIO = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
BIOES = [*BIO, "E-LOC", "S-LOC", "E-PER", "S-PER"]
TAGS: dict[Scheme, list[str]] = {"BIO": BIO, "BIOES": BIOES}

# What a whole sentence looks like, one letter a token; types are checked apart.
GRAMMAR = {"BIO": re.compile(r"(O|BI*)+"), "BIOES": re.compile(r"(O|S|BI*E)+")}


def obeys(path: list[str], scheme: Scheme) -> bool:
    """True if the tags follow the scheme, told without transitions: by grammar, then by types."""
    if not GRAMMAR[scheme].fullmatch("".join(tag[0] for tag in path)):
        return False
    pairs = itertools.pairwise(path)
    return all(tag[1:] == after[1:] for tag, after in pairs if after[0] in "IE")


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_masks_allow_exactly_the_sentences_of_the_scheme(scheme: Scheme, length: int) -> None:
    tags = TAGS[scheme]
    allowed, start, end = allowed_transitions(tags, scheme)
    for path in itertools.product(range(len(tags)), repeat=length):
        by_mask = bool(start[path[0]]) and bool(end[path[-1]])
        by_mask = by_mask and all(bool(allowed[pair]) for pair in itertools.pairwise(path))
        assert by_mask == obeys([tags[index] for index in path], scheme)


def test_the_rules_of_bio_for_one_type() -> None:
    allowed, start, end = allowed_transitions(["O", "B-X", "I-X"], "BIO")
    assert allowed.tolist() == [[True, True, False], [True, True, True], [True, True, True]]
    assert start.tolist() == [True, True, False]
    assert end.tolist() == [True, True, True]
    assert {allowed.dtype, start.dtype, end.dtype} == {torch.bool}


def test_types_may_hold_hyphens_and_may_be_missing() -> None:
    allowed, _, _ = allowed_transitions(["B-work-of-art", "I-work-of-art", "B", "I"], "BIO")
    assert allowed[:, 1].tolist() == [True, True, False, False]
    assert allowed[:, 3].tolist() == [False, False, True, True]


def random_batch(seed: int, num_tags: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = 5 * torch.randn(6, 8, num_tags, generator=generator)
    return scores, torch.randint(1, 9, (6,), generator=generator)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_decoded_sentences_obey_the_scheme(scheme: Scheme, seed: int) -> None:
    tags = TAGS[scheme]
    masks = allowed_transitions(tags, scheme)
    scores, lengths = random_batch(seed, len(tags))
    crf = CRF(len(tags), *masks)
    best, log_probs = crf.decode(scores, lengths)
    nbest, nbest_log_probs = crf.decode_nbest(scores, lengths, 3)
    softmax_best, _ = constrained_viterbi(scores.log_softmax(-1), lengths, *masks)
    assert torch.isfinite(log_probs).all()
    for row, length in enumerate(lengths.tolist()):
        candidates = zip(nbest[row], nbest_log_probs[row].tolist(), strict=True)
        possible = [path for path, log_prob in candidates if log_prob > float("-inf")]
        for path in (best[row], softmax_best[row], *possible):
            assert obeys([tags[index] for index in path[:length].tolist()], scheme)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_constrained_path_is_the_best_of_all_allowed_ones(seed: int) -> None:
    masks = allowed_transitions(BIO, "BIO")
    scores, _ = random_batch(seed, len(BIO))
    log_probs = scores[:, :3].log_softmax(-1)
    lengths = torch.tensor([3, 2, 1, 3, 2, 1])
    tags, totals = constrained_viterbi(log_probs, lengths, *masks)
    for row, length in enumerate(lengths.tolist()):
        best = max(
            sum(log_probs[row, step, tag].item() for step, tag in enumerate(path))
            for path in itertools.product(range(len(BIO)), repeat=length)
            if obeys([BIO[tag] for tag in path], "BIO")
        )
        assert totals[row].item() == pytest.approx(best, abs=1e-4)
        steps = torch.arange(length)
        total = log_probs[row, steps, tags[row, :length]].sum().item()
        assert total == pytest.approx(best, abs=1e-4)
        assert (tags[row, length:] == 0).all()


def test_without_any_rule_broken_the_constrained_path_is_the_argmax() -> None:
    everything = torch.ones(4, 4).bool(), torch.ones(4).bool(), torch.ones(4).bool()
    scores, _ = random_batch(3, 4)
    log_probs = scores.log_softmax(-1)
    tags, _ = constrained_viterbi(log_probs, torch.full((6,), 8), *everything)
    assert torch.equal(tags, log_probs.argmax(-1))


def test_a_row_without_any_allowed_path_says_so() -> None:
    masks = allowed_transitions(["B-X", "E-X"], "BIOES")
    log_probs = torch.zeros(2, 2, 2)
    tags, totals = constrained_viterbi(log_probs, torch.tensor([1, 2]), *masks)
    assert totals.tolist() == [float("-inf"), 0.0]
    assert tags.tolist() == [[0, 0], [0, 1]]


def test_an_unknown_scheme_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"tag scheme 'BIOE'. Known: BIO, BIOES"):
        allowed_transitions(BIO, "BIOE")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tag", "scheme"),
    [("S-PER", "BIO"), ("X-PER", "BIOES"), ("PER", "BIO"), ("", "BIO"), ("O-PER", "BIO")],
)
def test_a_tag_outside_the_scheme_is_named(tag: str, scheme: Scheme) -> None:
    with pytest.raises(ConfigError, match=f"Tag '{tag}' is no {scheme} tag. Allowed: B-TYPE"):
        allowed_transitions(["O", tag], scheme)
