"""The paired bootstrap: against all samples there are, and on systems whose difference is known."""

from __future__ import annotations

import itertools
import math

import numpy
import pytest

from seqkit.metrics import entity_scores, translation_scores
from seqkit.metrics.bootstrap import Tallies, difference, draws
from seqkit.metrics.spans import entity_tallies
from seqkit.metrics.translation import bleu_tallies


def answers(num_right: int, examples: int = 400, seed: int = 0) -> numpy.ndarray:
    """Resampled accuracy of a system that is right on that many examples, float [1, samples]."""
    right = numpy.zeros(examples)
    right[numpy.random.default_rng(seed).permutation(examples)[:num_right]] = 1
    return Tallies.ratio(right.tolist(), [1] * examples).resampled()[None]


def test_equal_systems_do_not_differ() -> None:
    found = difference(answers(300), answers(300))
    assert (found.p, found.low, found.high) == (1, 0, 0)


def test_systems_that_are_right_on_other_examples_as_often_do_not_differ() -> None:
    found = difference(answers(300, seed=1), answers(300, seed=2))
    assert found.p > 0.5 and found.low < 0 < found.high


def test_a_clearly_better_system_differs_and_a_worse_one_as_much() -> None:
    better, worse = difference(answers(340), answers(300)), difference(answers(300), answers(340))
    assert better.p == worse.p < 0.002
    assert 0 < better.low < 0.1 < better.high and worse.high < 0


def test_p_agrees_with_all_samples_there_are() -> None:
    first, second = [1, 1, 1, 0, 1], [0, 1, 0, 1, 1]
    samples = [
        sum(first[i] - second[i] for i in drawn) for drawn in itertools.product(range(5), repeat=5)
    ]
    exact = 2 * min(sum(s <= 0 for s in samples), sum(s >= 0 for s in samples)) / len(samples)
    mine = [Tallies.ratio(right, [1] * 5).resampled(20_000)[None] for right in (first, second)]
    assert difference(*mine).p == pytest.approx(exact, abs=0.02)


def test_a_system_that_is_better_on_one_example_has_the_p_of_never_drawing_it() -> None:
    size = 20
    first = Tallies.ratio([1] * size, [1] * size).resampled(20_000)[None]
    second = Tallies.ratio([0] + [1] * (size - 1), [1] * size).resampled(20_000)[None]
    assert difference(first, second).p == pytest.approx(2 * (1 - 1 / size) ** size, abs=0.02)


def test_trainings_that_scatter_make_a_difference_less_sure() -> None:
    steady = numpy.concatenate([answers(330), answers(330)])
    apart = numpy.concatenate([answers(300), answers(360)])
    assert difference(steady, answers(300)).p < 0.005
    assert difference(apart, answers(300)).p > 0.1


def test_samples_are_as_large_as_the_data_and_the_same_for_every_system() -> None:
    counts = [count.tolist() for count in draws(30, 10, seed=3)]
    assert [sum(count) for count in counts] == [30] * 10
    assert counts == [count.tolist() for count in draws(30, 10, seed=3)]
    assert counts != [count.tolist() for count in draws(30, 10, seed=4)]


def test_a_score_without_anything_to_count_is_0() -> None:
    assert Tallies.ratio([0, 1], [0, 2]).score(numpy.array([[0.0, 0.0], [1.0, 2.0]])).tolist() == [
        0,
        0.5,
    ]


def test_f1_of_a_sample_is_that_of_its_sentences() -> None:
    gold = [["B-PER", "I-PER", "O"], ["O", "B-LOC"], ["O", "O"], ["B-LOC", "B-PER"]]
    found = [["B-PER", "I-PER", "O"], ["O", "B-PER"], ["B-LOC", "O"], ["B-LOC", "O"]]
    scores = entity_tallies(gold, found).resampled(50)
    for count, score in zip(draws(4, 50), scores, strict=True):
        drawn = numpy.repeat(numpy.arange(4), count)
        wanted = entity_scores([gold[i] for i in drawn], [found[i] for i in drawn]).f1
        assert math.isclose(score, wanted, abs_tol=1e-12)


def test_bleu_of_a_sample_is_that_of_its_sentences() -> None:
    references = [
        ["The cat sits on the mat today."],
        ["A dog runs.", "The dog is running fast."],
        ["Yes, he did see it."],
    ]
    found = ["The cat sat on the mat today.", "A dog is running fast.", "Yes he did it."]
    scores = bleu_tallies(found, references).resampled(50)
    for count, score in zip(draws(3, 50), scores, strict=True):
        drawn = numpy.repeat(numpy.arange(3), count)
        wanted = translation_scores([found[i] for i in drawn], [references[i] for i in drawn])
        assert score == pytest.approx(wanted.bleu, abs=1e-9)
