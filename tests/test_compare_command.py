"""`seqkit compare` as a user meets it: networks of a task, runs that are there, every mistake."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from seqkit.cli.main import main
from seqkit.cli.progress import ConsoleReporter

from .test_end_to_end import answered
from .toy import install

QUICK = ["--training.epochs", "1", "--seeds", "1"]


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """The message of a command that must fail with status 2."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("seqkit: error: ") and not captured.out
    return captured.err


def test_cells_are_compared_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"a {'fine' if i % 2 else 'dull'} film number {i},{'pos' if i % 2 else 'neg'}"
        for i in range(80)
    ]
    (tmp_path / "reviews.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    out = answered(
        capsys, "compare", "sentiment", "--data", tmp_path / "reviews.csv", "--out", tmp_path / "out", *QUICK,
        "--cells", "gru, transformer", "--directions", "1,2", "--model.hidden-size", "16",
    )  # fmt: skip
    assert "[1/3] gru-uni-lr0.001-seed1" in out and "[3/3] transformer-lr0.001-seed1" in out
    assert "epoch 1/1" in out and "p against best" in out and "has the highest accuracy" in out
    assert f"Comparison: {tmp_path / 'out'}" in out
    assert (tmp_path / "out" / "comparison.html").is_file()


def test_runs_are_compared_and_told_by_their_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    runs = [tmp_path / name for name in ("first", "second")]
    for run, cell in zip(runs, ("gru", "lstm"), strict=True):
        answered(
            capsys, "train", "toy", "--out", run, "--model.cell", cell, "--training.epochs", "1"
        )
    out = answered(capsys, "compare", *runs, "--out", tmp_path / "both")
    assert all(f" {run.name} " in out for run in runs)
    assert answered(capsys, "compare", *runs, "--out", tmp_path / "both", "--quiet").strip() == str(
        tmp_path / "both"
    )
    assert "a comparison with other runs" in refused(
        capsys, "compare", *runs[::-1], "--out", tmp_path / "both"
    )
    assert "Two runs at least" in refused(capsys, "compare", runs[0])
    assert "no such run folder" in refused(capsys, "compare", runs[0], tmp_path / "third")


def test_a_comparison_that_is_stopped_tells_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    command = ["compare", "toy", "--cells", "gru,lstm", *QUICK, "--out", str(tmp_path / "out")]

    def stop(reporter: ConsoleReporter, loss: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ConsoleReporter, "batch_done", stop)
        assert main(command) == 130
    assert capsys.readouterr().err == (
        f"\nseqkit: Stopped. What is trained is kept; go on by the same command with --out {tmp_path / 'out'}\n"
    )
    assert "Going on after step 1" in answered(capsys, *command)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "A task or runs must come first"),
        (["--cells", "gru"], "A task or runs must come first"),
        (["sentimant", "--cells", "gru"], "Did you mean 'sentiment'?"),
        (["sentiment"], "--cells is missing"),
        (["sentiment", "--cells", "gru,lstn"], "Did you mean 'lstm'?"),
        (["sentiment", "--cells", "gru", "--attention", "dot"], "sentiment has no `model.attention`"),
        (["captioning", "--cells", "gru", "--directions", "2"], "captioning has no `model.bidirectional`"),
        (["sentiment", "--cells", "gru", "--seeds", "0"], "--seeds must be at least 1"),
        (["sentiment", "--cells", "gru", "--seeds", "many"], "many"),
        (["sentiment", "--cells", "gru", "--lrs", "0.1,fast"], "--lrs must be numbers between commas, got 'fast'"),
        (["sentiment", "--cells", "gru", "--budget", "hours=1"], "--budget must be parameters or minutes=NUMBER"),
        (["translation", "--cells", "gru", "--budget", "minutes=1"], "`training.schedule` linear"),
        (["sentiment", "--cell", "gru"], "Did you mean '--"),
        (["sentiment", "--cells", "gru", "--model.hidden_size", "0"], "`model.hidden_size` must be at least 1 unit"),
        (["sentiment", "--cells", "gru", "--recipe", "imdb-lsmt"], "Did you mean 'imdb-lstm'?"),
        (["sentiment", "--cells", "gru", "--data", "none.csv"], "none.csv: no such file or folder"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_before_anything_trains(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in refused(capsys, "compare", *argv)


def test_help_tells_both_ways_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert "seqkit compare RUN RUN" in answered(capsys, "compare", "--help")
    text = answered(capsys, "compare", "sentiment", "--help")
    assert "--lrs LR,LR" in text and "--training.batch_size" in text
