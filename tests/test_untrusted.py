"""What a stranger sends is read as data: nothing is executed, memory is bounded, and a fault is one error by name."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from seqkit.cli.main import main

import seqkit
from seqkit.config import read_yaml
from seqkit.errors import ConfigError, DataError, RunError
from seqkit.limits import Limits
from seqkit.run import open_run
from seqkit.weights import read_weights, save_tensors

from .untrusted import (
    KEPT,
    PICTURE,
    TASKS,
    answer,
    copied,
    pickled,
    sealed,
    with_file,
    with_settings,
)

WEIGHTS, METRICS = "model.safetensors", "metrics.json"
PARTS = [
    (run.name, file.name) for run in sorted(KEPT.iterdir()) if run.is_dir()
    for file in sorted((run / "preprocessing").iterdir())
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_pickled_weights_are_refused_and_never_loaded(task: str, tmp_path: Path) -> None:
    run = with_file(copied(task, tmp_path), WEIGHTS, pickled(tmp_path / "trace"))
    with pytest.raises(RunError, match=r"model\.safetensors: not a readable safetensors file"):
        answer(run)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(("task", "name"), PARTS)
def test_a_pickle_among_the_vocabularies_is_refused_by_name(
    task: str, name: str, tmp_path: Path
) -> None:
    run = with_file(copied(task, tmp_path), f"preprocessing/{name}", pickled(tmp_path / "trace"))
    with pytest.raises(RunError, match=rf"{name.partition('.')[0]}.*: not a?\s?readable"):
        answer(run)
    assert not (tmp_path / "trace").exists()


def test_a_pickled_checkpoint_is_told_and_not_loaded(tmp_path: Path) -> None:
    run = copied("sentiment", tmp_path)
    (run / "checkpoint").mkdir()
    (run / "checkpoint" / "step-000000001.safetensors").write_bytes(pickled(tmp_path / "trace"))
    with pytest.raises(RunError, match="training has ended"):
        seqkit.resume(run)
    assert not (tmp_path / "trace").exists()


JUNK = [b"[]", b"{}", b"3", b"[1, 2]", b'["a", "a"]', b'[["a"]]', b"[" * 100_000, b"9" * 6000, b'{"units": 3}',
        b'{"units": "pieces", "lowercase": 1}']  # fmt: skip


@pytest.mark.parametrize(("task", "name"), PARTS)
def test_vocabularies_that_are_none_are_refused_by_name(
    task: str, name: str, tmp_path: Path
) -> None:
    run = copied(task, tmp_path)
    for content in JUNK:
        with_file(run, f"preprocessing/{name}", content)
        with pytest.raises(RunError, match=f"{name.partition('.')[0]}|another network"):
            answer(run)


def test_random_bytes_are_no_model_of_pieces(tmp_path: Path) -> None:
    run = copied("language", tmp_path)
    (run / "preprocessing" / "text.model").write_bytes(os.urandom(5000))
    with_file(run, "preprocessing/text.units.json", b'{"units": "pieces", "lowercase": true}')
    with pytest.raises(RunError, match="text: not a readable tokeniser"):
        answer(run)


YAML = {
    "a tag": "data: !!python/object/apply:os.mkdir ['{trace}']",
    "a named tag": "data: !!python/name:os.mkdir",
    "a bomb of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "a bomb of merges": "a: &a {x: 1}\nb: {<<: [*a, *a]}",
    "depth": "[" * 50_000,
    "length": "#" * 200_000,
    "an odd date": "data: 2020-99-99",
    "a long number": "data: " + "9" * 5000,
    "keys that are no names": "[a]: b",
    "a control character": "data: \0",
    "nothing of a section": "data: 3",
}


@pytest.mark.parametrize("kind", YAML)
def test_settings_that_are_more_than_plain_values_are_refused(kind: str, tmp_path: Path) -> None:
    text = YAML[kind].replace("{trace}", str(tmp_path / "trace").replace("\\", "/"))
    run = with_file(copied("ner", tmp_path), "config.yaml", text.encode())
    with pytest.raises(RunError, match=r"config\.yaml: "):
        open_run(run)
    assert not (tmp_path / "trace").exists()


def test_an_alias_is_told_to_be_written_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: &a 3\nb: *a\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml: has an alias .*; write the value itself"):
        read_yaml(tmp_path / "mine.yaml")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["hidden_size", "num_layers", "emb_size"])
def test_settings_of_a_network_without_end_are_refused_before_it_is_built(
    task: str, name: str, tmp_path: Path
) -> None:
    if (task, name) == ("language", "num_layers"):
        pytest.skip("a language model of two directions has one layer")
    run = with_settings(copied(task, tmp_path), **{f"model__{name}": 10**9})
    with pytest.raises(RunError, match=r"safetensors: the settings promise a far larger network"):
        answer(run)


@pytest.mark.parametrize(
    ("task", "name"),
    [("translation", "decoding__beam_size"), ("captioning", "decoding__max_len"),
     ("translation", "decoding__mbr_samples"), ("language", "model__continuation")],
)  # fmt: skip
def test_answers_without_end_are_refused(task: str, name: str, tmp_path: Path) -> None:
    run = with_settings(copied(task, tmp_path), **{name: 10**9})
    with pytest.raises(RunError, match=rf"{name.partition('__')[2]}\W.* at most 1"):
        open_run(run)


def test_any_number_of_threads_can_be_asked_for(tmp_path: Path) -> None:
    assert answer(with_settings(copied("sentiment", tmp_path), training__threads=10**9)).output


HEADS = {
    "cut short": b"\x00" * 4,
    "empty": b"",
    "a head beyond the file": struct.pack("<Q", 2**62) + b"{}",
    "a head of brackets": struct.pack("<Q", 50_000) + b"[" * 50_000,
    "a tensor beyond the file": b"",
}


@pytest.mark.parametrize("kind", HEADS)
def test_weights_with_a_false_head_are_refused(kind: str, tmp_path: Path) -> None:
    content = HEADS[kind]
    if kind == "a tensor beyond the file":
        head = b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
        content = struct.pack("<Q", len(head)) + head
    run = with_file(copied("sentiment", tmp_path), WEIGHTS, content)
    with pytest.raises(RunError, match=r"model\.safetensors: not a readable safetensors file"):
        answer(run)


@pytest.mark.parametrize("kind", [torch.float32, torch.complex64, torch.int64])
def test_weights_that_are_no_finite_numbers_are_refused(kind: torch.dtype, tmp_path: Path) -> None:
    run = copied("sentiment", tmp_path)
    state = read_weights(run / WEIGHTS)
    state["embedding.table.weight"] = (state["embedding.table.weight"] / 0).to(kind)
    save_tensors(state, run / WEIGHTS)
    with pytest.raises(RunError, match=r"no finite numbers, such as embedding\.table\.weight"):
        answer(run)


@pytest.mark.parametrize(
    "changes", [None, {"scores": {}}, {"scores": 3}, {"parameters": "many"}, {"versions": []}]
)
def test_scores_that_are_none_are_refused_by_name(
    changes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied("ner", tmp_path)
    values = json.loads((run / METRICS).read_text(encoding="utf-8"))
    content = [] if changes is None else {**values, **changes}
    (run / METRICS).write_text(json.dumps(content), encoding="utf-8")
    assert main(["info", str(run)]) == 2
    assert "metrics.json: not a run's scores" in capsys.readouterr().err


def test_a_terminal_is_not_commanded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = copied("ner", tmp_path)
    values = json.loads((run / METRICS).read_text(encoding="utf-8"))
    values |= {"data": "\x1b[2J", "signature": "\x1b]0;x", "scores": {"[/b]\x1b": {"[red]": 1.0}}}
    (run / METRICS).write_text(json.dumps(values), encoding="utf-8")
    assert main(["info", str(run)]) == 0
    assert main(["predict", str(run), "Mila \x1b[2J"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\\x1b[2J" in printed and "[/b]" in printed


@pytest.mark.parametrize(
    "name", ["config.yaml", WEIGHTS, METRICS, "preprocessing", "preprocessing/text.json"]
)
def test_a_link_out_of_the_folder_is_not_followed(name: str, tmp_path: Path) -> None:
    run = copied("sentiment", tmp_path)
    outside = tmp_path / "outside"
    (run / name).rename(outside)
    try:
        (run / name).symlink_to(outside, target_is_directory=outside.is_dir())
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(RunError, match=r"a link to a file outside the run|names a file outside"):
        open_run(run)


def test_a_link_to_itself_is_a_run_error(tmp_path: Path) -> None:
    run = copied("sentiment", tmp_path)
    (run / WEIGHTS).unlink()
    try:
        (run / WEIGHTS).symlink_to(run / WEIGHTS)
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(RunError, match=r"model\.safetensors: (a link|missing)"):
        answer(run)


@pytest.mark.parametrize("name", ["manifest.json", METRICS, "preprocessing/text.json"])
def test_a_vocabulary_without_end_is_not_read(name: str, tmp_path: Path) -> None:
    run = copied("sentiment", tmp_path)
    with (run / name).open("r+b") as file:
        file.truncate(200_000_000)
    with pytest.raises(RunError, match=f"{name}: 200 MB, but no vocabulary takes more than 100"):
        open_run(run)


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied("sentiment", tmp_path)
    with (run / WEIGHTS).open("r+b") as file:
        file.truncate(2_000_000)  # a sparse file: it takes no room
    with pytest.raises(RunError, match=r"model\.safetensors: 2 MB, more than `max_file_mb`, 1"):
        seqkit.load(run, limits=Limits(max_file_mb=1))
    assert main(["predict", str(run), "x", "--max-file-mb", "1"]) == 2
    assert main(["predict", str(run), "x", "--max-file-mb", "0"]) == 2
    assert "--max-file-mb must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["language", "ner", "sentiment", "translation"])
def test_a_text_that_is_too_long_is_refused_and_the_limit_is_a_setting(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictor = seqkit.load(KEPT / task, device="cpu", limits=Limits(max_chars=100))
    assert predictor.predict("a" * 100).input == "a" * 100
    with pytest.raises(DataError, match=r"A text of 101 characters.*longer than `max_chars`, 100"):
        predictor.predict("a" * 101)
    (tmp_path / "texts").write_text("short\n" + "a" * 101 + "\n", encoding="utf-8")
    words = ["predict", str(KEPT / task), "--input", str(tmp_path / "texts"), "--max-chars", "100"]
    assert main(words) == 2
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1 and "`max_chars`, 100" in printed.err


def png(width: int, height: int, data: bytes) -> bytes:
    """A PNG file that claims a size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + sum_

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_picture_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png(50_000, 50_000, zlib.compress(bytes(1_000_000))))
    predictor = seqkit.load(KEPT / "captioning", device="cpu")
    with pytest.raises(DataError, match=r"bomb\.png: too large"):
        predictor.predict(str(bomb))
    small = seqkit.load(KEPT / "captioning", device="cpu", limits=Limits(max_pixels=63))
    with pytest.raises(DataError, match=r"red\.png: .* 8 x 8 pixels; `max_pixels` is 63"):
        small.predict(str(PICTURE))


