"""Examples as numbers in files that are mapped into memory, so that there may be more of them than memory holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np

from seqkit.errors import RunError
from seqkit.files import cache_folder
from seqkit.kept import FEW, content_digest, kept
from seqkit.pipeline import Pipeline

ItemT = TypeVar("ItemT")

VALUES, ENDS, LENGTHS = "values.int32", "ends.int64", "lengths.int32"


class StoredItems(Sequence[ItemT], Generic[ItemT]):
    """Items that come to be when they are asked for.

    Args:
        folder: What `write_items` wrote.
        pipeline: Makes an item of its numbers.

    Attributes:
        values: The numbers of all items, one after the other, int32.
        lengths: Steps of each item, int32.
    """

    def __init__(self, folder: Path, pipeline: Pipeline[Any, ItemT, Any]) -> None:
        self.values = _mapped(folder / VALUES, np.int32)
        self.lengths = _mapped(folder / LENGTHS, np.int32)
        self._ends = _mapped(folder / ENDS, np.int64)
        self._unpack = pipeline.unpack
        if len(self._ends) != len(self.lengths) or int(self._ends[-1]) != len(self.values):
            raise ValueError("its files do not belong together")

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> list[ItemT]: ...
    def __getitem__(self, index: int | slice) -> ItemT | list[ItemT]:
        if isinstance(index, slice):
            return self.chosen(range(*index.indices(len(self))))
        if index < 0:
            index = range(len(self))[index]
        start = self._ends[index - 1] if index else 0
        return self._unpack(self.values[start : self._ends[index]])

    def chosen(self, places: Sequence[int]) -> list[ItemT]:
        """The items at some places, from 0; together they are found faster than one by one."""
        which = np.asarray(places, np.int64)
        begins = np.where(which > 0, self._ends[which - 1], 0).tolist()
        ends = self._ends[which].tolist()
        return [self._unpack(self.values[a:b]) for a, b in zip(begins, ends, strict=True)]


def chosen(items: Sequence[ItemT], places: Sequence[int]) -> list[ItemT]:
    """The items at some places, from 0."""
    if isinstance(items, StoredItems):
        return items.chosen(places)
    return [items[place] for place in places]


def encoded(
    pipeline: Pipeline[Any, ItemT, Any], examples: Sequence[Any], keep: bool
) -> Sequence[ItemT]:
    """The examples as numbers: in memory where they are few; else on disk, where the next training finds them.

    Args:
        pipeline: Numbers them.
        examples: Labelled examples.
        keep: Whether they may be kept. Examples that are not in memory themselves are stored even so.

    Raises:
        RunError: if there is no place for examples that are not in memory.
    """
    in_memory = isinstance(examples, (list, tuple))
    made_from = pipeline.encoding()
    if made_from is not None and len(examples) >= FEW and (keep or not in_memory):
        stored = kept(
            type(pipeline).__name__,
            (made_from, content_digest(examples)),
            lambda folder: write_items(pipeline, examples, folder),
            lambda folder: StoredItems(folder, pipeline),
        )
        if stored is not None:
            return stored
        if not in_memory:
            raise RunError(
                f"{cache_folder()}: data that is read from disk needs room there; SEQKIT_CACHE names another folder."
            )
    return [pipeline.encode(example) for example in examples]


def write_items(pipeline: Pipeline[Any, Any, Any], examples: Iterable[Any], folder: Path) -> None:
    """Encodes examples one by one into the files of a folder, in memory that does not grow with them."""
    end = 0
    with (
        (folder / VALUES).open("wb") as values,
        (folder / ENDS).open("wb") as ends,
        (folder / LENGTHS).open("wb") as lengths,
    ):
        for example in examples:
            item = pipeline.encode(example)
            row = np.asarray(pipeline.pack(item), np.int32)
            end += len(row)
            values.write(row.tobytes())
            ends.write(np.int64(end).tobytes())
            lengths.write(np.int32(pipeline.length(item)).tobytes())


def _mapped(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """A file's numbers, read when they are needed."""
    return np.asarray(np.memmap(path, dtype, mode="r"))
