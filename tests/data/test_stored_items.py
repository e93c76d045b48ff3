"""Items on disk are the items in memory, and a second training does not cut its texts again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqkit
from seqkit.config import from_dict
from seqkit.data import codecs, stored_items
from seqkit.data.batch import Batch
from seqkit.data.stored_items import StoredItems, encoded, write_items
from seqkit.files import sha256
from seqkit.registry import get_task

TASKS: dict[str, dict[str, Any]] = {
    "sentiment": {},
    "translation": {"data": {"reverse_source": True}},
    "language": {},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which even a few examples are worth."""
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "cache"))
    for module in (codecs, stored_items):
        monkeypatch.setattr(module, "FEW", 0)
    return tmp_path / "cache" / "kept"


def made(task: str, size: int = 40, **sections: Any) -> tuple[Any, Sequence[Any]]:
    """An untrained pipeline of a task's sample, and training examples."""
    kind = get_task(task)
    small = {"hidden_size": 8, "emb_size": 8}
    config = from_dict(kind.Config, {"model": small, **TASKS[task], **sections})
    train = kind.read(config).train[:size]
    return kind.fit(config, train), train


@pytest.mark.parametrize("task", TASKS)
def test_stored_items_make_the_same_batches(task: str) -> None:
    pipeline, train = made(task)
    plain = [pipeline.encode(example) for example in train]
    stored = encoded(pipeline, train, keep=True)
    assert isinstance(stored, StoredItems) and len(stored) == len(plain)
    assert stored.lengths.tolist() == [pipeline.length(item) for item in plain]
    for chosen in ([0, 3, -1], range(5, 9)):
        ours = pipeline.collate([stored[i] for i in chosen])
        theirs = pipeline.collate([plain[i] for i in chosen])
        for one, other in zip(batches(ours), batches(theirs), strict=True):
            assert one.values.tolist() == other.values.tolist()
            assert one.lengths.tolist() == other.lengths.tolist()
    with pytest.raises(IndexError):
        stored[len(plain)]


def batches(batch: Any) -> list[Batch]:
    if isinstance(batch, Batch):
        return [batch]
    return [value for value in vars(batch).values() if isinstance(value, Batch)]


def test_what_numbers_depend_on_makes_other_entries(cache: Path) -> None:
    encoded(*made("sentiment"), keep=True)
    before = set(cache.iterdir())
    encoded(*made("sentiment"), keep=True)
    encoded(*made("sentiment", model={"hidden_size": 4, "emb_size": 4}), keep=True)
    assert set(cache.iterdir()) == before
    for changed in ({"max_tokens": 3}, {"keep": "first"}, {"lowercase": False}, {"min_count": 2}):
        encoded(*made("sentiment", data=changed), keep=True)
        assert set(cache.iterdir()) != before, changed
        before = set(cache.iterdir())
    encoded(*made("sentiment", size=39), keep=True)
    assert set(cache.iterdir()) != before


@pytest.mark.parametrize("damage", [b"", b"torn"])
def test_damaged_files_are_made_again(damage: bytes, cache: Path) -> None:
    pipeline, train = made("language")
    (file,) = cache.glob(f"*/{stored_items.VALUES}")
    file.write_bytes(damage)
    items = encoded(pipeline, train, keep=True)
    assert [list(item) for item in items] == [pipeline.encode(text) for text in train]


def test_files_that_do_not_belong_together_are_no_items(tmp_path: Path) -> None:
    pipeline, train = made("language")
    write_items(pipeline, train, tmp_path)
    np.zeros(3, np.int32).tofile(tmp_path / stored_items.LENGTHS)
    with pytest.raises(ValueError, match="do not belong together"):
        StoredItems(tmp_path, pipeline)


def test_a_second_training_cuts_no_training_text_and_ends_alike(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []
    split = codecs._SPLIT["word"]
    monkeypatch.setitem(codecs._SPLIT, "word", lambda text: cut.append(text) or split(text))
    data = tmp_path / "reviews.csv"
    rows = [f"text {i} is {'fine' if i % 2 else 'dull'},{i % 2}" for i in range(40)]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    sums, counts = [], []
    for number, keep in enumerate((False, True, True)):
        cut.clear()
        training = {"epochs": 1, "device": "cpu", "keep_tokens": keep}
        model = {"hidden_size": 4, "emb_size": 4}
        run = seqkit.train(
            "sentiment", data, out=tmp_path / str(number), model=model, training=training
        )
        sums.append(sha256(run.path / "model.safetensors"))
        counts.append(len(cut))
        assert cache.exists() == (number > 0)
    assert sums[0] == sums[1] == sums[2]
    dev, train = 4, 36
    assert counts[:2] == [2 * train + 2 * dev] * 2  # units are learned and texts numbered
    assert counts[2] == dev  # which is answered from the raw texts


def test_pieces_that_are_drawn_anew_are_never_kept(tmp_path: Path, cache: Path) -> None:
    pairs = "".join(f"a {i} cat\tun {i} chat\n" for i in range(60))
    (tmp_path / "pairs.tsv").write_text(pairs, encoding="utf-8")
    data = {
        "path": str(tmp_path / "pairs.tsv"), "units": "bpe", "vocab_size": 60, "bpe_dropout": 0.3
    }  # fmt: skip
    model, training = {"hidden_size": 4, "emb_size": 4}, {"epochs": 2, "device": "cpu"}
    seqkit.train("translation", data, out=tmp_path / "run", model=model, training=training)
    items = [entry for entry in cache.iterdir() if not entry.name.startswith("units")]
    (dev,) = items  # the dev texts, which are always cut alike
    assert len(np.fromfile(dev / stored_items.LENGTHS, np.int32)) == 6
