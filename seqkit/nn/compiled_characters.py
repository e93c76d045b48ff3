"""The convolution over characters as machine code, compiled by numba on first use: the extra `compiled`.

There are few different characters, so what each brings to a filter, at each place that the filter sees, is computed
once; a word is then sums of that, and nothing is multiplied any more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.nn.machine_code import arrays, compiled
from seqkit.nn.rows import copy
from seqkit.nn.workers import shared


@compiled
def fill_highest(
    begin: int, end: int, chars: Any, lengths: Any, brought: Any, bias: Any, highest: Any
) -> None:
    """Fills the highest sum of each filter in words `begin` to `end` - 1, [words, filters].

    `brought` is what each character brings at each place of the filters, [width, characters, filters].
    """
    width, middle = len(brought), len(brought) // 2
    sums = np.empty_like(bias)
    for word in range(begin, end):
        best, length = highest[word], lengths[word]
        for place in range(length):
            copy(bias, sums)
            for tap in range(max(0, middle - place), min(width, length + middle - place)):
                part = brought[tap, chars[word, place + tap - middle]]
                for k in range(len(sums)):
                    sums[k] += part[k]
            for k in range(len(sums)):
                best[k] = sums[k] if place == 0 else max(best[k], sums[k])


def highest(table: Tensor, convolution: torch.nn.Conv1d, chars: Tensor, lengths: Tensor) -> Tensor:
    """The maximum over each word of a convolution, float [words, filters].

    Args:
        table: Vectors of the characters, float [characters, size].
        convolution: As wide on both sides, with as much padding.
        chars: int64 [words, len].
        lengths: Characters of each word, int64 [words], each at least 1.
    """
    brought = torch.einsum("cs,fst->tcf", table, convolution.weight).contiguous()
    assert convolution.bias is not None
    result = table.new_empty(len(chars), convolution.out_channels)
    given = arrays(chars, lengths, brought, convolution.bias, result)
    sums = chars.numel() * brought.size(0) * brought.size(2)
    shared(lambda begin, end: fill_highest(begin, end, *given), len(chars), sums)
    return result
