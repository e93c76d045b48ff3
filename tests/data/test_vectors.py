"""Pretrained vectors from files as GloVe and fastText write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from seqkit.data.vectors import read_vectors, start_from_vectors, vector_size
from seqkit.errors import DataError, ShapeError
from seqkit.nn.embedding import TokenEmbedding

GLOVE = "the 0.5 -1 2\nCat 1 2 3\ncat 4 5 6\n, 7 8 9e-1\n"
WORDS = {"cat": 4, "The": 5, ",": 6, "absent": 7}


@pytest.fixture
def glove(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_text(GLOVE, encoding="utf-8")
    return path


def by_row(path: Path, words: dict[str, int]) -> dict[int, list[float]]:
    rows, vectors = read_vectors(path, words)
    assert rows.dtype == torch.int64 and vectors.dtype == torch.float32
    return {
        int(row): [round(v, 3) for v in vector.tolist()]
        for row, vector in zip(rows, vectors, strict=True)
    }


def test_each_word_gets_its_own_vector_or_that_of_its_lower_case_form(glove: Path) -> None:
    assert by_row(glove, WORDS) == {4: [4, 5, 6], 5: [0.5, -1, 2], 6: [7, 8, 0.9]}
    assert by_row(glove, {"Cat": 0}) == {0: [1, 2, 3]}


def test_fasttexts_line_of_counts_is_no_word(glove: Path) -> None:
    glove.write_text(f"4 3\n{GLOVE}", encoding="utf-8")
    assert vector_size(glove) == 3
    assert by_row(glove, {**WORDS, "4": 9}) == {4: [4, 5, 6], 5: [0.5, -1, 2], 6: [7, 8, 0.9]}


def test_a_space_at_the_end_of_lines_is_no_number(glove: Path) -> None:
    glove.write_text(GLOVE.replace("\n", " \n"), encoding="utf-8")
    assert vector_size(glove) == 3
    assert by_row(glove, {"cat": 4}) == {4: [4, 5, 6]}


def test_a_packed_file_reads_the_same(glove: Path, tmp_path: Path) -> None:
    packed = tmp_path / "vectors.txt.gz"
    packed.write_bytes(gzip.compress(GLOVE.encode()))
    assert by_row(packed, WORDS) == by_row(glove, WORDS)
    assert vector_size(packed) == 3


def test_the_first_of_two_vectors_for_a_word_counts(glove: Path) -> None:
    glove.write_text(f"{GLOVE}cat 0 0 0\n", encoding="utf-8")
    assert by_row(glove, {"cat": 4}) == {4: [4, 5, 6]}


def test_no_word_found_gives_no_rows(glove: Path) -> None:
    rows, vectors = read_vectors(glove, {"absent": 4})
    assert rows.shape == (0,) and vectors.shape == (0, 3)


def test_a_line_with_another_number_of_values_is_named(glove: Path) -> None:
    glove.write_text("the 1 2 3\ncat 1 2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"vectors\.txt: line 2: 2 numbers after 'cat', expected 3"):
        read_vectors(glove, {"cat": 4})


@pytest.mark.parametrize("value", ["x", "nan", "1e400"])
def test_a_line_with_something_else_than_numbers_is_named(glove: Path, value: str) -> None:
    glove.write_text(f"the 1 2 3\ncat 1 {value} 3\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2: not a vector of numbers after 'cat'"):
        read_vectors(glove, {"cat": 4})


@pytest.mark.parametrize(
    "content", ["word\n", "the\t1\t2\n", "\n", "one 1\n", "5 0\n", f"5 {'9' * 5000}\n", "5 ²\n"]
)
def test_a_file_without_vectors_is_named(glove: Path, content: str) -> None:
    glove.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"vectors\.txt: line 1: not a vector"):
        vector_size(glove)


def test_an_embedding_starts_from_the_file_and_the_sentence_tells_how_much(glove: Path) -> None:
    embedding = TokenEmbedding("learned", 8, 3)
    said = start_from_vectors(embedding, glove, WORDS, freeze=True)
    assert said == "vectors.txt: vectors for 3 of 4 words (75.0%)."
    assert embedding(torch.tensor(4)).tolist() == [4, 5, 6]
    assert not any(weight.requires_grad for weight in embedding.parameters())


def test_vectors_learn_on_unless_they_are_frozen(glove: Path) -> None:
    embedding = TokenEmbedding("learned", 8, 3)
    start_from_vectors(embedding, glove, WORDS, freeze=False)
    assert all(weight.requires_grad for weight in embedding.parameters())


def test_vectors_are_scaled_to_length_one_or_to_a_common_spread(glove: Path) -> None:
    vectors = {}
    for scaling in ("none", "unit", "standard"):
        embedding = TokenEmbedding("learned", 8, 3)
        start_from_vectors(embedding, glove, WORDS, scaling=scaling)
        vectors[scaling] = embedding(torch.tensor([4, 5, 6]))
    plain = vectors["none"]
    torch.testing.assert_close(vectors["unit"], plain / plain.norm(dim=1, keepdim=True))
    torch.testing.assert_close(vectors["standard"].mean(dim=0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(vectors["standard"].var(dim=0, correction=0), torch.ones(3))
    embedding = TokenEmbedding("learned", 8, 3)
    start_from_vectors(embedding, glove, {"absent": 7}, scaling="standard")
    assert embedding(torch.tensor(7)).isfinite().all()


def test_an_embedding_of_another_width_is_refused(glove: Path) -> None:
    with pytest.raises(ShapeError, match=r"vectors must be \[3, 4\], got \[3, 3\]"):
        start_from_vectors(TokenEmbedding("learned", 8, 4), glove, WORDS, freeze=False)
