"""Explanations: true where the truth is known, and something to see for every task."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from seqkit.cli.main import main

import seqkit
from seqkit.explaining import encoder_outputs, explain_input, shortened
from seqkit.prediction import Prediction
from seqkit.report import Grid, Note, Part, Plot, Table, Tokens

from .toy import ToyPipeline, toy_pipeline

RIGHT = 0.95
"""Share of cases in which an explanation must point to the truth."""
KEYS = {"bright": "sunny", "dark": "rainy"}


def frame(columns: Sequence[str], rows: Sequence[tuple[str, str]]) -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(rows, columns=list(columns))


def planted(number: int, seed: int) -> list[tuple[str, str]]:
    """Words without meaning, and somewhere among them the one that decides the label."""
    draw, rows = random.Random(seed), []
    for _ in range(number):
        label = draw.choice(list(KEYS))
        words = [f"w{draw.randrange(40)}" for _ in range(draw.randint(6, 14))]
        words.insert(draw.randrange(len(words) + 1), KEYS[label])
        rows.append((" ".join(words), label))
    return rows


def reversed_pairs(number: int, seed: int) -> list[tuple[str, str]]:
    """Different words, and their translations from the last to the first."""
    draw, rows = random.Random(seed), []
    for _ in range(number):
        words = draw.sample(range(16), draw.randint(3, 6))
        rows.append((" ".join(f"s{w}" for w in words), " ".join(f"t{w}" for w in reversed(words))))
    return rows


def only(kind: type[Any], parts: Sequence[Part], title: str = "") -> Any:
    """The one part of that kind (and title)."""
    (part,) = [p for p in parts if isinstance(p, kind) and title in ("", p.title)]
    return part


def argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> seqkit.Predictor:
    """A classifier that has learned the planted words."""
    trained = seqkit.train(
        "sentiment", frame(["text", "label"], planted(400, seed=0)),
        out=tmp_path_factory.mktemp("runs") / "weather",
        model={"cell": "gru", "hidden_size": 16, "emb_size": 16}, training={"epochs": 5, "lr": 0.01},
    )  # fmt: skip
    assert trained.metrics["scores"]["dev"]["accuracy"] > 0.95
    return seqkit.load(trained.path, device="cpu")


def test_saliency_ranks_the_planted_word_first(weather: seqkit.Predictor) -> None:
    found = 0
    cases = planted(100, seed=1)
    for text, label in cases:
        explanation = weather.explain(text)
        tokens = only(Tokens, explanation.parts, "Saliency")
        assert explanation.prediction.output == label
        found += tokens.tokens[argmax(tokens.weights)] == KEYS[label]
    assert found >= RIGHT * len(cases)


@pytest.fixture(scope="module")
def reverser(tmp_path_factory: pytest.TempPathFactory) -> seqkit.Predictor:
    """A translator that has learned to turn sentences round."""
    trained = seqkit.train(
        "translation", frame(["en", "fr"], reversed_pairs(900, seed=0)),
        out=tmp_path_factory.mktemp("runs") / "reverser", config={"data": {"units": "word"}},
        model={"cell": "gru", "hidden_size": 32, "emb_size": 32},
        training={"epochs": 10, "lr": 0.01, "batch_size": 32}, decoding={"beam_size": 2},
    )  # fmt: skip
    return seqkit.load(trained.path)


def test_attention_looks_at_the_word_that_is_translated(reverser: seqkit.Predictor) -> None:
    found = total = right = 0
    cases = reversed_pairs(40, seed=1)
    for source, target in cases:
        explanation = reverser.explain(source)
        grid = only(Grid, explanation.parts, "Attention")
        right += explanation.prediction.output == target
        for place, weights in enumerate(grid.values):
            assert sum(weights) == pytest.approx(1, abs=1e-4)
            found += grid.columns[argmax(weights)].replace("s", "t") == grid.rows[place]
            total += 1
    assert right >= RIGHT * len(cases)
    assert found >= RIGHT * total


def test_the_explained_answer_is_the_one_that_predict_gives(
    weather: seqkit.Predictor, reverser: seqkit.Predictor
) -> None:
    for run, raw in ((weather, "w1 sunny w2"), (reverser, "s1 s2 s3")):
        explained, plain = run.explain(raw).prediction, run.predict(raw)
        assert (explained.input, explained.output) == (raw, plain.output)
        assert explained.score == pytest.approx(plain.score, abs=1e-5)
        assert len(run.predict(raw).alternatives) == len(
            plain.alternatives
        )  # nothing is left changed
    assert len(only(Table, reverser.explain("s1 s2").parts).rows) == 2  # as wide as the beam


def test_hidden_states_have_the_norms_of_each_direction(weather: seqkit.Predictor) -> None:
    plot = only(Plot, weather.explain("w1 sunny w2").parts)
    assert list(plot.ticks) == ["w1", "sunny", "w2"]
    pipeline = weather.pipeline
    batch = pipeline.collate([pipeline.encode_input("w1 sunny w2")])
    with torch.no_grad(), encoder_outputs(pipeline.model) as outputs:
        pipeline.model(batch.text)
    ((_, encoded),) = outputs
    norms = encoded.memory[0].view(3, 2, -1).norm(dim=-1)
    assert plot.lines["read forwards"] == pytest.approx(norms[:, 0].tolist())
    assert plot.lines["read backwards"] == pytest.approx(norms[:, 1].tolist())


def test_a_notebook_shows_the_explanation_in_a_frame(weather: seqkit.Predictor) -> None:
    shown = weather.explain("w1 sunny")._repr_html_()
    assert shown.startswith("<iframe") and shown.count("<") == 2 and "Saliency" in shown


@pytest.mark.parametrize("raw", ["", "   ", "sunny"])
def test_short_and_empty_inputs_are_explained(
    raw: str, weather: seqkit.Predictor, reverser: seqkit.Predictor
) -> None:
    for run in (weather, reverser):
        assert isinstance(run.explain(raw).parts[0], Table)


def test_a_task_that_says_nothing_of_itself_shows_its_answer_and_hidden_states() -> None:
    explanation = explain_input(toy_pipeline(), "abba")
    answer, states = explanation.parts
    assert isinstance(answer, Table) and answer.rows[0]["output"] in "ab"
    assert isinstance(states, Plot) and list(states.lines) == ["norm"] and len(states.x) == 4


def test_a_task_with_nothing_else_to_show_says_so_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = toy_pipeline()
    number: Callable[..., list[Prediction]] = lambda self, items, batch: [Prediction(None, 1.5)]  # noqa: E731
    monkeypatch.setattr(ToyPipeline, "predict", number)
    answer, note = explain_input(pipeline, "abba").parts
    assert isinstance(answer, Table) and answer.rows == [{"output": "1.5"}]
    assert isinstance(note, Note)


def test_a_long_input_is_cut_in_headings() -> None:
    assert shortened("a " * 100, 10) == "a a a a a…"
    assert shortened(" \n", 10) == "(empty)"


def test_the_command_writes_a_page_and_pictures(
    weather: seqkit.Predictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = str(weather.run.path), tmp_path / "out"
    assert main(["explain", run, "w1 sunny", "--output", str(out), "w2 <b> rainy"]) == 0
    assert "with 4 pictures beside it" in capsys.readouterr().out
    page = (out / "explain.html").read_text(encoding="utf-8")
    assert "w2 &lt;b&gt; rainy" in page and "sunny" in page
    assert len(list(out.glob("*.png"))) == 4


def test_without_an_input_the_command_takes_examples_of_the_run_else_of_the_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "films.csv", tmp_path / "run"
    rows = [f"film {i} is {word},{word}" for i in range(20) for word in ("good", "bad")]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    settings = ["--model.hidden_size", "8", "--training.epochs", "1"]
    assert main(["train", "sentiment", "--data", str(data), "--out", str(run), *settings]) == 0
    assert main(["explain", str(run)]) == 0
    page = (run / "explain" / "explain.html").read_text(encoding="utf-8")
    assert page.count("<h2>film ") == len(page.split("<h2>")) - 1 > 0
    data.unlink()
    assert main(["explain", str(run), "--output", str(tmp_path / "other")]) == 0
    assert "films.csv: no such file" in (said := capsys.readouterr().out)
    assert "examples of the built-in sample instead" in said
    assert (tmp_path / "other" / "explain.html").read_text(encoding="utf-8").count("<h2>") == 4


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["a", "--input", "b"], "not both"),
        (["--input", "nowhere.txt"], "nowhere.txt: no such file"),
        (["a", "--decoding.beam_size", "3"], "does not generate"),
    ],
)
def test_a_mistake_is_said_in_a_line(
    argv: list[str], said: str, weather: seqkit.Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(weather.run.path), *argv]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
