"""seqkit from Python: training, loading, DataFrames, and answers that depend on nothing but the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.errors import ConfigError, DataError
from seqkit.nn.precision import has_bfloat16

TINY: dict[str, Any] = {"model": {"hidden_size": 16, "emb_size": 16}, "training": {"epochs": 2}}
TEXTS = [
    f"{'really ' * (i % 9)}not {'bad' if i % 2 else 'good'}, but the plot is film {i}"
    for i in range(63)
]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> seqkit.Predictor:
    """A small run with attention pooling, which has the most to get wrong about padding."""
    out = tmp_path_factory.mktemp("runs") / "attention"
    settings = {**TINY, "model": {**TINY["model"], "pooling": "attention"}}
    return seqkit.load(seqkit.train("sentiment", out=out, **settings).path)


def test_a_frame_goes_in_and_a_frame_comes_out(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["good film", "bad film"] * 20, "label": ["pos", "neg"] * 20})
    trained = seqkit.train("sentiment", frame, out=tmp_path / "run", **TINY)
    answers = seqkit.load(trained.path).predict(frame)
    assert list(answers.columns) == ["text", "label", "output", "score", "confidence"]
    assert set(answers["output"]) <= {"pos", "neg"}
    with pytest.raises(DataError, match="no column 'text'"):
        seqkit.load(trained.path).predict(frame[["label"]])


def test_answers_depend_on_nothing_but_the_input(predictor: seqkit.Predictor) -> None:
    texts = [*TEXTS, "word " * 500]
    alone = [predictor.predict(text) for text in texts]
    together = predictor.predict(texts, batch_size=64)
    backwards = predictor.predict(texts[::-1], batch_size=7)[::-1]
    for one, many, other in zip(alone, together, backwards, strict=True):
        assert one.output == many.output == other.output
        assert many.score == pytest.approx(one.score, abs=1e-5)
        assert other.score == pytest.approx(one.score, abs=1e-5)
        assert many.detail["attention"] == pytest.approx(one.detail["attention"], abs=1e-5)


def test_fewer_bits_give_nearly_the_same_answers_and_are_told_with_the_scores(
    predictor: seqkit.Predictor,
) -> None:
    if not has_bfloat16(predictor.device):
        pytest.skip("this processor computes nothing in bfloat16")
    quick = seqkit.load(predictor.run, precision="bf16")
    assert quick.evaluate().signature == predictor.evaluate().signature + ", precision bf16"
    pairs = list(zip(quick.predict(TEXTS), predictor.predict(TEXTS), strict=True))
    for less, full in pairs:
        assert less.score == pytest.approx(full.score, abs=0.05)
    assert any(less.score != full.score for less, full in pairs)


def test_the_same_seed_trains_the_same_weights(tmp_path: Path) -> None:
    runs = [seqkit.train("sentiment", out=tmp_path / name, **TINY).path for name in ("a", "b")]
    first, second = ((run / "model.safetensors").read_bytes() for run in runs)
    assert first == second


def test_an_empty_text_gets_an_answer(predictor: seqkit.Predictor) -> None:
    assert predictor.predict("").output in ("positive", "negative")


def test_what_is_no_text_is_refused(predictor: seqkit.Predictor) -> None:
    with pytest.raises(DataError, match="reads texts, got int"):
        predictor.predict([3])


def test_an_ensemble_of_a_run_with_itself_answers_as_the_run(predictor: seqkit.Predictor) -> None:
    both = seqkit.load(predictor.run.path, predictor.run.path)
    for one, two in zip(predictor.predict(TEXTS), both.predict(TEXTS), strict=True):
        assert one.output == two.output and one.score == pytest.approx(two.score, abs=1e-5)


def test_settings_are_checked_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match=r"Unknown setting `model.cel`. Did you mean 'cell'\?"):
        seqkit.train("sentiment", "nowhere.csv", model={"cel": "gru"})


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru", "transformer"])
def test_every_cell_trains_and_answers(cell: str, tmp_path: Path) -> None:
    settings = {"model": {**TINY["model"], "cell": cell}, "training": {"epochs": 1}}
    trained = seqkit.train("sentiment", out=tmp_path / cell, **settings)
    assert 0.3 < trained.metrics["scores"]["test"]["accuracy"] <= 1
    assert seqkit.load(trained.path).predict("A superb film.").output in ("positive", "negative")


def test_recurrent_layers_train_by_the_kernel_asked_for(tmp_path: Path) -> None:
    settings = {**TINY, "training": {"epochs": 1, "kernel": "torch"}}
    asked = seqkit.train("sentiment", out=tmp_path / "torch", **settings)
    usual = seqkit.train("sentiment", out=tmp_path / "auto", **TINY | {"training": {"epochs": 1}})
    losses = [
        float((run.path / "history.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[2])
        for run in (asked, usual)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    settings = {"model": {"cell": "gru"}, "training": {"epochs": 1, "kernel": "padded"}}
    with pytest.raises(ConfigError, match="`padded` is for lstm"):
        seqkit.train("sentiment", out=tmp_path / "gru", **settings)
