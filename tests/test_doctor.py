"""`seqkit doctor`: the installation, and data sets of every task but ner, which has tests of its own."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from PIL import Image
from seqkit.cli.main import main

from seqkit import selftest
from seqkit.config import from_dict
from seqkit.examination import examine
from seqkit.registry import get_task


def doctor(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    status = main(["doctor", *map(str, words)])
    return status, capsys.readouterr().out


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_reviews(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = "text,label\n" + "Good film.,pos\nBad film.,neg\n" * 10
    write(tmp_path / "train.csv", good)
    write(tmp_path / "test.csv", "text,label\nGood film.,pos\nA new one!,neg\n")
    status, printed = doctor(capsys, "data", "sentiment", tmp_path)
    assert status == 0 and "No fault found." in printed
    assert "minutes an epoch (1 steps, 1 CPU thread) and " in printed
    assert "1 of 2 test examples stand in train too" in printed
    write(tmp_path / "train.csv", good + "Fine.,Pos\n  ,neg\n")
    status, printed = doctor(capsys, "data", "sentiment", tmp_path)
    assert status == 1 and "2 faults found." in printed
    assert "the text is empty" in printed
    assert "differ in case or blanks alone: 'Pos', 'pos'" in printed


def test_what_cannot_be_learned_has_no_time_to_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "train.csv", "text,label\n" + "Good film.,pos\n" * 9)
    status, printed = doctor(capsys, "data", "sentiment", data)
    assert status == 0 and "cannot be said: Two labels at least are needed" in printed


def test_data_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.csv", "text,label\n" + "Good film.,pos\nBad film.,neg\n" * 10)
    task, reads = get_task("sentiment"), []
    read = task.read
    monkeypatch.setattr(task, "read", lambda config: reads.append(config) or read(config))
    examine(task, from_dict(task.Config, {"data": {"path": str(tmp_path)}}))
    assert len(reads) == 1


def test_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"sentence number {i}" for i in range(20)]
    write(tmp_path / "train.en", "\n".join(lines) + "\n")
    source = tmp_path / "train.fr.gz"
    source.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    assert doctor(capsys, "data", "translation", tmp_path)[0] == 0
    lines[4], lines[9] = "", "one that goes on and on " * 5
    source.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    status, printed = doctor(capsys, "data", "translation", tmp_path)
    assert status == 1 and "2 faults found." in printed
    assert f"{source}: line 5: blank, but its translation is not." in printed
    assert f"{tmp_path / 'train.en'}: line 10: 17 signs, and " in printed
    source.write_bytes(gzip.compress("\n".join(lines[1:]).encode()))
    status, printed = doctor(capsys, "data", "translation", tmp_path)
    assert status == 1 and "has 20 lines and" in printed


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    rows = "picture,caption\n" + "".join(f"{name}.png,A dog runs.\n" for name in "abc")
    captions = write(tmp_path / "pictures.csv", rows)
    assert doctor(capsys, "data", "captioning", captions)[0] == 0
    damaged = tmp_path / "b.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    status, printed = doctor(capsys, "data", "captioning", captions)
    assert status == 1 and str(damaged) in printed and "1 fault found." in printed


def test_mistakes_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "data"]) == 2
    assert "A task and a path are needed" in capsys.readouterr().err
    assert main(["doctor", "data", "nerr", "x"]) == 2
    assert "Did you mean 'ner'?" in capsys.readouterr().err
    assert main(["doctor", "date"]) == 2


def test_the_installation_is_sound_and_a_fault_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, printed = doctor(capsys)
    assert status == 0 and "All is well." in printed
    for name in ("captioning", "language", "ner", "sentiment", "translation"):
        assert any(line.startswith(name) and "trains and" in line for line in printed.splitlines())
    monkeypatch.setattr(selftest, "get_task", lambda name: 1 / 0)
    status, printed = doctor(capsys)
    assert status == 1 and "FAULT: ZeroDivisionError" in printed


def test_the_installation_tells_what_answers_may_be_computed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert selftest.installed()["precisions"].startswith("float32")
    monkeypatch.setattr("seqkit.nn.precision.has_bfloat16", lambda device: False)
    monkeypatch.setattr("seqkit.nn.precision.has_words", lambda: True)
    assert selftest.installed()["precisions"] == "float32, int8 on the cpu"
    monkeypatch.setattr("seqkit.nn.precision.has_words", lambda: False)
    monkeypatch.setattr("seqkit.nn.precision.has_whole_products", lambda: False)
    monkeypatch.setattr(selftest, "_version", lambda library: "")
    found = selftest.installed()
    assert found["precisions"] == "float32 on the cpu"
    assert found["machine code"].startswith("no: ") and found["torch"] == "missing"
