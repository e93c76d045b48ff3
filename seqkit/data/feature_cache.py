"""Features that a frozen network computes once, kept on disk and read through memory maps.

A cache is a folder of shards. A shard is two files: `NAME.npy` with the rows and `NAME.json` with
the digests of the contents they belong to. Both are written under a temporary name and moved into
place, the index last, and neither is ever changed. So a kill leaves at worst a file that no index
names, and any number of processes may read and add at once without a lock: two that compute the
same content waste time, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqkit.errors import ConfigError, DataError, RunError, ShapeError
from seqkit.files import read_json

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

DTYPES = ("float16", "float32")
SHARD_BYTES = 64 * 2**20  # what is held in memory, and lost by a kill, while a shard fills


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        DataError: if the file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


class FeatureCache:
    """Rows of one shape, each found by the digest of the content it was computed from.

    Args:
        folder: Where all caches lie; made if it is not there. This one takes a folder in it.
        key: Everything but the content that a row depends on, such as the network's fingerprint and
            how its input is prepared. Another key is another cache.
        shape: Of one row.
        dtype: On disk. `float16` keeps three decimal digits and values up to 65,504 in half the
            space.

    Raises:
        ConfigError: if `dtype` is neither `float16` nor `float32`.
    """

    def __init__(
        self, folder: Path, key: str, shape: Sequence[int], dtype: str = "float16"
    ) -> None:
        if dtype not in DTYPES:
            raise ConfigError(f"dtype of a cache must be {' or '.join(DTYPES)}, got {dtype!r}.")
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._about = {"key": key, "shape": list(self.shape), "dtype": dtype}
        name = hashlib.sha256(json.dumps(self._about).encode()).hexdigest()[:16]
        self.folder = Path(folder) / name
        self._shards: dict[str, np.ndarray] = {}
        self._places: dict[str, tuple[str, int]] = {}  # digest -> shard, row in it

    def missing(self, digests: Sequence[str]) -> list[str]:
        """Those of `digests` that have no row yet, each once."""
        self._find_shards()
        return [digest for digest in dict.fromkeys(digests) if digest not in self._places]

    def ensure(
        self,
        contents: Mapping[str, Path],
        compute: Callable[[list[Path]], Tensor],
        *,
        batch_size: int = 16,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Computes the rows that are missing, and writes them shard by shard.

        Args:
            contents: File by its digest (`file_digest`).
            compute: Files -> float [len(files), *shape], on any device.
            batch_size: Files for one call of `compute`.
            on_progress: Told (rows done, rows to do) after each call.

        Returns:
            Number of rows computed.

        Raises:
            ShapeError: if `compute` gives another shape.
            DataError: if a value is not finite in this cache's dtype.
        """
        todo = self.missing(list(contents))
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape))
        rows_per_shard = max(batch_size, SHARD_BYTES // max(1, row_bytes))
        done: dict[str, np.ndarray] = {}
        for start in range(0, len(todo), batch_size):
            batch = todo[start : start + batch_size]
            done.update(zip(batch, self._computed(batch, contents, compute), strict=True))
            if len(done) >= rows_per_shard or start + batch_size >= len(todo):
                self._write_shard(done)
                done = {}
            if on_progress is not None:
                on_progress(min(start + batch_size, len(todo)), len(todo))
        self._find_shards()
        return len(todo)

    def rows(self, digests: Sequence[str]) -> np.ndarray:
        """The rows of these contents, in this order, in the dtype on disk: [len(digests), *shape].

        Raises:
            DataError: if one has no row; call `ensure` first.
        """
        if any(digest not in self._places for digest in digests):
            lacking = self.missing(digests)
            if lacking:
                raise DataError(f"{self.folder}: no features for {len(lacking)} of the contents.")
        result = np.empty((len(digests), *self.shape), self.dtype)
        for i, digest in enumerate(digests):
            shard, row = self._places[digest]
            result[i] = self._shards[shard][row]
        return result

    def __len__(self) -> int:
        self._find_shards()
        return len(self._places)

    def _computed(
        self,
        batch: Sequence[str],
        contents: Mapping[str, Path],
        compute: Callable[[list[Path]], Tensor],
    ) -> np.ndarray:
        values = compute([contents[digest] for digest in batch]).detach().float().cpu().numpy()
        if values.shape != (len(batch), *self.shape):
            raise ShapeError(
                f"Expected features of shape {(len(batch), *self.shape)}, received {values.shape}."
            )
        with np.errstate(over="ignore"):
            rows = values.astype(self.dtype)
        finite = np.isfinite(rows).reshape(len(batch), -1).all(axis=1)
        if not finite.all():
            path = contents[batch[int(finite.argmin())]]
            raise DataError(f"{path}: its features are not finite numbers in {self.dtype.name}.")
        return rows

    def _write_shard(self, rows: Mapping[str, np.ndarray]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        data, index = self.folder / f"{name}.npy", self.folder / f"{name}.json"
        with open(f"{data}.part", "wb") as file:
            np.save(file, np.stack(list(rows.values())), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())  # the index must not outlive its data in a power cut
        os.replace(f"{data}.part", data)
        Path(f"{index}.part").write_text(
            json.dumps({**self._about, "digests": list(rows)}), encoding="utf-8"
        )
        os.replace(f"{index}.part", index)

    def _find_shards(self) -> None:
        """Opens the shards that came since the last look, whoever wrote them."""
        for index in sorted(self.folder.glob("*.json")):
            if index.stem not in self._shards:
                self._open_shard(index)

    def _open_shard(self, index: Path) -> None:
        try:
            about = read_json(index)
            rows = np.load(index.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
            digests = self._checked(about, rows)
        except (OSError, ValueError, KeyError, TypeError, EOFError, RunError) as error:
            log.warning("%s: damaged (%s); its features are computed again.", index, error)
            for file in (index, index.with_suffix(".npy")):
                with suppress(OSError):  # another process removed it, or Windows has it open
                    file.unlink()
            return
        self._shards[index.stem] = rows
        for row, digest in enumerate(digests):
            self._places.setdefault(digest, (index.stem, row))

    def _checked(self, about: dict[str, Any], rows: np.ndarray) -> list[str]:
        """The shard's digests; `ValueError` if index, data and cache do not belong together."""
        if {name: about[name] for name in self._about} != self._about:
            raise ValueError("index of another cache")
        digests: list[str] = about["digests"]
        if rows.shape != (len(digests), *self.shape) or rows.dtype != self.dtype:
            found = f"{rows.dtype.name} {list(rows.shape)}"
            raise ValueError(f"{len(digests)} rows expected, found {found}")
        return digests
