"""Groups of like length: everything in one of them, and none nearly empty."""

from __future__ import annotations

from itertools import pairwise

import pytest

from seqkit.lengths import FEWEST, MOST_GROUPS, length_groups


@pytest.mark.parametrize(
    "lengths",
    [[], [1], [1, 2, 3], [5] * 100, [*range(1, 200)], [1] * 50 + [2, 90], [9, 2] * 30 + [4] * 9],
)
def test_everything_is_in_the_one_group_that_spans_its_length(lengths: list[int]) -> None:
    groups = length_groups(lengths)
    assert sorted(i for group in groups for i in group.members) == [*range(len(lengths))]
    for group in groups:
        assert {lengths[i] for i in group.members} >= {group.low, group.high}
        assert all(group.low <= lengths[i] <= group.high for i in group.members)
    assert all(a.high < b.low for a, b in pairwise(groups))
    assert len(groups) <= MOST_GROUPS
    assert all(len(group.members) >= min(FEWEST, len(lengths)) for group in groups)
