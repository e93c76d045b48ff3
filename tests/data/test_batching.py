"""Which examples share a batch: each once, like with like, within the budget."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.batching import BlockBatches, make_batches

many_lengths = st.lists(st.integers(0, 40), max_size=80)
sizes = st.integers(1, 9)
budgets = st.integers(0, 100)
seeds = st.none() | st.integers(0, 99)


def generator(seed: int | None) -> random.Random | None:
    return None if seed is None else random.Random(seed)


@given(lengths=many_lengths, batch_size=sizes, batch_tokens=budgets, seed=seeds)
def test_every_example_is_in_exactly_one_batch(
    lengths: list[int], batch_size: int, batch_tokens: int, seed: int | None
) -> None:
    batches = make_batches(
        lengths, batch_size=batch_size, batch_tokens=batch_tokens, rng=generator(seed)
    )
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)


@given(lengths=many_lengths, batch_size=sizes, seed=seeds)
def test_no_batch_is_larger_than_asked_and_few_are_smaller(
    lengths: list[int], batch_size: int, seed: int | None
) -> None:
    batches = make_batches(lengths, batch_size=batch_size, rng=generator(seed))
    assert all(len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(lengths) // batch_size)


@given(lengths=many_lengths, budget=st.integers(1, 100), seed=seeds)
def test_the_budget_of_tokens_counts_padding_and_yields_only_to_a_single_longer_example(
    lengths: list[int], budget: int, seed: int | None
) -> None:
    batches = make_batches(lengths, batch_size=1, batch_tokens=budget, rng=generator(seed))
    for batch in batches:
        padded = len(batch) * max(lengths[index] for index in batch)
        assert padded <= budget or len(batch) == 1


@given(lengths=many_lengths, batch_size=sizes, batch_tokens=budgets)
def test_without_a_generator_examples_stand_by_length_ties_in_their_own_order(
    lengths: list[int], batch_size: int, batch_tokens: int
) -> None:
    batches = make_batches(lengths, batch_size=batch_size, batch_tokens=batch_tokens)
    order = [index for batch in batches for index in batch]
    assert order == sorted(range(len(lengths)), key=lambda index: (lengths[index], index))


def test_a_budget_is_used_up_where_examples_are_short() -> None:
    assert [len(b) for b in make_batches([4] * 10, batch_size=1, batch_tokens=16)] == [4, 4, 2]


def test_a_seed_decides_the_batches_and_another_one_gives_others() -> None:
    lengths = [index % 13 for index in range(200)]
    first, again, other = (
        make_batches(lengths, batch_size=8, rng=random.Random(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_shuffled_batches_still_hold_examples_of_like_length() -> None:
    lengths = [random.Random(index).randint(1, 100) for index in range(1000)]
    batches = make_batches(lengths, batch_size=10, rng=random.Random(0))
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded < 1.15 * sum(lengths)  # at random it is about 1.8 times
    assert [max(lengths[i] for i in b) for b in batches] != sorted(
        max(lengths[i] for i in b) for b in batches
    )


@pytest.mark.parametrize("options", [{"batch_size": 7}, {"batch_size": 1, "batch_tokens": 100}])
@pytest.mark.parametrize("count", [1, 63, 64, 5000])
def test_batches_of_blocks_hold_every_example_once(count: int, options: dict[str, int]) -> None:
    lengths = np.array([1 + index * index % 37 for index in range(count)], dtype=np.int32)
    batches = BlockBatches(lengths, seed="1 1", **options)
    found = list(batches)
    assert sorted(index for batch in found for index in batch) == list(range(count))
    assert len(batches) == len(found) and list(batches) == found
    if tokens := options.get("batch_tokens"):
        assert all(len(batch) * max(lengths[i] for i in batch) <= tokens for batch in found)
    else:
        assert all(len(batch) <= 7 for batch in found)
    if count > 64:
        assert list(BlockBatches(lengths, seed="1 2", **options)) != found


def test_batches_of_blocks_mix_places_far_apart_and_waste_little() -> None:
    lengths = np.array([random.Random(i).randint(1, 100) for i in range(20_000)], dtype=np.int32)
    batches = list(BlockBatches(lengths, batch_size=16, seed="1 1"))
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert padded < 1.1 * lengths.sum()
    spread = [max(batch) - min(batch) for batch in batches if len(batch) == 16]
    assert sorted(spread)[len(spread) // 10] > 5000
