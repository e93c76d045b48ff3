"""What is wrong with sentence pairs: what cannot be read, what is blank, what hardly goes together. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from seqkit.data.readers import read_lines
from seqkit.errors import DataError

from .config import TranslationData
from .reading import PairReader

RATIO, SIGNS = 4, 40
"""Sentences are unlike in length if one has so many times the letters of the other, and so many more."""


def pair_faults(data: TranslationData, seed: int, *, refused: bool) -> Iterator[str]:
    """The faults of the files that `data` names, each with its line where it has one; where reading refuses them, why
    it does comes last."""
    if data.names_nothing:
        return
    reader = PairReader(data, seed)
    try:
        files = reader.aligned_files()
        for pair in files:
            yield from _line_faults(*pair)
        if refused:
            reader.read()
    except DataError as error:
        yield str(error)


def _line_faults(src: Path, tgt: Path) -> Iterator[str]:
    """Lines of two aligned files that do not go together."""
    lines = zip_longest(read_lines(src), read_lines(tgt))
    for number, (one, other) in enumerate(lines, start=1):
        if one is None or other is None:
            return  # of unlike length, which reading says
        sizes = len(one.strip()), len(other.strip())
        if min(sizes) == 0:
            if max(sizes):
                blank = src if not sizes[0] else tgt
                yield f"{blank}: line {number}: blank, but its translation is not."
        elif max(sizes) > RATIO * min(sizes) and max(sizes) - min(sizes) > SIGNS:
            yield (
                f"{src}: line {number}: {sizes[0]} signs, and {sizes[1]} in {tgt.name}; "
                "hardly translations of each other. Are the files shifted against each other here?"
            )
