"""Greedy decoding, and the walk along one path a row that sampling shares with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from seqkit.decoding.constraints import allowed_log_probs
from seqkit.decoding.hypothesis import Hypothesis, Paths
from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.step import S, SpecialIds, StepModel

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""(log_probs [rows, vocab_size], places in the batch [rows], steps before) -> tokens [rows]."""


@dataclass
class Walk(Generic[S]):
    """The rows of the batch that have not ended, each with its one path."""

    model_state: S
    inputs: Tensor
    """Tokens that the next step reads, int64 [rows]."""
    paths: Paths
    max_lens: Tensor
    """int64 [rows], in steps."""
    places: Tensor
    """Place of each row in the batch that was given, int64 [rows]."""
    outputs: dict[int, Hypothesis]
    """By place, those that have ended."""


def decode_greedy(
    model: StepModel[S],
    state: S,
    max_lens: Tensor,
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
) -> list[list[Hypothesis]]:
    """For each row the hypothesis of the likeliest token at each step; arguments: `walk_rows`."""
    outputs = walk_rows(model, state, max_lens, ids, options, return_attention, likeliest_tokens)
    return [[hypothesis] for hypothesis in outputs]


def likeliest_tokens(log_probs: Tensor, places: Tensor, step: int) -> Tensor:
    """Token of the highest log-probability in each row."""
    return log_probs.argmax(dim=-1)


def walk_rows(
    model: StepModel[S],
    state: S,
    max_lens: Tensor,
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
    choose: Choose,
) -> list[Hypothesis]:
    """One hypothesis a row, made of the tokens that `choose` picks.

    Args:
        model: Scores the next token.
        state: Its first state.
        max_lens: Most steps of each row, int64 [rows], at least 1.
        ids: Ids of the special tokens.
        options: Which tokens are allowed, and the length penalty.
        return_attention: Keep the attention, if the model gives any.
        choose: Picks the next token of each row.
    """
    walk = init(state, max_lens, ids)
    while walk.places.numel():
        step(model, walk, ids, options, return_attention, choose)
    return finish(walk)


def init(state: S, max_lens: Tensor, ids: SpecialIds) -> Walk[S]:
    """A walk before its first step."""
    places = torch.arange(len(max_lens), device=max_lens.device)
    inputs = torch.full_like(places, ids.bos_idx)
    return Walk(state, inputs, Paths.empty(len(places), places.device), max_lens, places, {})


def step(
    model: StepModel[S],
    walk: Walk[S],
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
    choose: Choose,
) -> None:
    """Takes every row on by one token; rows that end leave the batch."""
    logits, walk.model_state, attn = model.step(walk.inputs, walk.model_state)
    log_probs = allowed_log_probs(logits, walk.paths.tokens, ids, options)
    tokens = choose(log_probs, walk.places, walk.paths.num_steps)
    token_log_probs = log_probs.gather(1, tokens.unsqueeze(1)).squeeze(1)
    walk.inputs = tokens
    walk.paths = walk.paths.extend(tokens, token_log_probs, attn if return_attention else None)

    ended = tokens == ids.eos_idx
    cut = ~ended & (walk.paths.num_steps >= walk.max_lens)
    if bool((ended | cut).any()):
        _record(walk, ended, options, finished=True)
        _record(walk, cut, options, finished=False)
        _keep(walk, ~(ended | cut))


def finish(walk: Walk[S]) -> list[Hypothesis]:
    """The hypotheses in the order of the batch."""
    return [walk.outputs[place] for place in range(len(walk.outputs))]


def _record(walk: Walk[S], mask: Tensor, options: DecodingOptions, finished: bool) -> None:
    """Makes hypotheses of the rows where `mask` [rows] is True."""
    rows = mask.nonzero().squeeze(1)
    hypotheses = walk.paths.select(rows).hypotheses(options.length_penalty, finished)
    walk.outputs.update(zip(walk.places[rows].tolist(), hypotheses, strict=True))


def _keep(walk: Walk[S], mask: Tensor) -> None:
    """Drops the rows where `mask` [rows] is False."""
    rows = mask.nonzero().squeeze(1)
    if rows.numel():
        walk.model_state = walk.model_state.select(rows)
    walk.inputs = walk.inputs[rows]
    walk.paths = walk.paths.select(rows)
    walk.max_lens = walk.max_lens[rows]
    walk.places = walk.places[rows]
