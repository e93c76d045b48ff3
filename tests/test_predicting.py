"""From raw inputs to answers: in order, whatever the batch, and no further ahead than a window."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import seqkit
from seqkit import predicting
from seqkit.errors import ConfigError, DataError
from seqkit.nn.workers import set_workers
from seqkit.predicting import WINDOW, Execution, predict_stream, predict_window, score_examples
from seqkit.prediction import Prediction

from .toy import Example, ToyPipeline, ToyTask, install, toy_pipeline

PIPELINE = toy_pipeline()
texts = st.lists(st.text("ab", max_size=9), max_size=12)


@settings(max_examples=30, deadline=None)
@given(raws=texts, batch_size=st.integers(1, 5))
def test_answers_stand_in_the_order_of_the_inputs_and_do_not_depend_on_the_batch(
    raws: list[str], batch_size: int
) -> None:
    answers = list(predict_stream(PIPELINE, raws, Execution(batch_size)))
    assert [answer.input for answer in answers] == raws
    for raw, answer in zip(raws, answers, strict=True):
        (alone,) = predict_window(PIPELINE, [raw])
        assert answer.output == alone.output
        assert answer.score == pytest.approx(alone.score, abs=1e-5)


def test_prediction_puts_the_network_into_evaluation_and_keeps_no_gradients() -> None:
    pipeline = toy_pipeline()
    pipeline.model.encoder.dropout.p = 0.9
    pipeline.model.train()
    first, second = (predict_window(pipeline, ["abba"])[0].score for _ in range(2))
    assert first == second
    assert all(weight.grad is None for weight in pipeline.model.parameters())


def test_what_takes_a_while_to_start_starts_for_many_inputs_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []
    monkeypatch.setattr(predicting, "keep_memory", lambda: started.append("memory"))
    monkeypatch.setattr(predicting, "start_compiled", lambda: started.append("compiled"))
    predict_window(PIPELINE, ["ab"] * 9)
    assert started == []
    predict_window(PIPELINE, ["ab"] * 99)
    assert started == ["memory"]
    predict_window(PIPELINE, ["ab"] * predicting.MANY)
    assert started == ["memory", "memory", "compiled"]


@pytest.fixture
def two_workers() -> Iterator[None]:
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    set_workers(2)
    yield
    torch.set_num_threads(count)
    set_workers(0)


@pytest.mark.usefixtures("two_workers")
def test_batches_are_answered_side_by_side_with_the_same_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raws = ["ab" * (number % 7 + 1) for number in range(40)]
    set_workers(1)
    alone = predict_window(PIPELINE, raws, Execution(4))
    set_workers(2)
    names: set[str] = set()
    both = threading.Barrier(2, timeout=10)
    answer = PIPELINE.predict

    def watched(*given: Any) -> Any:
        if not names:
            both.wait()
        names.add(threading.current_thread().name)
        assert torch.is_inference_mode_enabled()
        return answer(*given)

    monkeypatch.setattr(PIPELINE, "predict", watched)
    assert predict_window(PIPELINE, raws, Execution(4)) == alone
    assert len(names) == 2


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize(
    ("started", "raws", "wanted"), [(True, 40, {1}), (False, 40, {2}), (True, 4, {2})]
)
def test_torch_has_one_thread_a_batch_where_machine_code_runs_beside_it(
    started: bool, raws: int, wanted: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    counts: set[int] = set()
    answer = PIPELINE.predict

    def watched(*given: Any) -> Any:
        counts.add(torch.get_num_threads())
        return answer(*given)

    monkeypatch.setattr(predicting, "has_started", lambda: started)
    monkeypatch.setattr(PIPELINE, "predict", watched)
    predict_window(PIPELINE, ["ab"] * raws, Execution(4))
    assert counts == wanted
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_workers")
def test_an_error_of_a_batch_is_raised_whoever_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)
    caller = threading.current_thread()

    def failing(*_: Any) -> Any:
        both.wait()
        if threading.current_thread() is not caller:
            raise DataError("no answer")
        return [Prediction("", "")]

    monkeypatch.setattr(PIPELINE, "predict", failing)
    with pytest.raises(DataError, match="no answer"):
        predict_window(PIPELINE, ["a", "b"], Execution(1))


class Endless:
    """Inputs without end; `read` counts those that were asked for."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        for text in itertools.cycle(["a", "ab", "bbb"]):
            self.read += 1
            yield text


