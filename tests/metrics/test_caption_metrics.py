"""BLEU, ROUGE-L and CIDEr-D against the COCO caption tools."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import DataError
from seqkit.metrics import cider_d, corpus_bleu, rouge_l
from seqkit.metrics.ngrams import ngram_counts
from seqkit.metrics.rouge import common_subsequence_length

HYPOTHESIS_TEXTS = [
    "a red ball on the grass",
    "the the the cat",
    "two men row a small boat",
    "a kite",
]
REFERENCE_TEXTS = [
    ["a red ball lies on the grass", "a ball on grass"],
    ["the cat sleeps on a chair", "a cat on the chair", "there is a cat"],
    ["two men in a boat", "two people row a small boat on a lake"],
    ["a girl flies a kite", "the kite is in the sky"],
]
HYPOTHESES = [text.split() for text in HYPOTHESIS_TEXTS]
REFERENCES = [[text.split() for text in item] for item in REFERENCE_TEXTS]

# From pycocoevalcap 1.2 on the set above: `Bleu(4)`, `Rouge()` and `Cider()`, each with
# `.compute_score(dict(enumerate(REFERENCE_TEXTS)), {0: [HYPOTHESIS_TEXTS[0]], ...})`.
COCO_BLEU = [0.752428199819165, 0.7074139990103931, 0.5533606749757229, 0.37834335081303283]
COCO_ROUGE_L = 0.6824610163272794
COCO_CIDER_D = [3.76407371, 1.54382509, 3.22241707, 1.80074337]

sentences = st.lists(st.sampled_from("abcde"), min_size=1, max_size=9)
corpora = st.lists(
    st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=1, max_size=6
)


def test_bleu_is_the_coco_tools_number() -> None:
    assert corpus_bleu(HYPOTHESES, REFERENCES) == pytest.approx(COCO_BLEU, rel=1e-12)


def test_rouge_l_is_the_coco_tools_number() -> None:
    assert rouge_l(HYPOTHESES, REFERENCES) == pytest.approx(COCO_ROUGE_L, rel=1e-12)


def test_cider_d_is_the_coco_tools_number_for_each_item_and_the_mean() -> None:
    mean, scores = cider_d(HYPOTHESES, REFERENCES)
    assert scores == pytest.approx(COCO_CIDER_D, abs=1e-8)
    assert mean == pytest.approx(sum(COCO_CIDER_D) / 4, abs=1e-8)


@given(corpus=corpora)
@settings(max_examples=60, deadline=None)
def test_all_three_agree_with_pycocoevalcap_on_any_corpus(
    corpus: list[tuple[list[str], list[list[str]]]],
) -> None:
    pytest.importorskip("pycocoevalcap", reason="pip install pycocoevalcap to compare with it")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    hypotheses, references = [pair[0] for pair in corpus], [pair[1] for pair in corpus]
    result = {i: [" ".join(tokens)] for i, tokens in enumerate(hypotheses)}
    truth = {i: [" ".join(tokens) for tokens in item] for i, item in enumerate(references)}

    coco_bleu, _ = Bleu(4).compute_score(truth, result, verbose=0)
    assert corpus_bleu(hypotheses, references) == pytest.approx(coco_bleu, rel=1e-9)
    coco_rouge, _ = Rouge().compute_score(truth, result)
    assert rouge_l(hypotheses, references) == pytest.approx(coco_rouge, rel=1e-9)
    coco_mean, coco_items = Cider().compute_score(truth, result)
    mean, items = cider_d(hypotheses, references)
    assert mean == pytest.approx(coco_mean, rel=1e-9, abs=1e-12)
    assert items == pytest.approx(list(coco_items), rel=1e-9, abs=1e-12)


def test_repeating_the_references_scores_full_marks() -> None:
    hypotheses = [item[0] for item in REFERENCES]
    references = [[tokens] for tokens in hypotheses]
    assert corpus_bleu(hypotheses, references) == pytest.approx([1.0] * 4)
    assert rouge_l(hypotheses, references) == pytest.approx(1.0)
    assert cider_d(hypotheses, references)[0] == pytest.approx(10.0)


def test_no_common_word_scores_nothing() -> None:
    hypotheses = [["x", "y", "z", "w", "v"]] * len(REFERENCES)
    assert corpus_bleu(hypotheses, REFERENCES) == pytest.approx([0.0] * 4, abs=1e-6)
    assert rouge_l(hypotheses, REFERENCES) == 0.0
    assert cider_d(hypotheses, REFERENCES) == (0.0, [0.0] * len(REFERENCES))


def test_an_empty_hypothesis_scores_zero_and_does_not_fail() -> None:
    hypotheses: list[list[str]] = [[], *HYPOTHESES[1:]]
    empty = [[]] * len(REFERENCES)
    assert cider_d(hypotheses, REFERENCES)[1][0] == 0.0
    assert rouge_l(empty, REFERENCES) == 0.0
    assert corpus_bleu(empty, REFERENCES) == pytest.approx([0.0] * 4)
    assert 0.0 < corpus_bleu(hypotheses, REFERENCES)[0] < 1.0


def test_of_two_equally_near_reference_lengths_bleu_takes_the_shorter() -> None:
    hypothesis = ["a", "b", "c", "d"]
    shorter, longer = ["a", "b", "c"], ["a", "b", "c", "d", "e"]
    # With the length 3 there is no penalty, and each of the four words stands in a reference.
    assert corpus_bleu([hypothesis], [[longer, shorter]])[0] == pytest.approx(1.0)


def test_max_n_sets_how_many_bleu_scores_come_back() -> None:
    assert corpus_bleu(HYPOTHESES, REFERENCES, max_n=2) == pytest.approx(COCO_BLEU[:2])


@given(first=sentences, second=sentences)
@settings(max_examples=40, deadline=None)
def test_the_common_subsequence_is_the_longest_that_trying_all_finds(
    first: list[str], second: list[str]
) -> None:
    def all_subsequences(tokens: list[str]) -> set[tuple[str, ...]]:
        return {sub for size in range(len(tokens) + 1) for sub in combinations(tokens, size)}

    longest = max(map(len, all_subsequences(first) & all_subsequences(second)))
    assert common_subsequence_length(first, second) == longest


def test_ngrams_longer_than_the_sentence_are_none() -> None:
    unigrams, bigrams, trigrams = ngram_counts(["a", "a"], max_n=3)
    assert unigrams == {("a",): 2}
    assert bigrams == {("a", "a"): 1}
    assert not trigrams


@pytest.mark.parametrize("metric", [corpus_bleu, rouge_l, cider_d])
class TestFaults:
    def test_hypotheses_and_references_of_different_number_are_named(self, metric) -> None:
        with pytest.raises(DataError, match="3 hypotheses but 4 lists of references"):
            metric(HYPOTHESES[:3], REFERENCES)

    def test_no_item_is_an_error(self, metric) -> None:
        with pytest.raises(DataError, match="No hypotheses"):
            metric([], [])

    def test_an_item_without_reference_is_named(self, metric) -> None:
        with pytest.raises(DataError, match=r"references\[1\] is empty"):
            metric(HYPOTHESES[:2], [REFERENCES[0], []])

    def test_a_string_in_place_of_tokens_is_named(self, metric) -> None:
        with pytest.raises(DataError, match="Item 0 has a string"):
            metric(["a dog"], [[["a", "dog"]]])
        with pytest.raises(DataError, match="Item 0 has a string"):
            metric([["a", "dog"]], [["a dog"]])
