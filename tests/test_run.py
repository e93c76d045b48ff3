"""A run folder is whole or it is an error with a name."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import seqkit
from seqkit.errors import RunError, SeqkitError, UnknownNameError
from seqkit.run import (
    FORMAT,
    MANIFEST,
    PREPROCESSING,
    next_run_name,
    open_run,
    prepare_folder,
    write_history,
    write_metrics,
    write_settings,
)

from .toy import ToyConfig, ToyTask, install


@pytest.fixture(autouse=True)
def toy_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run, by path."""
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        seqkit.train("toy", out=folder, training={"epochs": 1, "device": "cpu"})
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture
def run(trained: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name, content in trained.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return content


def set_manifest(run: Path, **changes: Any) -> None:
    text = json.dumps({**manifest(run), **changes})
    (run / "manifest.json").write_text(text, encoding="utf-8")


NEEDED = ["config.yaml", "preprocessing/text.json", "preprocessing/text.units.json"]


def test_a_whole_run_opens_with_its_task_and_settings(run: Path) -> None:
    opened = open_run(run)
    assert opened.path == run and isinstance(opened.task, ToyTask)
    assert opened.config.training.epochs == 1
    assert opened.metrics()["scores"].keys() == {"dev", "test"}
    assert seqkit.load(str(run), device="cpu").predict("ab").output in "ab"


def test_the_manifest_names_all_that_prediction_needs_but_the_weights(run: Path) -> None:
    assert sorted(manifest(run)["files"]) == NEEDED
    assert manifest(run)["format"] == FORMAT and manifest(run)["task"] == "toy"


def test_a_run_may_be_moved_and_its_reports_be_removed(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    run.rename(moved)
    for name in os.listdir(moved):
        if (moved / name).is_file() and name not in (
            "manifest.json", "model.safetensors", "config.yaml",
        ):  # fmt: skip
            (moved / name).unlink()
    assert seqkit.load(moved, device="cpu").predict("ab").output in "ab"
    assert open_run(moved).metrics() == {}


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(RunError, match=f"{name}: missing; this run cannot be used without it"):
        open_run(run)


@pytest.mark.parametrize("name", NEEDED)
def test_an_altered_file_is_named(run: Path, name: str) -> None:
    with (run / name).open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(RunError, match=f"{name}: has changed since seqkit wrote it"):
        open_run(run)


def test_altered_and_missing_weights_are_noticed_on_loading(run: Path) -> None:
    path = run / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    state = load_file(path)
    save_file({name: value + 1 for name, value in state.items()}, path, metadata=metadata)
    with pytest.raises(RunError, match=r"model\.safetensors: its weights have changed"):
        seqkit.load(run)
    path.unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: missing"):
        seqkit.load(run)


def test_a_newer_format_asks_for_a_newer_seqkit(run: Path) -> None:
    set_manifest(run, format=FORMAT + 1, seqkit="99.0")
    with pytest.raises(RunError, match=rf"format {FORMAT + 1} by seqkit 99\.0; .*upgrade seqkit"):
        open_run(run)


def test_a_newer_format_may_look_quite_otherwise(run: Path) -> None:
    text = json.dumps({"format": FORMAT + 1, "seqkit": "99.0"})
    (run / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="upgrade seqkit"):
        open_run(run)


@pytest.mark.parametrize("name", ["../secret", "preprocessing/../../secret", "{absolute}"])
def test_a_manifest_may_not_name_a_file_outside_the_run(run: Path, name: str) -> None:
    secret = run.parent / "secret"
    secret.write_text("x", encoding="utf-8")
    set_manifest(run, files={name.format(absolute=secret): "0"})
    with pytest.raises(RunError, match=r"manifest\.json: names a file outside the run"):
        open_run(run)


def test_a_link_may_not_lead_outside_the_run(run: Path) -> None:
    secret = run.parent / "secret"
    secret.write_text("x", encoding="utf-8")
    try:
        (run / "link").symlink_to(secret)
    except OSError:
        pytest.skip("this system makes no links")
    set_manifest(run, files={"link": "0"})
    with pytest.raises(RunError, match="outside the run"):
        open_run(run)


@pytest.mark.parametrize("name", ["a\0b", "", ".", "x" * 5000])
def test_a_manifest_with_an_impossible_name_is_a_run_error(run: Path, name: str) -> None:
    set_manifest(run, files={name: "0"})
    with pytest.raises(RunError, match=r"cannot be read|missing"):
        open_run(run)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "null", "{}", '{"format": "1", "task": "toy", "files": {}}',
     '{"format": 1, "task": 3, "files": {}}', '{"format": 1, "task": "toy", "files": []}',
     '{"format": 1, "task": "toy"}'],
)  # fmt: skip
def test_a_file_that_is_no_manifest_is_named(run: Path, content: str) -> None:
    (run / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=r"manifest\.json: not a run's manifest"):
        open_run(run)


