"""Which tokens may come next, whatever the model would like."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqkit.decoding.options import DecodingOptions
from seqkit.decoding.step import SpecialIds


def allowed_log_probs(
    logits: Tensor, tokens: Tensor, ids: SpecialIds, options: DecodingOptions
) -> Tensor:
    """Log-probabilities of the next token, with minus infinity where a token is forbidden.

    The others keep what the model gives them; they are not scaled up to sum to 1, so that sums
    along a path stay the model's own. Padding and the start mark are always forbidden, `options`
    says what else is. Where that leaves a row no token at all, it may end even before `min_len`.

    Args:
        logits: The model's scores, float [rows, vocab_size].
        tokens: What the rows have produced, int64 [rows, steps].
        ids: Ids of the special tokens.
        options: `min_len`, `no_repeat_ngram` and `forbid_unk` are read.

    Returns:
        float32 [rows, vocab_size], a new tensor.
    """
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    for idx in (ids.pad_idx, ids.bos_idx):
        log_probs[:, idx] = -math.inf
    if options.forbid_unk:
        log_probs[:, ids.unk_idx] = -math.inf
    if options.no_repeat_ngram:
        _forbid_repeats(log_probs, tokens, options.no_repeat_ngram, ids.pad_idx)
    if tokens.shape[1] < options.min_len:
        _forbid_end(log_probs, ids.eos_idx)
    return log_probs


def _forbid_repeats(log_probs: Tensor, tokens: Tensor, size: int, pad_idx: int) -> None:
    """Forbids, in place, tokens that would complete an n-gram that the row already has."""
    steps = tokens.shape[1]
    if steps < size:
        return
    ngrams = tokens.unfold(1, size, 1)  # [rows, steps - size + 1, size]
    current = tokens[:, steps - size + 1 :].unsqueeze(1)  # [rows, 1, size - 1]
    begins_alike = (ngrams[:, :, :-1] == current).all(dim=-1)
    # Those that begin otherwise point at padding, which is forbidden anyway.
    repeats = ngrams[:, :, -1].masked_fill(~begins_alike, pad_idx)
    log_probs.scatter_(1, repeats, -math.inf)


def _forbid_end(log_probs: Tensor, eos_idx: int) -> None:
    """Forbids the end mark, in place, in each row that can go on."""
    end = log_probs[:, eos_idx].clone()
    log_probs[:, eos_idx] = -math.inf
    stuck = log_probs.amax(dim=-1) == -math.inf
    log_probs[:, eos_idx] = torch.where(stuck, end, log_probs[:, eos_idx])
