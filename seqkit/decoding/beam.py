"""Beam search: all sentences and all hypotheses of each are rows of one batch.

Shapes: batch = sentences still searched; width = live hypotheses of a sentence, 1 before the first
step and then up to `beam_size`; rows = batch * width, all hypotheses of the first sentence first. A
slot without hypothesis has log-probability minus infinity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Generic

import torch
from torch import Tensor

from seqkit.decoding.constraints import allowed_log_probs
from seqkit.decoding.hypothesis import Hypothesis, Paths, best_first, length_norm
from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.step import S, SpecialIds, StepModel
from seqkit.nn.kernels import runs_compiled


@dataclass
class Beam(Generic[S]):
    """The sentences that are still searched, and what has ended of all."""

    model_state: S
    """Of `rows` rows."""
    inputs: Tensor
    """Tokens that the next step reads, int64 [rows]."""
    paths: Paths
    """What the live hypotheses have produced, one a row."""
    log_probs: Tensor
    """Of the live hypotheses, float32 [batch, width], falling."""
    max_lens: Tensor
    """int64 [batch], in steps."""
    places: Tensor
    """Place of each sentence in the batch that was given, int64 [batch]."""
    best_scores: Tensor
    """Of the best finished hypotheses, float32 [batch, nbest], falling; minus infinity for none."""
    num_finished: Tensor
    """Finished hypotheses, int64 [batch]."""
    outputs: list[list[Hypothesis]]
    """By place, the hypotheses that have ended."""


@dataclass
class Candidates:
    """The likeliest ways to make hypotheses longer by one token.

    All are [batch, num_candidates], by falling log-probability.
    """

    log_probs: Tensor
    """Of the whole hypothesis, float32."""
    tokens: Tensor
    """The token it would get, int64."""
    token_log_probs: Tensor
    """The log-probability of that token, float32."""
    rows: Tensor
    """Row of the hypothesis that it makes longer, int64."""

    def select(self, index: Tensor) -> Candidates:
        """Those at `index`, int64 [batch, n]."""
        return Candidates(
            self.log_probs.gather(1, index),
            self.tokens.gather(1, index),
            self.token_log_probs.gather(1, index),
            self.rows.gather(1, index),
        )


def decode_beam(
    model: StepModel[S],
    state: S,
    max_lens: Tensor,
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
) -> list[list[Hypothesis]]:
    """For each sentence the `options.nbest` best hypotheses found, best first, all different.

    At each step the `beam_size` likeliest candidates count: those that end are set aside, and the
    live hypotheses are filled up to `beam_size` from the candidates behind. A sentence is done when
    no live one can still get among the `nbest` best, when `beam_size` hypotheses have finished and
    no live one scores better so far than the `nbest` best of them, or at its length limit, where
    live hypotheses are cut.

    Args:
        model: Scores the next token.
        state: Its first state, one row a sentence.
        max_lens: Most steps of each sentence, int64 [batch], at least 1.
        ids: Ids of the special tokens.
        options: The settings.
        return_attention: Keep the attention, if the model gives any.

    The bound on live hypotheses and the penalties are those of Wu et al. 2016, section 7,
    https://arxiv.org/abs/1609.08144; the paper also prunes by distance from the best candidate,
    which is left out.
    """
    beam = init(state, max_lens, ids, options)
    while beam.places.numel():
        step(model, beam, ids, options, return_attention or options.coverage_penalty > 0)
    nbest = finish(beam, options)
    if not return_attention:
        nbest = [[replace(hyp, attention=None) for hyp in row] for row in nbest]
    return nbest


def init(state: S, max_lens: Tensor, ids: SpecialIds, options: DecodingOptions) -> Beam[S]:
    """A search before its first step: one live hypothesis a sentence, without tokens."""
    batch, device = len(max_lens), max_lens.device
    places = torch.arange(batch, device=device)
    return Beam(
        model_state=state,
        inputs=torch.full_like(places, ids.bos_idx),
        paths=Paths.empty(batch, device),
        log_probs=torch.zeros(batch, 1, device=device),
        max_lens=max_lens,
        places=places,
        best_scores=torch.full((batch, options.nbest), -math.inf, device=device),
        num_finished=torch.zeros_like(places),
        outputs=[[] for _ in range(batch)],
    )


def step(
    model: StepModel[S],
    beam: Beam[S],
    ids: SpecialIds,
    options: DecodingOptions,
    return_attention: bool,
) -> None:
    """Makes every live hypothesis longer by one token; sentences that are done leave the batch."""
    logits, beam.model_state, attn = model.step(beam.inputs, beam.model_state)
    attn = attn if return_attention else None
    log_probs = allowed_log_probs(logits, beam.paths.tokens, ids, options)
    candidates = best_candidates(beam.log_probs, log_probs, options.beam_size)
    ends = candidates.tokens == ids.eos_idx
    _set_ended_aside(beam, candidates, ends, attn, options)
    live = _best_live(candidates, ends, options.beam_size)
    _advance(beam, live, attn, options)


def finish(beam: Beam[S], options: DecodingOptions) -> list[list[Hypothesis]]:
    """The n-best lists in the order of the batch."""
    return [best_first(hypotheses)[: options.nbest] for hypotheses in beam.outputs]


def best_candidates(live_log_probs: Tensor, log_probs: Tensor, beam_size: int) -> Candidates:
    """The likeliest candidates of each sentence, enough that `beam_size` of them do not end.

    Args:
        live_log_probs: Of the live hypotheses, float32 [batch, width].
        log_probs: Of their next tokens, float32 [rows, vocab_size].
        beam_size: Live hypotheses wanted.
    """
    batch, width = live_log_probs.shape
    vocab_size = log_probs.shape[-1]
    # Each hypothesis has one way to end, so at most `width` candidates do.
    num_candidates = min(beam_size + width, width * vocab_size)
    # Those of a sentence are among the best of its hypotheses; few are left to add up.
    each, tokens = _highest(log_probs, min(num_candidates, vocab_size))  # [rows, ways]
    ways = each.shape[-1]
    best, index = (live_log_probs.view(-1, 1) + each).view(batch, -1).topk(num_candidates)
    first_rows = torch.arange(0, batch * width, width, device=index.device).unsqueeze(1)
    return Candidates(
        log_probs=best,
        tokens=tokens.view(batch, -1).gather(1, index),
        token_log_probs=each.view(batch, -1).gather(1, index),
        rows=first_rows + index.div(ways, rounding_mode="floor"),
    )


def _highest(log_probs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest of each row, falling, and where they stand, each [rows, count]."""
    if not runs_compiled(log_probs):
        best = log_probs.topk(count)
        return best.values, best.indices
    from seqkit.nn import compiled_top  # numba takes a while

    return compiled_top.highest(log_probs, count)


