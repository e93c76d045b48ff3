"""Which tag may follow which, in the BIO and BIOES ways of writing spans as tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.viterbi import Scores, viterbi_nbest

Scheme = Literal["BIO", "BIOES"]


class _Tag(NamedTuple):
    """A tag in its two parts: `B-PER` is prefix `B`, type `PER`."""

    prefix: str
    type: str


def allowed_transitions(tags: Sequence[str], scheme: Scheme) -> tuple[Tensor, Tensor, Tensor]:
    """The rules of a tagging scheme as masks, True where allowed; `CRF` takes them as they are.

    BIO (IOB2): `I-X` continues `B-X` or `I-X`, nothing else. BIOES: a span of one token is `S-X`, a
    longer one `B-X`, any number of `I-X`, then `E-X`, and is never left open. A tag without a type
    (`B`, `I`) belongs to one nameless type.

    Args:
        tags: Tag names in the order of their indices, such as `["O", "B-PER", "I-PER"]`.
        scheme: `"BIO"` or `"BIOES"`. For tags that follow no scheme, leave a CRF's masks out.

    Returns:
        allowed, bool [from, to]; start, bool [num_tags]; end, bool [num_tags]; all on the CPU.

    Raises:
        ConfigError: if the scheme is unknown or a tag does not belong to it.

    Ratinov and Roth 2009, section 3 (who write BILOU), https://aclanthology.org/W09-1119.
    """
    if scheme not in ("BIO", "BIOES"):
        raise UnknownNameError("tag scheme", scheme, ("BIO", "BIOES"))
    parsed = [_parse(tag, scheme) for tag in tags]
    allowed = [[_may_follow(tag, after, scheme) for after in parsed] for tag in parsed]
    start = [not _continues(tag) for tag in parsed]
    end = [not _must_continue(tag, scheme) for tag in parsed]
    return torch.tensor(allowed), torch.tensor(start), torch.tensor(end)


def constrained_viterbi(
    log_probs: Tensor, lengths: Tensor, allowed: Tensor, start: Tensor, end: Tensor
) -> tuple[Tensor, Tensor]:
    """The most probable allowed path for a softmax tagger, whose steps are independent.

    Args:
        log_probs: Log-probability of each tag at each step in nats, float [batch, len, num_tags].
        lengths: Valid steps, int64 [batch], each at least 1.
        allowed, start, end: Masks as from `allowed_transitions`, on the device of `log_probs`.

    Returns:
        tags, int64 [batch, len], 0 at padding; the sum of their log-probabilities in nats,
        float [batch]. A row without any allowed path scores -inf and has tags 0.
    """
    tags, scores = constrained_nbest(log_probs, lengths, allowed, start, end, 1)
    return tags.squeeze(1), scores.squeeze(1)


def constrained_nbest(
    log_probs: Tensor, lengths: Tensor, allowed: Tensor, start: Tensor, end: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """The `n` most probable allowed paths, best first; arguments as in `constrained_viterbi`.

    Returns:
        tags, int64 [batch, n, len], 0 at padding; sums of log-probabilities, float [batch, n].
        Where a row has fewer than n allowed paths the rest score -inf and have tags 0.
    """
    rules = Scores(*(_forbid(mask, log_probs) for mask in (start, allowed, end)))
    return viterbi_nbest(log_probs, rules, lengths, n)


def _forbid(mask: Tensor, like: Tensor) -> Tensor:
    """Scores of the shape of `mask`: 0 where it is True, -inf elsewhere."""
    return like.new_zeros(mask.shape).masked_fill(~mask, float("-inf"))


def _parse(tag: str, scheme: Scheme) -> _Tag:
    """Prefix and type of `tag`; ConfigError if the scheme has no such tag."""
    prefix, _, span_type = tag.partition("-")
    if prefix not in tuple(scheme) or (prefix == "O" and tag != "O"):
        forms = ", ".join("O" if letter == "O" else f"{letter}-TYPE" for letter in scheme)
        raise ConfigError(f"Tag {tag!r} is no {scheme} tag. Allowed: {forms}.")
    return _Tag(prefix, span_type)


def _continues(tag: _Tag) -> bool:
    """True where the tag goes on with a span that an earlier tag began."""
    return tag.prefix in ("I", "E")


def _must_continue(tag: _Tag, scheme: Scheme) -> bool:
    """True where the tag leaves a span open that a later tag has to close."""
    return scheme == "BIOES" and tag.prefix in ("B", "I")


def _may_follow(tag: _Tag, after: _Tag, scheme: Scheme) -> bool:
    """True where `after` may stand right after `tag`."""
    if _continues(after):
        return tag.prefix in ("B", "I") and tag.type == after.type
    return not _must_continue(tag, scheme)
