"""Texts of a file that memory may be too small for, read from disk a block of lines at a time. Torch-free."""

from __future__ import annotations

import codecs
import hashlib
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, overload

from seqkit.data.readers import decoded, opened_bytes
from seqkit.errors import DataError

Cut = Callable[[Iterable[str]], Iterable[str]]

SIZE = 2**18
"""Bytes of a block at least; it ends where a line does."""

DEV_TEXTS = 10_000
"""Texts that are set apart to choose the best epoch at most; these are held in memory."""


class Block(NamedTuple):
    """Neighbouring lines of a file.

    Attributes:
        start, end: Its bytes.
        line: Its first line, counted from 1.
        texts: How many texts are in it.
    """

    start: int
    end: int
    line: int
    texts: int


class TextBlocks(Sequence[str]):
    """The texts of a plain text file, cut out of its lines.

    Args:
        path: UTF-8, a text or several a line.
        cut: Makes texts, of one line each, out of lines.
        blocks: Where they are, in the file's order.
        digest: A sum over the texts.
    """

    def __init__(self, path: Path, cut: Cut, blocks: Sequence[Block], digest: str) -> None:
        self.path = path
        self.cut = cut
        self.blocks = blocks
        self.digest = digest
        self._firsts = list(accumulate((block.texts for block in blocks), initial=0))

    @classmethod
    def of(cls, path: Path, cut: Cut) -> TextBlocks:
        """All texts of a file, which is read through once.

        Raises:
            DataError: if it cannot be read, is not UTF-8 or holds no text.
        """
        digest, blocks, start, line = hashlib.sha256(), list[Block](), 0, 1
        with opened_bytes(path) as file:
            while lines := file.readlines(SIZE):
                raw = b"".join(lines)
                texts = list(cut(_texts(raw, path, line)))
                digest.update("\n".join(["", *texts]).encode())  # another cut gives another sum
                blocks.append(Block(start, start + len(raw), line, len(texts)))
                start, line = start + len(raw), line + len(lines)
        if not any(block.texts for block in blocks):
            raise DataError(f"{path}: no line holds a text.")
        return cls(path, cut, blocks, digest.hexdigest())

    def split(self, share: float, seed: int) -> tuple[TextBlocks, list[str]]:
        """(rest, drawn): a share of the blocks is drawn at random, one at least and `DEV_TEXTS` texts at most.

        Raises:
            DataError: if there is one block only.
        """
        if len(self.blocks) < 2:
            raise DataError(
                f"{self.path}: too small to be read from disk and to set a part apart; raise `data.stream_above` "
                "or name a file with `data.dev`."
            )
        order = list(range(len(self.blocks)))
        random.Random(seed).shuffle(order)
        wanted, drawn = min(share * len(self), DEV_TEXTS), set[int]()
        for index in order[:-1]:
            if wanted <= 0:
                break
            drawn.add(index)
            wanted -= self.blocks[index].texts
        return self._part(set(order) - drawn), list(self._part(drawn))[:DEV_TEXTS]

    def _part(self, indices: set[int]) -> TextBlocks:
        blocks = [self.blocks[i] for i in sorted(indices)]
        digest = hashlib.sha256(repr((self.digest, blocks)).encode()).hexdigest()
        return TextBlocks(self.path, self.cut, blocks, digest)

    def __len__(self) -> int:
        return self._firsts[-1]

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks:
            yield from self._read(block)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        number = bisect_right(self._firsts, index) - 1
        return self._read(self.blocks[number])[index - self._firsts[number]]

    def _read(self, block: Block) -> list[str]:
        with opened_bytes(self.path) as file:
            file.seek(block.start)
            raw = file.read(block.end - block.start)
        return list(self.cut(_texts(raw, self.path, block.line)))


def _texts(raw: bytes, path: Path, line: int) -> Iterator[str]:
    """The lines of some bytes, the first of which is the given line of the file, without blank ones."""
    raw = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
    return (text for text in decoded(raw, path, line).split("\n") if text.strip())
