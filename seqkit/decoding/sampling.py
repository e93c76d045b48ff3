"""Sampling: each token is drawn from the model's distribution, or from its likeliest part.

Each sample has random numbers of its own, made from the seed, the id of its row and its number
among the row's samples. They therefore depend neither on its neighbours in the batch nor
on the device.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.decoding.greedy import walk_rows
from seqkit.decoding.hypothesis import Hypothesis, best_first
from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.step import S, SpecialIds, StepModel

FEW = 64
"""Tokens that are looked at first for those that hold most of the probability."""


def decode_samples(
    model: StepModel[S],
    state: S,
    max_lens: Tensor,
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
    row_ids: Sequence[int],
) -> list[list[Hypothesis]]:
    """For each row `options.nbest` independent samples, which may be alike, best first.

    Args:
        model: Scores the next token.
        state: Its first state.
        max_lens: Most steps of each row, int64 [rows], at least 1.
        ids: Ids of the special tokens.
        options: The settings; all but `method` and `beam_size` are read.
        return_attention: Keep the attention, if the model gives any.
        row_ids: What the random numbers of each row are made from, beside the seed.
    """
    num_samples = options.nbest
    rows = torch.arange(len(row_ids), device=max_lens.device).repeat_interleave(num_samples)
    repeated_lens = max_lens[rows]
    numbers = random_numbers(row_ids, num_samples, repeated_lens, options.seed)

    def choose(log_probs: Tensor, places: Tensor, step: int) -> Tensor:
        return draw_tokens(log_probs, numbers[places, step], options)

    samples = walk_rows(
        model, state.select(rows), repeated_lens, ids, options, return_attention, choose
    )
    return [
        best_first(samples[first : first + num_samples])
        for first in range(0, len(samples), num_samples)
    ]


def random_numbers(
    row_ids: Sequence[int], num_samples: int, max_lens: Tensor, seed: int | None
) -> Tensor:
    """Uniform numbers from 0 to 1 for each sample and step.

    Args:
        row_ids: An id for each row.
        num_samples: Samples for each row.
        max_lens: Steps that each sample needs numbers for, int64 [rows * num_samples]; 0 stands in
            the rest.
        seed: None for numbers that differ at each call.

    Returns:
        float32 [rows * num_samples, longest of max_lens], on the device of `max_lens`.
    """
    seed = secrets.randbits(64) if seed is None else seed
    lengths = max_lens.tolist()
    numbers = torch.zeros(len(lengths), max(lengths))
    for place, length in enumerate(lengths):
        row, sample = divmod(place, num_samples)
        # Python hashes a seed that is text, so that neighbouring ids do not give related numbers.
        generator = random.Random(f"{seed}/{row_ids[row]}/{sample}")
        numbers[place, :length] = torch.tensor([generator.random() for _ in range(length)])
    return numbers.to(max_lens.device)


def draw_tokens(log_probs: Tensor, numbers: Tensor, options: DecodingOptions) -> Tensor:
    """One token a row, drawn in proportion to its probability among those that the options leave.

    Temperature comes first, then `top_k`, then `top_p` on what is left, rescaled to sum to 1.

    Args:
        log_probs: Minus infinity where a token is forbidden, float [rows, vocab_size].
        numbers: Uniform from 0 to 1, float [rows]; the draw is the token at which the summed
            probability passes it.
        options: `temperature`, `top_k` and `top_p` are read.

    Returns:
        int64 [rows].

    `top_p` is the nucleus of Holtzman et al. 2020, section 3.1, https://arxiv.org/abs/1904.09751.
    """
    # Taking off the highest first keeps a very low temperature from overflowing.
    scaled = (log_probs - log_probs.amax(dim=-1, keepdim=True)) / options.temperature
    if not options.top_k and options.top_p == 1:
        return _draw_column(torch.softmax(scaled, dim=-1), numbers)
    if options.top_k:
        kept, tokens = scaled.topk(min(options.top_k, scaled.shape[1]))  # falling
        probs = torch.softmax(kept, dim=-1)
    else:
        probs, tokens = _likeliest(torch.softmax(scaled, dim=-1), options.top_p)
    outside = probs.cumsum(dim=-1) - probs >= options.top_p
    column = _draw_column(probs.masked_fill(outside, 0.0), numbers)
    return tokens.gather(1, column.unsqueeze(1)).squeeze(1)


def _likeliest(probs: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The likeliest tokens of each row, as many as hold `share` of the probability in every row, and some more.

    They are few as a rule, and finding them is then much less work than sorting the vocabulary.

    Args:
        probs: float [rows, vocab_size].
        share: 0 to 1.

    Returns:
        probabilities, float [rows, num_kept], falling; tokens, int64 [rows, num_kept].
    """
    num_kept = min(FEW, probs.shape[1])
    kept, tokens = probs.topk(num_kept)
    while num_kept < probs.shape[1] and bool((kept.cumsum(dim=-1)[:, -1] < share).any()):
        num_kept = min(4 * num_kept, probs.shape[1])
        kept, tokens = probs.topk(num_kept)
    return kept, tokens


def _draw_column(probs: Tensor, numbers: Tensor) -> Tensor:
    """Column of each row of `probs` [rows, columns] where its sum passes that part of the whole."""
    sums = probs.cumsum(dim=-1)
    passed = torch.searchsorted(sums, numbers.unsqueeze(1) * sums[:, -1:], right=True).squeeze(1)
    # A number that rounds to 1 passes no column; it belongs to the last one with a probability.
    last = (sums < sums[:, -1:]).sum(dim=-1)
    return torch.minimum(passed, last)
