"""Classification scores by hand and against scikit-learn, which seqeval brings along."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import DataError
from seqkit.metrics import classification_scores

LABELS = ["negative", "neutral", "positive"]


def test_scores_of_a_small_set_are_those_worked_out_by_hand() -> None:
    gold = ["negative", "negative", "positive", "positive"]
    predicted = ["negative", "positive", "positive", "positive"]
    scores = classification_scores(gold, predicted, LABELS)
    assert scores.accuracy == 0.75
    assert scores.confusion == [[1, 0, 1], [0, 0, 0], [0, 0, 2]]
    negative, neutral, positive = (scores.per_label[label] for label in LABELS)
    assert (negative.precision, negative.recall, negative.support) == (1.0, 0.5, 2)
    assert (positive.precision, positive.recall) == pytest.approx((2 / 3, 1.0))
    assert (neutral.f1, neutral.support) == (0.0, 0)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.0 + 0.8) / 3)


@given(
    pairs=st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1),
    order=st.permutations(LABELS),
)
@settings(max_examples=60, deadline=None)
def test_scores_equal_scikit_learn_s(pairs: list[tuple[str, str]], order: list[str]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    gold, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = classification_scores(gold, predicted, order)
    macro_f1 = sklearn.f1_score(gold, predicted, labels=order, average="macro", zero_division=0)
    each = sklearn.precision_recall_fscore_support(gold, predicted, labels=order, zero_division=0)
    matrix = sklearn.confusion_matrix(gold, predicted, labels=order)
    assert scores.accuracy == pytest.approx(sklearn.accuracy_score(gold, predicted))
    assert scores.macro_f1 == pytest.approx(macro_f1)
    assert scores.confusion == matrix.tolist()
    assert list(scores.per_label) == order
    assert [label.f1 for label in scores.per_label.values()] == pytest.approx(list(each[2]))
    assert [label.support for label in scores.per_label.values()] == each[3].tolist()


@pytest.mark.parametrize(
    ("gold", "predicted", "labels", "message"),
    [
        (["a"], ["a", "b"], ["a", "b"], "1 gold labels but 2 predicted labels"),
        ([], [], ["a"], "No gold labels"),
        (["a", "c"], ["a", "a"], ["a", "b"], "Gold label 1 is 'c'; the labels are 'a', 'b'"),
        (["a"], ["c"], ["a", "b"], "Predicted label 0 is 'c'"),
        (["a"], ["a"], ["a", "a"], "A label stands twice"),
    ],
)
def test_faulty_input_is_named(
    gold: list[str], predicted: list[str], labels: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        classification_scores(gold, predicted, labels)
