"""Texts that are read from disk while training: none is lost, memory stays flat, and a training goes on exactly."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from seqkit.tasks.language import blocks, pipeline
from seqkit.tasks.language.blocks import TextBlocks
from seqkit.tasks.language.config import LanguageData
from seqkit.tasks.language.reading import read_texts

import seqkit
from seqkit.config import from_dict
from seqkit.data import stored_items
from seqkit.data.batching import BlockBatches
from seqkit.data.stored_items import StoredItems, encoded
from seqkit.errors import DataError, RunError
from seqkit.files import sha256
from seqkit.registry import get_task
from seqkit.training.report import Reporter

TASK = get_task("language")
SMALL: dict[str, Any] = {"hidden_size": 4, "emb_size": 4}


@pytest.fixture(autouse=True)
def small_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(blocks, "SIZE", 500)
    monkeypatch.setattr(stored_items, "FEW", 0)
    monkeypatch.setattr("seqkit.training.batches.MANY", 0)


def text_file(path: Path, lines: int) -> Path:
    rng = random.Random(1)
    words = ["the", "old", "dog", "sees", "a", "small", "cat", "é", "."]
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            text = " ".join(rng.choices(words, k=rng.randint(1, 30)))
            file.write(text + ("\r\n" if number % 7 else "\n\n"))
    return path


def streamed(path: Path, **data: Any) -> LanguageData:
    return LanguageData(path=str(path), stream_above=0, max_words=12, **data)


def test_the_texts_on_disk_are_those_that_memory_would_hold(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 300)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (tmp_path / "dev.txt").write_text("a dog .", encoding="utf-8")
    (tmp_path / "train.txt").write_bytes(path.read_bytes())
    here = read_texts(LanguageData(path=str(tmp_path), max_words=12), seed=1).train
    there = read_texts(streamed(tmp_path), seed=1).train
    assert isinstance(there, TextBlocks) and len(there.blocks) > 5
    assert list(there) == here == [there[i] for i in range(len(there))]
    assert there[-1] == here[-1] and there[3:5] == here[3:5]
    with pytest.raises(IndexError):
        there[len(here)]


def test_a_dev_part_is_drawn_by_blocks_and_shares_no_text_place(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 300)
    splits = read_texts(streamed(path, dev_fraction=0.2), seed=1)
    whole = list(TextBlocks.of(path, splits.train.cut))  # type: ignore[attr-defined]
    assert sorted([*splits.train, *splits.dev]) == sorted(whole)
    assert 0.15 < len(splits.dev) / len(whole) < 0.4
    assert list(read_texts(streamed(path, dev_fraction=0.2), seed=1).dev) == list(splits.dev)
    assert list(read_texts(streamed(path, dev_fraction=0.2), seed=2).dev) != list(splits.dev)
    assert "read from disk" in splits.notes[0]


def test_another_cut_is_other_data(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 300)
    digests = {
        TextBlocks.of(path, lambda lines, n=number: (line[:n] for line in lines)).digest
        for number in (5, 6, 6)
    }
    assert len(digests) == 2


def test_a_file_of_one_block_cannot_be_divided(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 3)
    with pytest.raises(DataError, match=r"too small .* `data.stream_above` or .* `data.dev`"):
        read_texts(streamed(path), seed=1)


def test_a_fault_is_told_with_its_line(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 200)
    lines = path.read_bytes().split(b"\n")
    lines[150] = b"na\xefve"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match=r"texts\.txt: line 151: not UTF-8"):
        read_texts(streamed(path), seed=1)
    path.write_text("\n \n", encoding="utf-8")
    with pytest.raises(DataError, match="no line holds a text"):
        read_texts(streamed(path), seed=1)


def test_without_a_place_on_disk_streaming_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = text_file(tmp_path / "texts.txt", 60)
    monkeypatch.setenv("SEQKIT_CACHE", str(path / "no folder"))
    with pytest.raises(RunError, match="SEQKIT_CACHE"):
        seqkit.train("language", {"path": str(path), "stream_above": 0}, out=tmp_path / "run")


class KilledError(Exception):
    """Stands for a kill."""


class Killer(Reporter):
    """Ends a training at its n-th batch."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def batch_done(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError


def test_a_stopped_training_goes_on_exactly_and_order_is_the_seeds(tmp_path: Path) -> None:
    path = text_file(tmp_path / "texts.txt", 100)
    options: dict[str, Any] = {
        "data": {"path": str(path), "stream_above": 0, "max_words": 12},
        "model": {**SMALL, "dropout": 0.3},
        "training": {"epochs": 2, "batch_size": 8, "checkpoint_steps": 3, "accumulate": 2, "device": "cpu"},
    }  # fmt: skip
    whole = seqkit.train("language", out=tmp_path / "whole", **options)
    again = seqkit.train("language", out=tmp_path / "again", **options)
    wanted = sha256(whole.path / "model.safetensors")
    assert sha256(again.path / "model.safetensors") == wanted
    for batches in (9, 33):
        run = tmp_path / str(batches)
        with pytest.raises(KilledError):
            seqkit.train("language", out=run, reporter=Killer(batches), **options)
        seqkit.resume(run)
        assert sha256(run / "model.safetensors") == wanted


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "SIZE", 2**13)
    monkeypatch.setattr(pipeline, "COUNTED", 100)
    small, large = (text_file(tmp_path / f"{n}.txt", n) for n in (500, 10_000))
    peak_of_preparing(small)  # what is imported for the first time is not the data's
    flat = peak_of_preparing(small) + 2**20  # sums are made of blocks of that size
    assert peak_of_preparing(large) < flat < peak_of_preparing(large, stream_above=1e9)


def peak_of_preparing(path: Path, stream_above: float = 0) -> int:
    """Bytes that reading, counting, numbering and going through an epoch's batches hold at most."""
    config = from_dict(TASK.Config, {
        "data": {"path": str(path), "stream_above": stream_above, "dev_fraction": 1e-6},
        "model": SMALL, "training": {"batch_size": 8},
    })  # fmt: skip
    tracemalloc.start()
    splits = TASK.read(config)
    made = TASK.fit(config, splits.train)
    items = encoded(made, splits.train, keep=True)
    assert isinstance(items, StoredItems)
    batches = BlockBatches(items.lengths, batch_size=8, seed="1 1")
    steps = sum(int(made.collate([items[i] for i in b]).lengths.sum()) for b in batches)
    assert steps == items.lengths.sum()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