def sentences_done(
    live_log_probs: Tensor,
    best_scores: Tensor,
    num_finished: Tensor,
    num_steps: int,
    max_lens: Tensor,
    options: DecodingOptions,
) -> Tensor:
    """True where the search of a sentence is over, bool [batch].

    A live hypothesis can only lose log-probability, and loses none at best, nor by coverage; the length
    that divides it is `max_lens` at most. As log-probabilities are below 0, dividing by the most gives the
    highest score that it can reach. That bound is far off, so once `beam_size` hypotheses have
    finished the score of the live one as it stands decides: enough poor ones may end while the
    likeliest sentence is still growing, and that must not stop it.
    """
    best_live = live_log_probs[:, 0]
    # Both hold too where nothing is live: its score is then minus infinity.
    settled = best_live / length_norm(max_lens, options.length_penalty) <= best_scores[:, -1]
    behind = best_live / length_norm(float(num_steps), options.length_penalty) <= best_scores[:, -1]
    enough = num_finished >= options.beam_size
    return settled | (enough & behind) | (max_lens <= num_steps)


def _set_ended_aside(
    beam: Beam[S],
    candidates: Candidates,
    ends: Tensor,
    attn: Tensor | None,
    options: DecodingOptions,
) -> None:
    """Makes hypotheses of the candidates that end and are among the `beam_size` best."""
    ended = ends & candidates.log_probs.isfinite()
    ended[:, options.beam_size :] = False
    sentences, ranks = ended.nonzero(as_tuple=True)
    if not sentences.numel():
        return
    rows = candidates.rows[sentences, ranks]
    paths = beam.paths.select(rows).extend(
        candidates.tokens[sentences, ranks],
        candidates.token_log_probs[sentences, ranks],
        None if attn is None else attn[rows],
    )
    _record(beam, sentences, paths, options, finished=True)
    norm = length_norm(float(paths.num_steps), options.length_penalty)
    scores = candidates.log_probs.masked_fill(~ended, -math.inf) / norm
    scores[sentences, ranks] += paths.coverage_scores(options.coverage_penalty)
    beam.best_scores = torch.cat([beam.best_scores, scores], dim=1).topk(options.nbest).values
    beam.num_finished = beam.num_finished + ended.sum(dim=1)