def test_inputs_without_end_are_answered_in_windows_that_grow_up_to_a_limit() -> None:
    inputs, ahead = Endless(), set[int]()
    answers = predict_stream(PIPELINE, inputs, Execution(2))
    for number, answer in enumerate(itertools.islice(answers, 400), start=1):
        assert answer.input == ("a", "ab", "bbb")[(number - 1) % 3]
        if number == 1:
            assert inputs.read == 2
        ahead.add(inputs.read - number)
    assert max(ahead) == WINDOW * 2 - 1


def test_a_whole_window_is_read_where_nobody_waits_for_first_answers() -> None:
    inputs = Endless()
    next(predict_stream(PIPELINE, inputs, Execution(2), soon=False))
    assert inputs.read == WINDOW * 2


def test_batches_of_one_are_answered_as_they_come() -> None:
    inputs = Endless()
    for number, _ in enumerate(
        itertools.islice(predict_stream(PIPELINE, inputs, Execution(1)), 5), start=1
    ):
        assert inputs.read == number


def test_a_fault_in_reading_comes_after_the_answers_to_what_was_read() -> None:
    def failing() -> Iterator[str]:
        yield "a"
        yield "b"
        raise DataError("line 3: not UTF-8")

    answers = predict_stream(PIPELINE, failing())
    assert [next(answers).input, next(answers).input] == ["a", "b"]
    with pytest.raises(DataError, match="line 3: not UTF-8"):
        next(answers)


def test_an_input_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(DataError, match="The toy reads texts, got int"):
        list(predict_stream(PIPELINE, ["a", 3]))


def test_no_inputs_have_no_answers() -> None:
    assert list(predict_stream(PIPELINE, [])) == []
    assert predict_window(PIPELINE, []) == []


def test_fixed_features_are_computed_for_what_is_scored() -> None:
    seen: list[Sequence[Any]] = []

    class Featured(ToyPipeline):
        """Notes what it is asked to prepare."""

        def fixed_features(self, inputs: Sequence[Any], on_progress: Any = None) -> None:
            seen.append(list(inputs))

    pipeline = Featured(ToyTask.Config(), PIPELINE.codec)
    score_examples(pipeline, [Example("ab", "a"), Example("ba", "b")])
    assert seen == [["ab", "ba"]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(monkeypatch)
    training = {"epochs": 20, "patience": 0, "batch_size": 8, "lr": 0.02, "device": "cpu"}
    return seqkit.train("toy", out=tmp_path / "run", training=training).path


def test_a_task_of_one_page_trains_is_saved_loads_answers_and_scores(run: Path) -> None:
    predictor = seqkit.load(run, device="cpu")
    answers = predictor.predict(["abba", "baab"])
    assert [answer.output for answer in answers] == ["a", "b"]
    assert predictor.predict("baab") == answers[1]
    assert predictor.evaluate().values == predictor.run.metrics()["scores"]["test"]
    assert not predictor.pipeline.model.training
    parameters = predictor.pipeline.model.parameters()
    assert {weight.device for weight in parameters} == {torch.device("cpu")}


def test_what_a_task_does_not_offer_is_told(run: Path) -> None:
    predictor = seqkit.load(run, device="cpu")
    with pytest.raises(ConfigError, match="beam_size: this task does not generate"):
        predictor.pipeline.set_decoding({"beam_size": 3})
    with pytest.raises(ConfigError, match="cannot answer by an ensemble"):
        seqkit.load(run, run, device="cpu")
