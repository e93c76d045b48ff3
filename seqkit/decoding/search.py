"""The one entrance to decoding: checks its input and calls the method that the options name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.decoding.beam import decode_beam
from seqkit.decoding.greedy import decode_greedy
from seqkit.decoding.hypothesis import Hypothesis
from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.sampling import decode_samples
from seqkit.decoding.step import S, SpecialIds, StepModel
from seqkit.errors import ConfigError, SeqkitError, ShapeError


@torch.no_grad()
def decode(
    model: StepModel[S],
    state: S,
    num_rows: int,
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool = False,
    *,
    max_lens: Tensor | Sequence[int] | None = None,
    row_ids: Tensor | Sequence[int] | None = None,
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """An n-best list for each row of the batch, best first.

    A row's result does not depend on the other rows, as far as the model's own arithmetic does not.
    A list is shorter than `options.nbest` only where beam search runs out of possible sentences.
    Put the model in evaluation mode before; gradients are off.

    Args:
        model: Scores the next token.
        state: Its state before the first step, of `num_rows` rows; it stays as it is.
        num_rows: Sentences to decode.
        ids: Ids of the special tokens in the model's vocabulary.
        options: The settings.
        return_attention: Give each hypothesis its attention, if the model has any.
        max_lens: Most steps of each row beside `options.max_len` (both hold), int64 [num_rows], at
            least 1.
        row_ids: A number for each row that its random numbers depend on, [num_rows]; its place in
            the data set keeps samples the same however the data is batched. Its place in this batch
            if None.
        device: Where the model is.

    Raises:
        ShapeError: if `max_lens` or `row_ids` is not of `num_rows` entries.
        ConfigError: if an entry of `max_lens` is below 1.
        SeqkitError: if the model gives probabilities that are not finite numbers.
    """
    lengths = _step_limits(max_lens, num_rows, options.max_len)
    places = range(num_rows) if row_ids is None else _entries("row_ids", row_ids, num_rows)
    if num_rows == 0:
        return []
    limits = torch.tensor(lengths, device=device)
    if options.method == "beam":
        outputs = decode_beam(model, state, limits, ids, options, return_attention)
    elif options.method == "greedy":
        outputs = decode_greedy(model, state, limits, ids, options, return_attention)
    else:  # sample, and what mbr chooses among
        outputs = decode_samples(model, state, limits, ids, options, return_attention, places)
    _check_finite(outputs)
    return outputs


def _step_limits(max_lens: Tensor | Sequence[int] | None, num_rows: int, max_len: int) -> list[int]:
    """Most steps of each row."""
    if max_lens is None:
        return [max_len] * num_rows
    limits = _entries("max_lens", max_lens, num_rows)
    for row, limit in enumerate(limits):
        if limit < 1:
            raise ConfigError(f"max_lens must be at least 1 token, got {limit} in row {row}.")
    return [min(limit, max_len) for limit in limits]


def _entries(name: str, values: Tensor | Sequence[int], num_rows: int) -> list[int]:
    shape = tuple(values.shape) if isinstance(values, Tensor) else (len(values),)
    if shape != (num_rows,):
        raise ShapeError(f"{name}: expected shape [{num_rows}], received {list(shape)}.")
    return [int(value) for value in values]


def _check_finite(outputs: list[list[Hypothesis]]) -> None:
    for row, hypotheses in enumerate(outputs):
        if not hypotheses or not all(math.isfinite(hyp.log_prob) for hyp in hypotheses):
            raise SeqkitError(
                f"Row {row} of the batch cannot be decoded: the model gives no allowed token a "
                "probability above 0. Weights that became infinite or not-a-number in training do "
                "this; train again with a lower learning rate."
            )
