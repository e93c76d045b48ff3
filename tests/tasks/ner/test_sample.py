from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from seqkit.tasks.ner.sample import Sentence, make_sample

TAGS = {"O"} | {f"{place}-{kind}" for place in "BI" for kind in ("PER", "LOC", "ORG", "MISC")}
# Changes only with a deliberate change of the sample: then its figures are measured anew.
SHA256 = "5b295cdf3497eafed38eeafb135f3d2cce0b18d656dd3eb5fdc72cee27bee986"


@pytest.fixture(scope="module")
def sample() -> dict[str, list[Sentence]]:
    return make_sample()


def entities(tags: list[str]) -> set[tuple[str, int, int]]:
    """(type, start, end) of each B- tag with the I- tags of its type that follow it."""
    found = set()
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = start + 1
            while end < len(tags) and tags[end] == f"I-{tag[2:]}":
                end += 1
            found.add((tag[2:], start, end))
    return found


def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    pairs = [(entities(g), entities(p)) for g, p in zip(gold, predicted, strict=True)]
    hits = sum(len(g & p) for g, p in pairs)
    return 2 * hits / sum(len(g) + len(p) for g, p in pairs)


def most_frequent_tag_f1(train: list[Sentence], test: list[Sentence]) -> float:
    """Strict entity F1 when each word gets its most frequent training tag, an unknown word O."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for tokens, tags in train:
        for token, tag in zip(tokens, tags, strict=True):
            counts[token][tag] += 1
    best = {token: max(sorted(seen), key=seen.__getitem__) for token, seen in counts.items()}
    predicted = [[best.get(token, "O") for token in tokens] for tokens, _ in test]
    return entity_f1([tags for _, tags in test], predicted)


def name_words(sentences: list[Sentence]) -> set[str]:
    return {
        token
        for tokens, tags in sentences
        for token, tag in zip(tokens, tags, strict=True)
        if tag != "O"
    }


def test_the_same_seed_gives_the_same_sentences_and_another_seed_gives_others(sample) -> None:
    assert make_sample() == sample
    assert make_sample(seed=1)["test"] != sample["test"]


def test_the_sample_of_seed_0_has_not_changed_silently(sample) -> None:
    lines = [
        f"{split}\t{' '.join(tokens)}\t{' '.join(tags)}"
        for split in sample
        for tokens, tags in sample[split]
    ]
    assert hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest() == SHA256


def test_the_splits_have_the_stated_sizes(sample) -> None:
    sizes = {split: len(sentences) for split, sentences in sample.items()}
    assert sizes == {"train": 1500, "dev": 250, "test": 400}


@pytest.mark.parametrize("seed", [0, 7])
def test_no_sentence_occurs_twice_in_the_sample(seed: int) -> None:
    texts = [" ".join(tokens) for part in make_sample(seed).values() for tokens, _ in part]
    assert len(set(texts)) == len(texts)


def test_tags_are_valid_bio_one_a_token(sample) -> None:
    for tokens, tags in (sentence for part in sample.values() for sentence in part):
        assert len(tokens) == len(tags)
        assert set(tags) <= TAGS
        for before, tag in zip(["O", *tags], tags, strict=False):
            assert not tag.startswith("I-") or before[1:] == tag[1:], (tokens, tags)


def test_sentences_are_finished_with_every_slot_filled(sample) -> None:
    for tokens, tags in (sentence for part in sample.values() for sentence in part):
        assert tokens[0][0].isupper() and tokens[-1] in {".", "?"}
        assert all(re.fullmatch(r"[A-Za-z]+|[.,?]", token) for token in tokens), tokens
        assert all(
            tag == "O" or token[0].isupper() for token, tag in zip(tokens, tags, strict=True)
        )


def test_many_words_are_a_person_a_place_or_an_organisation(sample) -> None:
    tags_of: dict[str, set[str]] = defaultdict(set)
    for tokens, tags in sample["train"]:
        for token, tag in zip(tokens, tags, strict=True):
            tags_of[token].add(tag)
    ambiguous = [token for token, seen in tags_of.items() if {"B-PER", "B-LOC", "B-ORG"} <= seen]
    assert len(ambiguous) >= 30
    assert {"O", "B-PER"} <= tags_of["Will"]
    assert {"O", "B-LOC", "B-ORG"} <= tags_of["Reading"]


def test_there_are_names_of_two_words_and_names_side_by_side(sample) -> None:
    for part in sample.values():
        neighbours = [pair for _, tags in part for pair in pairwise(tags)]
        assert {(f"B-{kind}", f"I-{kind}") for kind in ("PER", "LOC", "ORG", "MISC")} <= set(
            neighbours
        )
        assert ("B-LOC", "B-PER") in neighbours and ("B-LOC", "B-ORG") in neighbours


@pytest.mark.parametrize("held_out", ["dev", "test"])
def test_a_tenth_of_the_names_or_more_was_never_seen_in_training(sample, held_out: str) -> None:
    known = {token for tokens, _ in sample["train"] for token in tokens}
    unseen = name_words(sample[held_out]) - known
    assert unseen
    tokens_of_names = [
        token
        for tokens, tags in sample[held_out]
        for token, tag in zip(tokens, tags, strict=True)
        if tag != "O"
    ]
    assert sum(token in unseen for token in tokens_of_names) >= 0.1 * len(tokens_of_names)


def test_words_outside_names_are_known_from_training(sample) -> None:
    known = {token for tokens, _ in sample["train"] for token in tokens}
    outside = {token for tokens, _ in sample["test"] for token in tokens}
    assert outside - name_words(sample["test"]) <= known


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_most_frequent_tag_of_a_word_is_not_enough(seed: int) -> None:
    drawn = make_sample(seed)
    assert most_frequent_tag_f1(drawn["train"], drawn["test"]) < 0.4


def test_the_most_frequent_tag_of_this_file_is_enough_when_names_are_clear() -> None:
    clear = [(["Anna", "slept", "."], ["B-PER", "O", "O"])]
    assert most_frequent_tag_f1(clear, clear) == 1.0
