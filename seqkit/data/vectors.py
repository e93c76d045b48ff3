"""Pretrained word vectors in the text format of GloVe and fastText. Torch-free until vectors are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqkit.data.readers import iter_lines
from seqkit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from seqkit.nn.embedding import TokenEmbedding

Scaling = Literal["none", "unit", "standard"]


def vector_size(path: Path) -> int:
    """Numbers a word in a vector file.

    Raises:
        DataError: if its first line holds no vector.
    """
    for line in iter_lines(path):
        fields = line.rstrip().split(" ")
        if _are_counts(fields):
            return int(fields[1])
        if len(fields) > 2:
            return len(fields) - 1
        break
    raise DataError(
        f"{path}: line 1: not a vector, which is a word and its numbers, separated by spaces."
    )


def _are_counts(fields: Sequence[str]) -> bool:
    """Whether a line holds how many words there are and how many numbers each has, as fastText begins."""
    numbers = [int(field) for field in fields if field.isdecimal() and len(field) < 10]
    return len(fields) == len(numbers) == 2 and numbers[1] > 0


def words_with_vectors(path: Path, words: Iterable[str]) -> list[str]:
    """Those of the words, in the order of the alphabet, that the file has a vector for, in lower case at least."""
    wanted = set(words)
    found = {line.partition(" ")[0] for line in iter_lines(path)}
    return sorted(word for word in wanted if word in found or word.lower() in found)


def read_vectors(path: Path, words: Mapping[str, int]) -> tuple[Tensor, Tensor]:
    """Vectors of the words wanted.

    A word that the file lacks takes the vector of its lower-case form where there is one.

    Args:
        path: A text file, plain or gzip: a word and its numbers a line, separated by spaces.
        words: Wanted words and the row each one's vector goes to.

    Returns:
        rows, int64 [found]; vectors, float [found, size].

    Raises:
        DataError: if a line has another number of values than the first, or no number where one should be.
    """
    import numpy as np
    import torch

    size = vector_size(path)
    wanted = set(words) | {word.lower() for word in words}
    found: dict[str, np.ndarray] = {}
    for number, line in enumerate(iter_lines(path), start=1):
        word, _, rest = line.rstrip().partition(" ")
        if word not in wanted or word in found or (number == 1 and rest.isdigit()):
            continue
        try:
            with np.errstate(over="ignore"):
                vector = np.array(rest.split(" "), dtype=np.float32)
        except ValueError:
            vector = np.array([np.nan])
        if not np.isfinite(vector).all():
            raise DataError(f"{path}: line {number}: not a vector of numbers after {word!r}.")
        if len(vector) != size:
            raise DataError(
                f"{path}: line {number}: {len(vector)} numbers after {word!r}, expected {size}."
            )
        found[word] = vector
    hits = [(row, found.get(word, found.get(word.lower()))) for word, row in words.items()]
    rows = [row for row, vector in hits if vector is not None]
    vectors = np.array(
        [vector for _, vector in hits if vector is not None], dtype=np.float32
    ).reshape(-1, size)
    return torch.tensor(rows, dtype=torch.long), torch.from_numpy(vectors)


def scaled_vectors(vectors: Tensor, scaling: Scaling) -> Tensor:
    """Vectors [found, size] as they are (`none`), each of length 1 (`unit`), or each place of them with mean 0 and
    variance 1 over all (`standard`).

    >>> import torch
    >>> scaled_vectors(torch.tensor([[3.0, 4.0]]), "unit")
    tensor([[0.6000, 0.8000]])
    """
    if scaling == "unit":
        lengths: Tensor = vectors.norm(dim=1, keepdim=True)
        return vectors / lengths.clamp(min=1e-12)
    if scaling == "standard" and len(vectors):
        spread = vectors.std(dim=0, correction=0).clamp(min=1e-12)
        return (vectors - vectors.mean(dim=0)) / spread
    return vectors


def start_from_vectors(
    embedding: TokenEmbedding,
    path: Path,
    words: Mapping[str, int],
    *,
    freeze: bool = False,
    scaling: Scaling = "none",
) -> str:
    """Starts an embedding's rows from a vector file.

    Args:
        embedding: A learned embedding of the file's vector size.
        path: As for `read_vectors`.
        words: Words of the vocabulary and their rows.
        freeze: Whether the vectors stay as they are.
        scaling: See `scaled_vectors`.

    Returns:
        A sentence that says how many words were found.
    """
    rows, vectors = read_vectors(path, words)
    embedding.set_vectors(rows, scaled_vectors(vectors, scaling), freeze=freeze)
    share = len(rows) / max(1, len(words))
    return f"{path.name}: vectors for {len(rows):,} of {len(words):,} words ({share:.1%})."
