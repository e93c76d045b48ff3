"""The cache of features: what was computed is read, what is missing or torn is computed again."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from seqkit.data.feature_cache import FeatureCache, file_digest
from seqkit.errors import ConfigError, DataError, ShapeError

SHAPE = (2, 3)


class Computer:
    """Gives each file the number that stands in it, and remembers which files it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, files: list[Path]) -> Tensor:
        self.asked += [file.name for file in files]
        numbers = [float(file.read_text(encoding="utf-8")) for file in files]
        return torch.tensor(numbers).view(-1, 1, 1).expand(-1, *SHAPE)


def write_contents(folder: Path, numbers: list[int]) -> dict[str, Path]:
    contents = {}
    for number in numbers:
        file = folder / f"{number}.txt"
        file.write_text(str(number), encoding="utf-8")
        contents[file_digest(file)] = file
    return contents


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, Path]:
    return write_contents(tmp_path, [0, 1, 2, 3, 4])


def cache_at(folder: Path, key: str = "net") -> FeatureCache:
    return FeatureCache(folder / "cache", key, SHAPE)


def first_values(rows: np.ndarray) -> list[float]:
    return [float(row[0, 0]) for row in rows]


def test_rows_come_back_in_the_order_asked_for(tmp_path: Path, contents: dict[str, Path]) -> None:
    cache = cache_at(tmp_path)
    assert cache.ensure(contents, Computer(), batch_size=2) == 5
    digests = [*reversed(contents), next(iter(contents))]
    rows = cache.rows(digests)
    assert (rows.shape, rows.dtype) == ((6, *SHAPE), np.float16)
    assert first_values(rows) == [4, 3, 2, 1, 0, 0]


def test_only_what_is_missing_is_computed(tmp_path: Path, contents: dict[str, Path]) -> None:
    cache_at(tmp_path).ensure(contents, Computer())
    compute = Computer()
    more = {**contents, **write_contents(tmp_path, [7])}
    cache = cache_at(tmp_path)
    assert cache.ensure(more, compute) == 1
    assert compute.asked == ["7.txt"]
    assert first_values(cache.rows(list(more))) == [0, 1, 2, 3, 4, 7]
    assert len(cache) == 6


def test_a_moved_file_keeps_its_row_and_a_changed_one_does_not(
    tmp_path: Path, contents: dict[str, Path]
) -> None:
    cache = cache_at(tmp_path)
    cache.ensure(contents, Computer())
    moved = (tmp_path / "0.txt").rename(tmp_path / "moved.txt")
    assert cache.missing([file_digest(moved)]) == []
    moved.write_text("8", encoding="utf-8")
    assert cache.missing([file_digest(moved)]) == [file_digest(moved)]


def test_another_key_shape_or_dtype_is_another_cache(
    tmp_path: Path, contents: dict[str, Path]
) -> None:
    cache_at(tmp_path).ensure(contents, Computer())
    assert len(cache_at(tmp_path, key="other net")) == 0
    assert len(FeatureCache(tmp_path / "cache", "net", (3, 2))) == 0
    assert len(FeatureCache(tmp_path / "cache", "net", SHAPE, "float32")) == 0
    with pytest.raises(ConfigError, match="int8"):
        FeatureCache(tmp_path, "net", SHAPE, "int8")


def test_what_one_process_adds_another_sees(tmp_path: Path, contents: dict[str, Path]) -> None:
    reader, writer = cache_at(tmp_path), cache_at(tmp_path)
    with pytest.raises(DataError, match="no features for 5 of the contents"):
        reader.rows(list(contents))
    writer.ensure(contents, Computer())
    assert first_values(reader.rows(list(contents))) == [0, 1, 2, 3, 4]


def _fill(folder: Path, contents: dict[str, Path]) -> None:
    cache_at(folder).ensure(contents, Computer(), batch_size=1)


def test_two_processes_may_fill_one_cache_at_once(
    tmp_path: Path, contents: dict[str, Path]
) -> None:
    context = multiprocessing.get_context("spawn")
    half = dict(list(contents.items())[:3])
    workers = [context.Process(target=_fill, args=(tmp_path, part)) for part in (contents, half)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert first_values(cache_at(tmp_path).rows(list(contents))) == [0, 1, 2, 3, 4]


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def one_row_fewer(file: Path) -> None:
    np.save(file, np.load(file)[1:])


def of_another_kind(file: Path) -> None:
    np.save(file, np.load(file).astype(np.float32))


@pytest.mark.parametrize("spoil", [cut_short, emptied, one_row_fewer, of_another_kind, Path.unlink])
def test_a_spoilt_shard_is_computed_again_with_a_warning(
    tmp_path: Path,
    contents: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
) -> None:
    cache_at(tmp_path).ensure(contents, Computer())
    (shard,) = (tmp_path / "cache").glob("*/*.npy")
    spoil(shard)
    with caplog.at_level(logging.WARNING):
        cache = cache_at(tmp_path)
        assert cache.ensure(contents, Computer()) == 5
    assert "computed again" in caplog.text
    assert first_values(cache.rows(list(contents))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", pytest.param("[" * 100_000, id="brackets"), '{"key": "net"}']
)
def test_a_spoilt_index_is_computed_again(
    tmp_path: Path, contents: dict[str, Path], caplog: pytest.LogCaptureFixture, text: str
) -> None:
    cache_at(tmp_path).ensure(contents, Computer())
    (index,) = (tmp_path / "cache").glob("*/*.json")
    index.write_text(text, encoding="utf-8")
    assert cache_at(tmp_path).ensure(contents, Computer()) == 5
    assert "computed again" in caplog.text


def test_a_run_that_stops_keeps_the_shards_that_were_full(
    tmp_path: Path, contents: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqkit.data.feature_cache.SHARD_BYTES", 1)
    compute = Computer()

    def stops(files: list[Path]) -> Tensor:
        if len(compute.asked) == 4:
            raise KeyboardInterrupt
        return compute(files)

    with pytest.raises(KeyboardInterrupt):
        cache_at(tmp_path).ensure(contents, stops, batch_size=2)
    assert len(cache_at(tmp_path)) == 4


def test_progress_is_told_after_each_batch(tmp_path: Path, contents: dict[str, Path]) -> None:
    told: list[tuple[int, int]] = []
    cache_at(tmp_path).ensure(
        contents, Computer(), batch_size=2, on_progress=lambda done, todo: told.append((done, todo))
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_features_of_another_shape_or_beyond_the_dtype_are_refused(
    tmp_path: Path, contents: dict[str, Path]
) -> None:
    cache = cache_at(tmp_path)
    with pytest.raises(ShapeError, match=r"\(5, 2, 3\), received \(5, 3\)"):
        cache.ensure(contents, lambda files: torch.zeros(len(files), 3))
    large = torch.zeros(5, *SHAPE)
    large[3] = 1e5  # float16 ends at 65,504
    with pytest.raises(DataError, match=r"3\.txt: its features are not finite"):
        cache.ensure(contents, lambda files: large)
    assert len(cache) == 0


def test_a_missing_file_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: cannot be read"):
        file_digest(tmp_path / "gone.jpg")
