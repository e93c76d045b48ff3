"""Words to vectors in each of the three ways."""

from __future__ import annotations

import pytest
import torch

from seqkit.errors import ShapeError, UnknownNameError
from seqkit.nn.embedding import TokenEmbedding

IDS = torch.tensor([[1, 4, 0], [2, 2, 3]])


def test_an_integer_is_the_id_as_one_number() -> None:
    embedding = TokenEmbedding("integer", 8)
    assert embedding.output_size == 1
    assert embedding(IDS).tolist() == [[[1.0], [4.0], [0.0]], [[2.0], [2.0], [3.0]]]


def test_a_scaled_integer_is_divided_by_the_size_of_the_vocabulary() -> None:
    vectors = TokenEmbedding("integer", 8, scale_integer=True)(IDS)
    assert vectors.squeeze(-1).tolist() == [[0.125, 0.5, 0.0], [0.25, 0.25, 0.375]]


def test_one_hot_has_a_single_1_at_the_tokens_place() -> None:
    embedding = TokenEmbedding("one_hot", 5)
    vectors = embedding(IDS)
    assert vectors.shape == (2, 3, embedding.output_size) and vectors.is_floating_point()
    assert torch.equal(vectors.argmax(dim=-1), IDS)
    assert torch.equal(vectors.sum(dim=-1), torch.ones(2, 3)) and vectors.max() == 1


def test_a_learned_table_gives_its_rows_and_learns_them() -> None:
    embedding = TokenEmbedding("learned", 5, 3)
    assert embedding.table is not None and embedding.output_size == 3
    vectors = embedding(IDS)
    assert torch.equal(vectors, embedding.table.weight[IDS])
    vectors.sum().backward()
    grad = embedding.table.weight.grad
    assert grad is not None
    assert grad[:, 0].tolist() == [0, 1, 2, 1, 1]  # padding, id 0, learns nothing


@pytest.mark.parametrize("kind", ["one_hot", "integer"])
def test_the_other_kinds_have_nothing_to_learn(kind: str) -> None:
    assert not list(TokenEmbedding(kind, 5).parameters())


def test_the_vector_of_padding_is_0_at_its_own_id() -> None:
    embedding = TokenEmbedding("learned", 5, 3, pad_idx=2)
    assert embedding(torch.tensor([0, 1, 2])).any(dim=-1).tolist() == [True, True, False]


def test_pretrained_vectors_fill_their_rows_and_no_other() -> None:
    embedding = TokenEmbedding("learned", 6, 2)
    assert embedding.table is not None
    before = embedding.table.weight.detach().clone()
    embedding.set_vectors(torch.tensor([5, 3]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert embedding(torch.tensor([5, 3])).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    rest = [0, 1, 2, 4]
    assert torch.equal(embedding.table.weight[rest], before[rest])
    assert embedding.table.weight.requires_grad


def test_frozen_vectors_get_no_gradient() -> None:
    embedding = TokenEmbedding("learned", 6, 2)
    embedding.set_vectors(torch.tensor([5]), torch.tensor([[1.0, 2.0]]), freeze=True)
    assert not any(weight.requires_grad for weight in embedding.parameters())
    assert not embedding(IDS).requires_grad


def test_vectors_of_another_width_are_refused_with_both_shapes() -> None:
    embedding = TokenEmbedding("learned", 6, 2)
    with pytest.raises(ShapeError, match=r"vectors must be \[1, 2\], got \[1, 3\]"):
        embedding.set_vectors(torch.tensor([5]), torch.zeros(1, 3))
    with pytest.raises(ShapeError, match="vectors must be"):
        TokenEmbedding("integer", 6).set_vectors(torch.tensor([5]), torch.zeros(1, 3))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown embedding 'onehot'.*Did you mean 'one_hot'"
    ):
        TokenEmbedding("onehot", 5)


def test_scaled_vectors_are_the_tables_rows_times_the_root_of_their_width() -> None:
    embedding = TokenEmbedding("learned", 5, 4, scaled=True)
    assert embedding.table is not None
    torch.testing.assert_close(embedding(IDS), 2 * embedding.table.weight[IDS])


def test_embedding_dropout_zeroes_a_word_everywhere_in_the_batch_and_only_in_training() -> None:
    torch.manual_seed(0)
    embedding = TokenEmbedding("learned", 200, 3, dropout=0.25)
    assert embedding.table is not None
    ids = torch.arange(1, 200).repeat(2, 1)
    vectors = embedding(ids)
    torch.testing.assert_close(vectors[0], vectors[1])
    dropped = (vectors[0] == 0).all(dim=-1)
    assert 0.15 < dropped.float().mean() < 0.35
    wanted = embedding.table.weight[ids[0][~dropped]] / 0.75
    torch.testing.assert_close(vectors[0][~dropped], wanted)
    assert not (embedding.eval()(ids) == 0).all(dim=-1).any()