@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", b"8BPS\0\1", b"GIF89a"],
)
def test_pictures_of_other_formats_are_no_pictures(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)  # Pillow would run Ghostscript on the first
    with pytest.raises(DataError, match=r"a\.png: (not a picture|damaged)"):
        seqkit.load(KEPT / "captioning", device="cpu").predict(str(tmp_path / "a.png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_picture_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: not a file"):
        seqkit.load(KEPT / "captioning", device="cpu").predict(str(tmp_path / "a.png"))


@pytest.mark.parametrize("task", TASKS)
def test_answering_uses_no_network(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    assert answer(KEPT / task) is not None
    assert main(["info", str(KEPT / task)]) == 0


OPENED: list[str] | None = None
"""Names of the files that are opened while this is a list."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if OPENED is not None and event == "open":
        OPENED.append(str(arguments[0]))
    if OPENED is not None and event in (
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
    ):
        OPENED.append(f"program: {event}")


sys.addaudithook(_note)


NAMING = {"data": ("train", "dev", "test", "pictures", "cache"), "training": ("start_from",)}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["vectors", "pretrained", "weights"])
def test_files_that_a_strangers_settings_name_are_not_opened(
    task: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.pth"
    secret.write_text("x", encoding="utf-8")
    run = copied(task, tmp_path)
    known = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    named = {
        f"{section}__{field}": str(secret)
        for section, fields in {**NAMING, "model": (name,)}.items()
        for field in fields
        if field in known[section]
    }
    run = with_settings(run, **named)
    monkeypatch.setattr(sys.modules[__name__], "OPENED", [])
    answer(run)
    assert main(["info", str(run)]) == 0
    assert OPENED and not [name for name in OPENED if "secret" in name or "program" in name]


def test_a_run_of_nobody_is_told_what_is_wrong_once(tmp_path: Path) -> None:
    run = sealed(with_file(copied("ner", tmp_path), "config.yaml", b"- 1"))
    with pytest.raises(RunError) as told:
        open_run(run)
    assert str(told.value).count("config.yaml") == 1
