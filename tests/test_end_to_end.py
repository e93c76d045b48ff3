"""Named entities and translation through the command line, on small files; the others have tests of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from seqkit.cli.main import main

QUICK = ["--training.epochs", "1", "--model.hidden_size", "16", "--model.emb_size", "16"]
CONLL = "Ada B-PER\nLovelace I-PER\nlives O\nin O\nParis B-LOC\n. O\n\nBob B-PER\nsleeps O\n. O\n\n"
ENGLISH = ["the cat sleeps", "a dog eats", "the dog sleeps", "a cat eats"] * 10
FRENCH = ["le chat dort", "un chien mange", "le chien dort", "un chat mange"] * 10


def answered(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """What a command that must succeed prints."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """The one line of a command that must fail with status 2."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def conll(tmp_path: Path) -> Path:
    """A small CoNLL file."""
    path = tmp_path / "people.conll"
    path.write_text(CONLL * 10, encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """The common part of the names of two line-aligned files."""
    (tmp_path / "corpus.en").write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    (tmp_path / "corpus.fr").write_text("\n".join(FRENCH) + "\n", encoding="utf-8")
    return tmp_path / "corpus"


def test_named_entities_from_training_to_scores(
    conll: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    answered(capsys, "train", "ner", "--data", conll, "--out", run, *QUICK)
    text = "Ada Lovelace lives in Paris."
    answer = json.loads(answered(capsys, "predict", run, text, "--format", "jsonl", "--nbest", "3"))
    assert {"input", "output", "score", "confidence", "alternatives", "entities", "tags"} <= set(
        answer
    )
    assert len(answer["alternatives"]) == 3
    assert all(text[e["start"] : e["end"]] == e["text"] for e in answer["entities"])
    assert "strict" in answered(capsys, "evaluate", run, "--data", conll)
    assert "ner, many-to-many (synced)" in answered(capsys, "info", run)
    assert "no such setting" in refused(capsys, "predict", run, text, "--beam-size", "3")


def test_translation_from_training_to_scores(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    answered(capsys, "train", "translation", "--data.train", corpus, "--data.dev", corpus, "--out", run,
             "--data.units", "word", *QUICK)  # fmt: skip
    line = answered(capsys, "predict", run, "the cat sleeps", "--format", "jsonl", "--nbest", "3")
    answer = json.loads(line)
    assert {"input", "output", "score", "confidence", "normalized_score"} <= set(answer)
    assert len(answer["alternatives"]) == 3
    assert "BLEU|nrefs:1" in answered(capsys, "evaluate", run, "--data", f"{corpus}.en")
    both = answered(capsys, "predict", run, "--ensemble", run, "the cat sleeps")
    assert both.strip() == answer["output"]
    assert "--beam-size must be at least 1, got 0" in refused(
        capsys, "predict", run, "x", "--beam-size", "0"
    )


def test_each_decoding_setting_is_a_flag_of_predict_and_evaluate(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    answered(capsys, "train", "translation", "--data.train", corpus, "--data.dev", corpus, "--out", run,
             "--data.units", "word", *QUICK)  # fmt: skip
    drawn = ["--decoding.method", "sample", "--decoding.seed", "3", "--decoding.nbest", "4"]
    lines = answered(capsys, "predict", run, "the cat sleeps", *drawn).splitlines()
    assert len(lines) == 1 + 4
    cut = answered(capsys, "predict", run, "the cat sleeps", "--decoding.max_len", "2",
                   "--format", "jsonl")  # fmt: skip
    assert len(json.loads(cut)["tokens"]) <= 2
    evaluate = ["evaluate", run, "--data", f"{corpus}.en"]
    assert "BLEU" in answered(
        capsys, *evaluate, "--decoding.method", "mbr", "--decoding.mbr_samples", "2"
    )
    wrong = refused(capsys, *evaluate, "--decoding.top_p", "3")
    assert "decoding.top_p must be above 0 and at most 1, got 3" in wrong
    assert "Did you mean '--decoding.method'?" in refused(
        capsys, *evaluate, "--decoding.metod", "mbr"
    )


def test_a_ragged_line_is_named_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.conll"
    path.write_text("EU B-ORG\nrejects O\nGerman B-MISC extra\n", encoding="utf-8")
    assert "bad.conll: line 3: 3 columns, expected 2" in refused(
        capsys, "train", "ner", "--data", path
    )


def test_unequal_parallel_files_are_named_with_both_counts(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(f"{corpus}.fr").open("a", encoding="utf-8") as file:
        file.write("trop\n")
    line = refused(capsys, "train", "translation", "--data.train", corpus)
    assert "corpus.en has 40 lines and" in line and "corpus.fr has 41" in line
