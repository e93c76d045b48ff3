from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

import pytest
from seqkit.tasks.sentiment.sample import MAX_WORDS, MIN_WORDS, Review, make_sample

LABELS = ("negative", "positive")
# Changes only with a deliberate change of the sample: then its figures are measured anew.
SHA256 = "4e66d51d9c35f0216619ca6ce2dd394b23f2b5ebfa87992e182860c436b53420"


@pytest.fixture(scope="module")
def sample() -> dict[str, list[Review]]:
    return make_sample()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z-]+", text.lower())


def naive_bayes_accuracy(train: list[Review], test: list[Review]) -> float:
    """Share of the test reviews that a multinomial naive Bayes over word counts gets right."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for text, label in train:
        counts[label].update(words(text))
    vocabulary = set(counts["negative"]) | set(counts["positive"])
    totals = {label: counts[label].total() + len(vocabulary) for label in LABELS}

    def score(text: str, label: str) -> float:
        return sum(math.log((counts[label][word] + 1) / totals[label]) for word in words(text))

    hits = [max(LABELS, key=lambda label: score(text, label)) == gold for text, gold in test]
    return sum(hits) / len(hits)


def test_the_same_seed_gives_the_same_reviews_and_another_seed_gives_others(sample) -> None:
    assert make_sample() == sample
    assert make_sample(seed=1)["test"] != sample["test"]


def test_the_sample_of_seed_0_has_not_changed_silently(sample) -> None:
    lines = [f"{split}\t{text}\t{label}" for split in sample for text, label in sample[split]]
    assert hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest() == SHA256


def test_the_splits_have_the_stated_sizes(sample) -> None:
    sizes = {split: len(reviews) for split, reviews in sample.items()}
    assert sizes == {"train": 2000, "dev": 300, "test": 400}


@pytest.mark.parametrize("seed", [0, 7])
def test_no_text_occurs_twice_in_the_sample_whatever_its_case(seed: int) -> None:
    texts = [text.lower() for reviews in make_sample(seed).values() for text, _ in reviews]
    assert len(set(texts)) == len(texts)


def test_half_of_each_split_is_positive(sample) -> None:
    for reviews in sample.values():
        assert Counter(label for _, label in reviews) == dict.fromkeys(LABELS, len(reviews) / 2)


def test_reviews_are_short_finished_sentences_with_every_slot_filled(sample) -> None:
    for text, _ in (review for reviews in sample.values() for review in reviews):
        assert MIN_WORDS <= len(text.split()) <= MAX_WORDS
        assert re.fullmatch(r"[A-Z][A-Za-z ,;.!-]*[.!]", text), text
        assert not re.search(r"  | [,;.!]", text), text


def test_an_article_fits_the_sound_after_it(sample) -> None:
    for text, _ in (review for reviews in sample.values() for review in reviews):
        assert not re.search(r"\b(a [aeiou]|an [^aeiou])", text, re.IGNORECASE), text


def test_many_test_reviews_have_a_counterpart_of_the_same_words_and_the_other_label(sample) -> None:
    bags: dict[str, set[str]] = {}
    for text, label in sample["test"]:
        bags.setdefault(" ".join(sorted(words(text))), set()).add(label)
    opposed = [" ".join(sorted(words(text))) for text, _ in sample["test"]]
    assert sum(len(bags[bag]) == 2 for bag in opposed) >= 0.4 * len(opposed)


def test_every_test_word_is_known_from_training(sample) -> None:
    known = {word for text, _ in sample["train"] for word in words(text)}
    assert {word for text, _ in sample["test"] for word in words(text)} <= known


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_naive_bayes_over_words_without_order_fails(seed: int) -> None:
    drawn = make_sample(seed)
    assert naive_bayes_accuracy(drawn["train"], drawn["test"]) < 0.75


def test_naive_bayes_of_this_file_can_learn_when_words_suffice() -> None:
    train = [("a superb plot", "positive"), ("a dull plot", "negative")]
    assert naive_bayes_accuracy(train, [("superb", "positive"), ("dull", "negative")]) == 1.0
