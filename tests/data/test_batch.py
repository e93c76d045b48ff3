"""Where padding is made: what is real, what is not, and how a batch moves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqkit.data.batch import Batch, move, pad, steps_of

CPU = torch.device("cpu")
META = torch.device("meta")


@given(rows=st.lists(st.lists(st.integers(0, 99), min_size=1), min_size=1, max_size=6))
def test_the_real_steps_of_a_batch_are_the_rows_it_was_made_of(rows: list[list[int]]) -> None:
    batch = pad(rows, pad_idx=7)
    arrays = pad([np.array(row, dtype=np.int32) for row in rows], pad_idx=7)
    assert torch.equal(batch.values, arrays.values) and torch.equal(batch.lengths, arrays.lengths)
    assert len(batch) == len(rows)
    assert batch.values.dtype == batch.lengths.dtype == torch.int64
    assert batch.values.size(1) == max(len(row) for row in rows)
    for values, mask, row in zip(batch.values, batch.mask, rows, strict=True):
        assert values[mask].tolist() == row
        assert (values[~mask] == 7).all()


def test_an_empty_row_is_one_step_of_padding_so_that_every_row_has_a_step() -> None:
    batch = pad([[], [5, 6]], pad_idx=3)
    assert batch.values.tolist() == [[3, 3], [5, 6]]
    assert batch.lengths.tolist() == [1, 2]
    assert pad([[]]).values.tolist() == [[0]]


def test_the_mask_fits_vectors_as_it_fits_ids() -> None:
    batch = Batch(torch.zeros(2, 3, 4), torch.tensor([3, 1]))
    assert batch.mask.tolist() == [[True, True, True], [True, False, False]]


@dataclass(frozen=True)
class Pair:
    """A batch of batches, as tasks have them."""

    text: Batch
    labels: Tensor
    names: list[str]


def test_values_move_and_lengths_stay_on_the_cpu() -> None:
    pair = Pair(pad([[1, 2], [3]]), torch.tensor([0, 1]), ["a", "b"])
    moved = move(pair, META)
    assert {moved.text.values.device, moved.labels.device} == {META}
    assert moved.text.lengths.device == CPU
    assert moved.names == ["a", "b"]
    assert pair.labels.device == CPU


def test_a_move_changes_no_value() -> None:
    pair = Pair(pad([[1, 2], [3]]), torch.tensor([0, 1]), ["a", "b"])
    moved = move(pair, CPU)
    for field in dataclasses.fields(Batch):
        assert torch.equal(getattr(moved.text, field.name), getattr(pair.text, field.name))
    assert torch.equal(moved.labels, pair.labels)


def test_real_values_are_padded_as_ids_are() -> None:
    batch = pad([[0.5, 1.5], [2.5]])
    assert batch.values.tolist() == [[0.5, 1.5], [2.5, 0.0]]
    assert pad([[1, 0.5], []]).values.tolist() == [[1.0, 0.5], [0.0, 0.0]]


def test_steps_are_counted_over_all_sequences_of_a_batch() -> None:
    assert steps_of(pad([[1, 2, 3], [4], []])) == (5, 9)  # an empty row has a step
    assert steps_of(Two(pad([[1, 2], [3]]), pad([[1, 2, 3, 4]]), torch.zeros(7))) == (7, 8)
    assert steps_of(torch.zeros(3)) == (0, 0)


@dataclass(frozen=True)
class Two:
    """A batch with sequences on two sides."""

    src: Batch
    tgt: Batch
    labels: Tensor
