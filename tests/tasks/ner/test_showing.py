"""What named entities show of themselves: entities, doubts, transitions, errors."""

from __future__ import annotations

import pytest
import torch
from seqkit.tasks.ner import NerConfig, NerTask
from seqkit.tasks.ner.pipeline import NerPipeline
from seqkit.tasks.ner.reading import Sentence
from seqkit.tasks.ner.showing import confusion, error_kinds, tagged, transition_grid

from seqkit.config import from_dict
from seqkit.explaining import explain_input
from seqkit.metrics.entity_errors import entity_errors
from seqkit.nn import CRF
from seqkit.predicting import predict_window
from seqkit.report import Grid, Span, Table, Tokens

TRAIN = [
    Sentence(("Ada", "Lovelace", "met", "Bo", "."), ("B-PER", "I-PER", "O", "B-PER", "O")),
    Sentence(("Oslo", "is", "cold", "."), ("B-LOC", "O", "O", "O")),
]


@pytest.fixture(params=[{}, {"crf": False}, {"tag_scheme": "bio"}], ids=["crf", "softmax", "bio"])
def pipeline(request: pytest.FixtureRequest) -> NerPipeline:
    """An untrained network, whose answers are anything."""
    torch.manual_seed(3)
    model = {"hidden_size": 8, "emb_size": 8, "char_size": 4, **request.param}
    return NerTask().fit(from_dict(NerConfig, {"model": model}), TRAIN)


def test_an_explanation_frames_the_entities_that_are_found(pipeline: NerPipeline) -> None:
    explanation = explain_input(pipeline, "Ada met Bo in Oslo.")
    answers, tokens, grid, _ = explanation.parts
    assert isinstance(answers, Table) and len(answers.rows) == 5
    assert isinstance(tokens, Tokens) and isinstance(grid, Grid)
    entities = explanation.prediction.output
    assert len(tokens.spans) == len(entities)
    for span, entity in zip(tokens.spans, entities, strict=True):
        words = "".join(tokens.tokens[span.start : span.end])
        assert words == entity["text"].replace(" ", "")
        assert span.label == f"{entity['type']} {entity['confidence']:.3f}"
    assert list(grid.columns) == list(tokens.tokens) and list(grid.rows) == pipeline.tags
    for column in zip(*grid.values, strict=True):
        assert sum(column) == pytest.approx(1, abs=1e-4)


def test_an_empty_text_has_an_answer_and_no_picture(pipeline: NerPipeline) -> None:
    answer, *_ = explain_input(pipeline, "").parts
    assert isinstance(answer, Table) and answer.rows[0]["output"] == "(no entity)"


def test_only_a_crf_has_transitions_to_show(pipeline: NerPipeline) -> None:
    parts = pipeline.explain_network()
    assert len(parts) == int(pipeline.config.model.crf)


def test_transitions_stand_with_start_and_end_and_a_gap_where_none_is_possible() -> None:
    allowed = torch.tensor([[True, False], [True, True]])
    crf = CRF(2, allowed, torch.tensor([True, False]), torch.tensor([True, True]))
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        crf.start_transitions.copy_(torch.tensor([5.0, 6.0]))
        crf.end_transitions.copy_(torch.tensor([7.0, 8.0]))
    grid = transition_grid(["O", "B-X"], crf)
    assert grid.rows == ["(start)", "O", "B-X"] and grid.columns == ["O", "B-X", "(end)"]
    assert grid.values == [[5.0, None, None], [1.0, None, 7.0], [3.0, 4.0, 8.0]]
    assert grid.texts[2] == ["3.0", "4.0", "8.0"]


def test_an_entity_is_as_sure_as_its_least_sure_tag() -> None:
    part = tagged(["Ada", "Lovelace", "met"], ["B-PER", "I-PER", "O"], [0.9, 0.75, 1.0])
    assert part.spans == [Span(0, 2, "PER 0.750")]
    assert part.labels == ["B-PER 0.90", "I-PER 0.75", "O 1.00"]
    assert part.strengths == pytest.approx([0.1, 0.25, 0.0])


def test_errors_are_counted_by_kind_with_an_example_and_by_type() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"], ["O", "O", "B-PER"]]
    found = [["B-PER", "O", "O"], ["B-PER", "O", "O"], ["O", "B-LOC", "B-PER"]]
    sentences = [("Ada", "Lovelace", "met"), ("Oslo", "is", "cold"), ("hello", "you", "Bo")]
    errors = entity_errors(gold, found)
    rows = {row["kind"]: row for row in error_kinds(errors, sentences).rows}
    assert {kind: row["errors"] for kind, row in rows.items()} == {
        "type": 1, "boundary": 1, "type and boundary": 0, "missed": 0, "spurious": 1,
    }  # fmt: skip
    assert rows["boundary"]["example"] == "Ada Lovelace PER → Ada PER"
    assert rows["spurious"]["example"] == "(none) → you LOC"
    grid = confusion(gold, errors, ["LOC", "PER"])
    assert grid.texts == [["0", "1", "0"], ["0", "2", "0"], ["1", "0", ""]]


def test_a_judgement_is_the_sentence_s_f1_with_a_trial_for_each_entity(
    pipeline: NerPipeline,
) -> None:
    predictions = predict_window(pipeline, [list(s.tokens) for s in TRAIN])
    for sentence, prediction in zip(TRAIN, predictions, strict=True):
        judgement = pipeline.judge(sentence, prediction)
        own = pipeline.judge(
            Sentence(sentence.tokens, tuple(prediction.detail["tags"])), prediction
        )
        assert own.score == 1 and all(right for _, right in own.trials)
        assert own.wanted == own.got == judgement.got
        assert len(judgement.trials) == len(prediction.output)
        assert [sure for sure, _ in own.trials] == [e["confidence"] for e in prediction.output]
