"""The command line as a user meets it, on the built-in sample of sentiment: every verb, every mistake."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from seqkit.cli.main import main
from seqkit.cli.progress import ConsoleReporter

from seqkit.files import sha256
from seqkit.nn.precision import has_bfloat16

QUICK = ["--training.epochs", "2", "--model.hidden_size", "16", "--model.emb_size", "16"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentiment run of two epochs."""
    path = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "sentiment", "--out", str(path), *QUICK]) == 0
    return path


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


def complaint(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """The error line of a command that must fail with status 2."""
    assert main([str(word) for word in argv]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("seqkit: error: ") and "Traceback" not in captured.err
    return captured.err.removeprefix("seqkit: error: ").strip()


def test_a_run_holds_everything_that_it_promises(run: Path) -> None:
    names = {file.name for file in run.iterdir()}
    promised = {
        "config.yaml",
        "manifest.json",
        "model.safetensors",
        "preprocessing",
        "metrics.json",
    }
    assert promised | {"history.csv", "curves.png", "README.md"} == names
    rows = list(csv.DictReader(io.StringIO((run / "history.csv").read_text(encoding="utf-8"))))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["examples"] == {"train": 2000, "dev": 300, "test": 400}
    assert set(metrics["scores"]) == {"dev", "test"}
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_predict_answers_in_every_format(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["A wonderful film.", "Dull, dull, dull."]
    assert main(["predict", str(run), *texts]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["predict", str(run), *texts, "--format", "jsonl"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a["input"] for a in answers] == texts
    for answer in answers:
        assert {"input", "output", "score", "confidence", "alternatives", "probabilities"} <= set(
            answer
        )
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert main(["predict", str(run), *texts, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["input"] for row in rows] == texts


def test_diagnose_tells_and_draws_the_flow(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(run), "--examples", "8", "--output", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "encoder, backwards" in told and "steps back is" in told
    found = json.loads((tmp_path / "diagnosis.json").read_text(encoding="utf-8"))
    assert found["examples"] == 8 and len(found["flows"]) == 2
    assert (tmp_path / "gradient_flow.png").read_bytes().startswith(b"\x89PNG")
    assert "at least 1" in complaint(capsys, "diagnose", run, "--examples", "0")


def test_predicting_loads_nothing_that_only_training_or_other_tasks_need(run: Path) -> None:
    code = f"import sys\nfrom seqkit.cli.main import main\nmain(['predict', {str(run)!r}, 'good'])\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    loaded = set(result.stdout.split())
    assert "torch" in loaded
    assert not loaded & {
        "torchvision",
        "seqeval",
        "pandas",
        "accelerate",
        "matplotlib",
        "sacrebleu",
        "sentencepiece",
    }


def test_predict_reads_and_writes_files_in_input_order(run: Path, tmp_path: Path) -> None:
    lines = [f"{'very ' * (i % 7)}good film number {i}" for i in range(100)]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    argv = [
        "--input",
        str(tmp_path / "in.txt"),
        "--output",
        str(tmp_path / "out.jsonl"),
        "--format",
        "jsonl",
    ]
    assert main(["predict", str(run), *argv, "--batch-size", "8"]) == 0
    answers = [
        json.loads(line)
        for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [a["input"] for a in answers] == lines


@pytest.mark.parametrize(("terminal", "argv"), [(True, []), (False, ["--batch-size", "1"])])
def test_a_question_is_answered_before_the_next_is_read(
    run: Path, terminal: bool, argv: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    answers = []

    def asked() -> Iterator[bytes]:
        for question in (b"A good film.\n", b"A bad film.\n"):
            yield question
            answers.append(capsys.readouterr().out)

    stdin = SimpleNamespace(buffer=asked(), isatty=lambda: terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["predict", str(run), *argv]) == 0
    assert [len(answer.splitlines()) for answer in answers] == [1, 1]


def test_answers_before_a_bad_line_are_still_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.txt").write_bytes(b"A good film.\nA bad \xff film.\n")
    assert "in.txt: line 2: not UTF-8" in complaint(capsys, "predict", run, "--input", tmp_path / "in.txt",
                                                    "--output", tmp_path / "out.txt")  # fmt: skip
    assert len((tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()) == 1


def test_evaluate_repeats_the_scores_of_training(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for split in ("dev", "test"):
        assert main(["evaluate", str(run), "--split", split]) == 0
        scores = json.loads((run / f"scores-{split}.json").read_text(encoding="utf-8"))
        assert scores["scores"] == metrics["scores"][split]
        (run / f"scores-{split}.json").unlink()


def test_evaluate_scores_all_of_a_file(run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(
        "text,label\nA superb film.,positive\nAwful.,negative\n", encoding="utf-8"
    )
    argv = ["--data", str(tmp_path / "new.csv"), "--output", str(tmp_path / "s.json")]
    assert main(["evaluate", str(run), *argv]) == 0
    assert "2 texts" in json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["signature"]


def test_a_precision_is_chosen_by_a_flag(run: Path, tmp_path: Path) -> None:
    if not has_bfloat16(torch.device("cpu")):
        pytest.skip("this processor computes nothing in bfloat16")
    argv = ["--precision", "bf16", "--output", str(tmp_path / "s.json")]
    assert main(["evaluate", str(run), *argv]) == 0
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert scores["signature"].endswith(", precision bf16")
    assert main(["predict", str(run), "A good film.", *argv]) == 0


def test_info_and_tasks_tell_what_there_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(run)]) == 0
    assert "many-to-one" in capsys.readouterr().out
    assert main(["tasks"]) == 0
    out = capsys.readouterr().out
    assert all(
        name in out for name in ("captioning", "ner", "sentiment", "translation", "keras-notebook")
    )


def test_help_lists_every_setting_with_its_meaning_and_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "sentiment", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "--training.clip_norm" in text
        and "Largest norm of the gradient" in text
        and "default: 1.0" in text
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train"], "A task is missing"),
        (["train", "sentimant"], "Did you mean 'sentiment'?"),
        (
            ["train", "sentiment", "--model.cell", "grru"],
            "`model.cell` must be one of rnn_tanh, rnn_relu",
        ),
        (["train", "sentiment", "--model.cel", "gru"], "Did you mean '--model.cell'?"),
        (["train", "sentiment", "--cell", "gru"], "Did you mean '--model.cell'?"),
        (
            ["train", "sentiment", "--model.hidden_size", "-1"],
            "`model.hidden_size` must be at least 1 unit, got -1.",
        ),
        (
            ["train", "sentiment", "--training.epochs", "x"],
            "`training.epochs` must be a whole number, got 'x'.",
        ),
        (["train", "sentiment", "--training.device", "tpu"], "`training.device` must be one of"),
        (["train", "sentiment", "--recipe", "imdb-lsmt"], "Did you mean 'imdb-lstm'?"),
        (["train", "sentiment", "--config", "none.yaml"], "none.yaml: no such settings file"),
        (["train", "sentiment", "--data", "none.csv"], "none.csv: no such file or folder"),
        (["train", "sentiment", "positive"], "Unexpected argument 'positive'"),
        (["predict", "no-run", "text"], "no-run: no such run folder"),
        (["predict"], "required: RUN"),
    ],
)
def test_a_mistake_is_one_clear_line(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in complaint(capsys, *argv)


def test_all_faults_of_a_configuration_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    message = complaint(capsys, "train", "sentiment", "--model.dropout", "2", "--training.lr", "0",
                        "--data.max_tokens", "-5")  # fmt: skip
    assert all(
        name in message for name in ("`model.dropout`", "`training.lr`", "`data.max_tokens`")
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.csv", b"", "empty.csv"),
        ("column.csv", b"review,label\ngood,pos\n", "text"),
        ("ragged.csv", b"text,label\ngood,pos\nbad,neg,extra\n", "3"),
        ("bytes.csv", b"text,label\ngood,pos\nb\xe9d,neg\n", "not UTF-8"),
        ("one.csv", b"text,label\ngood,pos\nbetter,pos\n", "labels"),
        ("broken.jsonl", b'{"text": "good", "label": "pos"}\n{"text": \n', "line 2"),
    ],
)
def test_bad_data_is_one_clear_line(
    name: str, content: bytes, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    message = complaint(
        capsys, "train", "sentiment", "--data", tmp_path / name, "--out", tmp_path / "run"
    )
    assert expected in message and "\n" not in message


def test_an_occupied_folder_is_left_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert "not empty" in complaint(
        capsys, "train", "sentiment", "--out", tmp_path / "mine", "--overwrite"
    )
    assert "add --overwrite" in complaint(capsys, "train", "sentiment", "--out", run)
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize(
    "file", ["config.yaml", "preprocessing/labels.json", "preprocessing/text.json"]
)
def test_a_missing_or_altered_file_of_a_run_is_named(
    file: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (copy / file).open("a", encoding="utf-8") as stream:
        stream.write(" ")
    assert f"{copy / file}: has changed" in complaint(capsys, "predict", copy, "x")
    (copy / file).unlink()
    assert f"{copy / file}: missing" in complaint(capsys, "predict", copy, "x")


def test_altered_or_missing_weights_are_named(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "weights have changed" in complaint(capsys, "predict", copy, "x")
    weights.write_bytes(b"junk")
    assert "not a readable safetensors file" in complaint(capsys, "predict", copy, "x")
    weights.unlink()
    assert "model.safetensors: missing" in complaint(capsys, "predict", copy, "x")


def test_a_training_that_is_stopped_goes_on(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "stopped"

    def stop(reporter: ConsoleReporter, loss: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ConsoleReporter, "batch_done", stop)
        assert main(["train", "sentiment", "--out", str(out), *QUICK]) == 130
    assert capsys.readouterr().err == (
        f"\nseqkit: Stopped. The training up to step 0 is kept; go on with: seqkit train --resume {out}\n"
    )
    wrong = complaint(capsys, "train", "--resume", out, "--model.cell", "gru")
    assert "--model.cell" in wrong and "settings it began with" in wrong
    assert "run of sentiment, not of ner" in complaint(capsys, "train", "ner", "--resume", out)
    assert "expected one argument" in complaint(capsys, "train", "--resume")
    assert main(["train", "--resume", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Going on after step 0.\n") and f"Run folder: {out}\n" in printed
    assert sha256(out / "model.safetensors") == sha256(run / "model.safetensors")
    assert "training has ended" in complaint(capsys, "train", f"--resume={out}")


def test_output_that_cannot_be_written_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    blocked = tmp_path / "file" / "out"
    assert str(blocked) in complaint(capsys, "predict", run, "x", "--output", blocked)
    assert str(blocked) in complaint(capsys, "train", "sentiment", "--out", blocked, *QUICK)