def _best_live(candidates: Candidates, ends: Tensor, beam_size: int) -> Candidates:
    """The best candidates that go on, up to `beam_size` a sentence; empty slots come last."""
    going_on = candidates.log_probs.masked_fill(ends, -math.inf)
    log_probs, index = going_on.topk(min(beam_size, going_on.shape[1]))
    live = candidates.select(index)
    live.log_probs = log_probs
    return live


def _advance(
    beam: Beam[S], live: Candidates, attn: Tensor | None, options: DecodingOptions
) -> None:
    """Makes `live` the hypotheses of the beam, without the sentences that are done."""
    rows = live.rows.flatten()
    paths = beam.paths.select(rows).extend(
        live.tokens.flatten(),
        live.token_log_probs.flatten(),
        None if attn is None else attn[rows],
    )
    at_limit = beam.max_lens <= paths.num_steps
    _record_cut(beam, live, paths, at_limit, options)
    done = sentences_done(
        live.log_probs,
        beam.best_scores,
        beam.num_finished,
        paths.num_steps,
        beam.max_lens,
        options,
    )
    kept = (~done).nonzero().squeeze(1)
    if kept.numel():
        beam.model_state = beam.model_state.select(live.rows[kept].flatten())
    slots = torch.arange(len(rows), device=rows.device).view_as(live.rows)
    beam.paths = paths if len(kept) == len(done) else paths.select(slots[kept].flatten())
    beam.inputs = live.tokens[kept].flatten()
    beam.log_probs = live.log_probs[kept]
    beam.max_lens = beam.max_lens[kept]
    beam.places = beam.places[kept]
    beam.best_scores = beam.best_scores[kept]
    beam.num_finished = beam.num_finished[kept]


def _record_cut(
    beam: Beam[S], live: Candidates, paths: Paths, at_limit: Tensor, options: DecodingOptions
) -> None:
    """Makes hypotheses of the live ones of each sentence that is at its limit."""
    cut = at_limit.unsqueeze(1) & live.log_probs.isfinite()  # [batch, width]
    rows = cut.flatten().nonzero().squeeze(1)
    if rows.numel():
        sentences = rows.div(cut.shape[1], rounding_mode="floor")
        _record(beam, sentences, paths.select(rows), options, finished=False)


def _record(
    beam: Beam[S], sentences: Tensor, paths: Paths, options: DecodingOptions, finished: bool
) -> None:
    """Adds the paths [n] to the outputs of their sentences, int64 [n]."""
    hypotheses = paths.hypotheses(options.length_penalty, finished, options.coverage_penalty)
    for place, hypothesis in zip(beam.places[sentences].tolist(), hypotheses, strict=True):
        beam.outputs[place].append(hypothesis)
