"""Linear-chain conditional random field: path scores, partition, marginals, best and n-best paths.

Letters in the shape comments: len is the number of steps, T the number of tags. The recursions run
time first, [len, batch, T], so that a step is one contiguous slice. None of them looks at the
padding mask: right padding comes after the last real step, so it cannot reach what was computed
before it, and each row's result is read at its own last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqkit.errors import ShapeError
from seqkit.nn.kernels import MayCompile, runs_compiled
from seqkit.nn.masks import last_valid, lengths_to_mask
from seqkit.nn.posterior import posterior
from seqkit.nn.viterbi import Scores, viterbi_nbest

# Large enough that exp(score) is 0 in float32; finite, so that no gradient becomes inf - inf.
FORBIDDEN_SCORE = -1e4


class CRF(nn.Module, MayCompile):
    """Scores whole tag sequences: emissions per step plus a learned score for each pair of tags.

    p(tags) = exp(path score) / sum over all paths of exp(path score). A forbidden transition scores
    `FORBIDDEN_SCORE` in the sums and is impossible in `decode` and `decode_nbest`.

    In every method `emissions` is float [batch, len, num_tags] and `lengths` is int64 [batch], the
    valid steps of each row, from 1 to len. What stands in the padding after them changes neither a
    result nor a gradient (emission gradients are 0 there). Half-precision emissions are raised to
    float32, and nothing here is an operation that autocast lowers. A wrong shape is a ShapeError.

    Args:
        num_tags: Number of tags, at least 1.
        allowed: True where tag `to` may follow tag `from`, bool [num_tags, num_tags] as [from, to];
            None allows all. `allowed_transitions` makes it from tag names.
        allowed_start: True where a path may start, bool [num_tags]; None allows all.
        allowed_end: True where a path may end, bool [num_tags]; None allows all.

    Lafferty et al. 2001; on top of a recurrent network as in Lample et al. 2016, section 2.2,
    https://arxiv.org/abs/1603.01360, whose A is `transitions`. Start and end have vectors of their
    own instead of two extra tags.

    Example:
        >>> crf = CRF(num_tags=3)
        >>> emissions, lengths = torch.zeros(2, 5, 3), torch.tensor([5, 2])
        >>> tags, log_probs = crf.decode(emissions, lengths)
        >>> tags.shape, log_probs.shape
        (torch.Size([2, 5]), torch.Size([2]))
    """

    allowed: Tensor
    allowed_start: Tensor
    allowed_end: Tensor

    def __init__(
        self,
        num_tags: int,
        allowed: Tensor | None = None,
        allowed_start: Tensor | None = None,
        allowed_end: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.num_tags = num_tags
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))  # [from, to]
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        self.register_buffer("allowed", _mask_or_all(allowed, "allowed", num_tags, num_tags))
        self.register_buffer(
            "allowed_start", _mask_or_all(allowed_start, "allowed_start", num_tags)
        )
        self.register_buffer("allowed_end", _mask_or_all(allowed_end, "allowed_end", num_tags))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all transition scores uniformly from (-0.1, 0.1)."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Log-probability of `tags` in nats, float [batch], at most 0 but for rounding.

        Args:
            emissions: Score of each tag at each step, float [batch, len, num_tags].
            tags: Gold tags, int64 [batch, len]; any number may stand in the padding.
            lengths: Valid steps, int64 [batch].
        """
        emissions, mask = self._checked(emissions, lengths, tags)
        scores = self._scores(emissions)
        if self.compiles and runs_compiled(emissions):
            from seqkit.nn import compiled_crf  # numba takes a while

            log_probs = compiled_crf.log_likelihood(emissions, scores, lengths, tags)
            if bool(log_probs.isfinite().all()):  # within the range of probabilities
                return log_probs
        emissions = _topped_at_zero(emissions)
        log_z = _log_partition(emissions, scores, mask, lengths)
        return _score_path(emissions, scores, tags, mask) - log_z

    def path_score(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Unnormalised score of `tags` (arguments as in `log_likelihood`), float [batch]."""
        emissions, mask = self._checked(emissions, lengths, tags)
        return _score_path(emissions, self._scores(emissions), tags, mask)

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Log of the summed exp(score) of all paths, float [batch]; differentiable once."""
        emissions, mask = self._checked(emissions, lengths)
        return _log_partition(emissions, self._scores(emissions), mask, lengths)

    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Probability of each tag at each step given the whole sequence, by forward-backward.

        Returns:
            float [batch, len, num_tags]; each valid step sums to 1, padding is 0. Differentiable.
        """
        emissions, mask = self._checked(emissions, lengths)
        steps = _topped_at_zero(emissions).transpose(0, 1)
        alphas, betas = forward_backward_scores(steps, self._scores(emissions), lengths)
        return _step_marginals(steps, alphas, betas, mask.T)[0].transpose(0, 1)

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable path of each row; equal paths as in `viterbi`.

        Returns:
            tags, int64 [batch, len], 0 at padding; their log-probability in nats, float [batch],
            already normalised: path score - log partition, so exp of it is the path's probability.
            A row that has no allowed path gets -inf and tags 0.
        """
        tags, log_probs = self.decode_nbest(emissions, lengths, 1)
        return tags.squeeze(1), log_probs.squeeze(1)

    def decode_nbest(self, emissions: Tensor, lengths: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """The `n` most probable paths of each row, best first; no path comes twice.

        Returns:
            tags, int64 [batch, n, len], 0 at padding; log-probabilities in nats, float [batch, n].
            Where a row has fewer than n allowed paths the rest get -inf and tags 0.
        """
        tags, log_probs, _ = self.decode_with_marginals(emissions, lengths, n)
        return tags, log_probs

    @torch.no_grad()
    def decode_with_marginals(
        self, emissions: Tensor, lengths: Tensor, n: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(tags, log-probabilities, marginals): what `decode_nbest` and `marginals` give, in one go."""
        emissions, mask = self._checked(emissions, lengths)
        emissions = _topped_at_zero(emissions)
        possible = self._scores(emissions, forbidden=float("-inf"))
        tags, scores = self._best(emissions, possible, lengths, n)
        probs, log_z = self._posterior(emissions.transpose(0, 1), mask, lengths)
        log_probs = scores - log_z.unsqueeze(1)
        # Rounding may leave a sure path above 0.
        return tags, log_probs.clamp(max=0.0), probs.transpose(0, 1)

    def _best(
        self, emissions: Tensor, scores: Scores, lengths: Tensor, n: int
    ) -> tuple[Tensor, Tensor]:
        """As `viterbi_nbest`."""
        if n == 1 and self.compiles and runs_compiled(emissions):
            from seqkit.nn import compiled_crf  # numba takes a while

            tags, totals = compiled_crf.viterbi(emissions, scores, lengths)
            return tags.unsqueeze(1), totals.unsqueeze(1)
        return viterbi_nbest(emissions, scores, lengths, n)

    def _posterior(self, steps: Tensor, mask: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(tag probabilities [len, batch, T], 0 at padding; log partition [batch]) of emissions, time first."""
        wide = steps if steps.device.type == "mps" else steps.double()
        scores = self._scores(wide)
        if self.compiles and runs_compiled(wide):
            from seqkit.nn import compiled_crf  # numba takes a while

            probs, log_z = compiled_crf.posterior(wide.transpose(0, 1), scores, lengths)
            probs = probs.transpose(0, 1)
        else:
            probs, log_z = posterior(wide, scores, lengths)
        probs = probs.masked_fill(~mask.T.unsqueeze(-1), 0.0)
        if not (log_z.isfinite().all() and probs.isfinite().all()):
            # What is allowed is out of the range of probabilities, not of their logs.
            alphas, betas = forward_backward_scores(wide, scores, lengths)
            probs, _ = _step_marginals(wide, alphas, betas, mask.T)
            log_z = _sum_paths(alphas, scores.end, lengths)
        return probs.to(steps.dtype), log_z.to(steps.dtype)

    def _scores(self, emissions: Tensor, forbidden: float = FORBIDDEN_SCORE) -> Scores:
        """The learned scores in the dtype of `emissions`, `forbidden` where not allowed."""
        return Scores(
            self.start_transitions.to(emissions.dtype).masked_fill(~self.allowed_start, forbidden),
            self.transitions.to(emissions.dtype).masked_fill(~self.allowed, forbidden),
            self.end_transitions.to(emissions.dtype).masked_fill(~self.allowed_end, forbidden),
        )

    def _checked(
        self, emissions: Tensor, lengths: Tensor, tags: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Emissions in float32 or wider, 0 at padding; True at valid steps, bool [batch, len]."""
        if emissions.dim() != 3 or emissions.shape[-1] != self.num_tags:
            raise ShapeError(
                f"Expected emissions [batch, len, {self.num_tags}], got {list(emissions.shape)}."
            )
        _check_shape("lengths", lengths, emissions.shape[:1])
        if tags is not None:
            _check_shape("tags", tags, emissions.shape[:2])
        mask = lengths_to_mask(lengths, emissions.shape[1])
        emissions = emissions.to(torch.promote_types(emissions.dtype, torch.float32))
        return emissions.masked_fill(~mask.unsqueeze(-1), 0.0), mask


def forward_scores(emissions: Tensor, start: Tensor, transitions: Tensor) -> Tensor:
    """Log-sums over all paths up to each step and tag, its emission counted in (Rabiner's alpha).

    Emissions and result are float [len, ..., T]; start and transitions broadcast to [..., T] and
    [..., from, to].
    """
    to_from = transitions.transpose(-1, -2).contiguous()  # the sum runs over neighbours in memory
    alpha = start + emissions[0]
    alphas = [alpha]
    for emission in emissions[1:].unbind(0):
        alpha = torch.logsumexp(alpha.unsqueeze(-2) + to_from, dim=-1) + emission
        alphas.append(alpha)
    return torch.stack(alphas)


def forward_backward_scores(
    emissions: Tensor, scores: Scores, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Forward scores, and their mirror image: log-sums over all paths from each tag to the end.

    With each step's emission counted in, the backward recursion is the forward one on the reversed
    sequence, with transitions turned round. Both then share one loop, which costs little more than
    either alone, since on a small batch the time goes into starting operations.

    Returns:
        alphas and betas, float [len, batch, T] like `emissions`; at padding they mean nothing.
    """
    start, transitions, end = scores
    steps = torch.arange(len(emissions), device=emissions.device).unsqueeze(1)  # [len, 1]
    mirror = (lengths - 1 - steps).clamp(min=0).unsqueeze(-1).expand_as(emissions)
    both = forward_scores(
        torch.stack([emissions, emissions.gather(0, mirror)], dim=1),  # [len, 2, batch, T]
        torch.stack([start, end]).unsqueeze(1),
        torch.stack([transitions, transitions.T]).unsqueeze(1),
    )
    return both[:, 0], both[:, 1].gather(0, mirror)


def _score_path(emissions: Tensor, scores: Scores, tags: Tensor, mask: Tensor) -> Tensor:
    """Scores [batch] of `tags` [batch, len]; emissions [batch, len, T] are 0 at padding."""
    tags = tags.masked_fill(~mask, 0)  # -100 and the like are no index
    steps = emissions.gather(-1, tags.unsqueeze(-1)).squeeze(-1)  # [batch, len]
    pairs = tags[:, :-1] * emissions.shape[-1] + tags[:, 1:]  # [batch, len - 1]
    moves = scores.transitions.flatten().index_select(0, pairs.flatten()).view_as(pairs)
    moves = moves.masked_fill(~mask[:, 1:], 0.0)
    ends = scores.start.index_select(0, tags[:, 0])
    ends = ends + scores.end.index_select(0, last_valid(tags, mask.sum(dim=1)))
    return ends + steps.sum(dim=1) + moves.sum(dim=1)


def _log_partition(emissions: Tensor, scores: Scores, mask: Tensor, lengths: Tensor) -> Tensor:
    """Log partition [batch] from emissions [batch, len, T]; the gradient's share only if wanted."""
    inputs = (emissions.transpose(0, 1), *scores)
    if not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)):
        return _sum_paths(forward_scores(*inputs[:3]), scores.end, lengths)
    log_z: Tensor = _LogPartition.apply(*inputs, mask.T, lengths)
    return log_z


class _LogPartition(torch.autograd.Function):
    """`_log_partition` with its gradient written out: the marginals of single tags and of pairs.

    Exact, and cheaper than autograd through the loop: the backward recursion rides along with the
    forward one, and the rest is computed for all steps at once.

    Eisner 2016, https://aclanthology.org/W16-5901.
    """

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        start: Tensor,
        transitions: Tensor,
        end: Tensor,
        mask: Tensor,
        lengths: Tensor,
    ) -> Tensor:
        """Log partition, float [batch]; emissions [len, batch, T] and mask [len, batch]."""
        scores = Scores(start, transitions, end)
        alphas, betas = forward_backward_scores(emissions, scores, lengths)
        ctx.save_for_backward(emissions, transitions, alphas, betas, mask, lengths)
        return _sum_paths(alphas, end, lengths)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of emissions, start, transitions and end for `grad`, float [batch]."""
        emissions, transitions, alphas, betas, mask, lengths = ctx.saved_tensors
        tag_probs, log_sums = _step_marginals(emissions, alphas, betas, mask)
        tag_grads = tag_probs * grad.unsqueeze(-1)
        pairs = (alphas - log_sums)[:-1].unsqueeze(-1) + betas[1:].unsqueeze(-2) + transitions
        weights = (mask[1:] * grad)[..., None, None]  # 0 at padding
        transition_grads = (pairs.exp() * weights).sum(dim=(0, 1))
        end_grads = last_valid(tag_grads.transpose(0, 1), lengths).sum(dim=0)
        return tag_grads, tag_grads[0].sum(dim=0), transition_grads, end_grads, None, None


def _step_marginals(
    emissions: Tensor, alphas: Tensor, betas: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Tag probabilities [len, batch, T], 0 at padding; the log partition of each step [.., 1].

    All steps have the same log partition but for rounding. Each with its own sums to 1 in any row.
    """
    joint = alphas + betas - emissions  # both hold the emission
    peak = joint.amax(dim=-1, keepdim=True)
    log_sums = (joint - peak).logsumexp(dim=-1, keepdim=True)
    # On CPU this is far faster than softmax, which is slow for few tags.
    probs = (joint - peak - log_sums).exp().masked_fill(~mask.unsqueeze(-1), 0.0)
    return probs, peak + log_sums


def _sum_paths(alphas: Tensor, end: Tensor, lengths: Tensor) -> Tensor:
    """Log partition [batch] from the forward scores [len, batch, T]."""
    return torch.logsumexp(last_valid(alphas.transpose(0, 1), lengths) + end, dim=-1)


def _topped_at_zero(emissions: Tensor) -> Tensor:
    """Emissions with 0 as the highest of each step: same probabilities, rounded less."""
    return emissions - emissions.detach().amax(dim=-1, keepdim=True)


def _check_shape(name: str, tensor: Tensor, expected: Sequence[int]) -> None:
    """Raises ShapeError, with both shapes, if `tensor` is not of the `expected` one."""
    if tuple(tensor.shape) != tuple(expected):
        raise ShapeError(f"Expected {name} {list(expected)}, got {list(tensor.shape)}.")


def _mask_or_all(mask: Tensor | None, name: str, *shape: int) -> Tensor:
    """A copy of `mask` as bool, or all True; ShapeError if it is not of `shape`."""
    if mask is None:
        return torch.ones(shape, dtype=torch.bool)
    _check_shape(name, mask, shape)
    return mask.detach().bool().clone()