def test_a_folder_that_is_no_run_tells_what_was_found(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere: no such run folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"manifest\.json is missing \(found run\)"):
        open_run(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"manifest\.json is missing \(found nothing\)"):
        open_run(tmp_path / "empty")


def test_the_task_of_a_run_must_be_installed(run: Path) -> None:
    set_manifest(run, task="toys")
    with pytest.raises(UnknownNameError, match=r"Unknown task 'toys'.*Did you mean 'toy'"):
        open_run(run)


def test_settings_that_this_seqkit_does_not_know_are_told_with_the_file(run: Path) -> None:
    text = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(text.replace("epochs:", "epoks:"), encoding="utf-8")
    set_manifest(run, files={})
    with pytest.raises(RunError, match=r"config\.yaml: Unknown setting `training\.epoks`"):
        open_run(run)


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    path = prepare_folder(tmp_path / "a" / "b")
    assert path.is_dir() and os.listdir(path) == []
    assert prepare_folder(path) == path  # empty, so it may be used


def test_a_folder_that_is_in_use_is_left_alone(run: Path, tmp_path: Path) -> None:
    before = sorted(run.rglob("*"))
    with pytest.raises(RunError, match=r"exists and is not empty; .*or add --overwrite"):
        prepare_folder(run)
    assert sorted(run.rglob("*")) == before


def test_overwriting_is_for_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match=r"exists and is not empty; choose another --out\.$"):
        prepare_folder(tmp_path, overwrite=True)
    with pytest.raises(RunError, match=r"thesis\.txt: exists and is not empty"):
        prepare_folder(tmp_path / "thesis.txt", overwrite=True)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_overwriting_removes_the_old_run_and_nothing_else(run: Path) -> None:
    (run / "notes.txt").write_text("mine", encoding="utf-8")
    prepare_folder(run, overwrite=True)
    assert os.listdir(run) == ["notes.txt"]


def test_names_of_runs_count_up(tmp_path: Path) -> None:
    parent = tmp_path / "runs"
    assert next_run_name("ner", parent) == parent / "ner-1"
    (parent / "ner-1").mkdir(parents=True)
    (parent / "ner-3").mkdir()
    assert next_run_name("ner", parent) == parent / "ner-2"


def test_settings_written_are_settings_read(tmp_path: Path) -> None:
    write_settings(tmp_path, "toy", ToyConfig(), ToyConfig())
    assert open_run(tmp_path).config == ToyConfig()


def test_history_takes_rows_whose_keys_differ(tmp_path: Path) -> None:
    write_history(tmp_path, [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "f1": 1.0}])
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"epoch": "1", "loss": "0.5", "f1": ""}, {"epoch": "2", "loss": "", "f1": "1.0"},
    ]  # fmt: skip


def test_metrics_come_back_with_any_letters(run: Path) -> None:
    write_metrics(run, {"data": "été"})
    assert open_run(run).metrics() == {"data": "été"}
    assert "été" in (run / "metrics.json").read_text(encoding="utf-8")


def test_loading_leaves_the_random_numbers_and_the_folder_as_they_are(run: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*")}
    first = seqkit.load(run, device="cpu").predict(["ab", "b"])
    torch.manual_seed(99)
    assert seqkit.load(run, device="cpu").predict(["ab", "b"]) == first
    assert {file: file.stat().st_mtime_ns for file in run.rglob("*")} == before


def test_every_fault_of_a_run_is_one_that_the_command_line_can_print(run: Path) -> None:
    assert issubclass(RunError, SeqkitError)
    for name in manifest(run)["files"]:
        (run / name).write_bytes(b"\xff\x00")
    set_manifest(run, files={})
    with pytest.raises(SeqkitError):
        seqkit.load(run)


def test_what_a_kill_before_training_left_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "run" / PREPROCESSING).mkdir(parents=True)
    (tmp_path / "run" / f".{MANIFEST}.x1y2").touch()
    with pytest.raises(RunError, match="or add --overwrite"):
        prepare_folder(tmp_path / "run")
    prepare_folder(tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / PREPROCESSING).exists()
