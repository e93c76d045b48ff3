"""Cross-entropy over a large vocabulary without ever holding the logits of all steps.

Logits [steps, vocab_size] are the largest tensor of a language model by far. Here they are made, turned into
gradients and forgotten a block of steps at a time; a random part of the vocabulary makes training cheaper still.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.nn.kernels import exact, multiplies_compiled

BLOCK, BLOCK_ON_GPU = 1024, 8192
"""Steps whose logits exist at the same time: few enough to need little memory, enough to keep the device busy."""


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    compiles: bool = True,
) -> Tensor:
    """Cross-entropy of `features @ weight.T + bias`, summed over the steps, in nats.

    Args:
        features: float [steps, size]. Products are made in its dtype, so half precision makes them cheap; all sums
            and the softmax are made in that of `weight`.
        weight: float [vocab_size, size].
        bias: float [vocab_size].
        targets: int64 [steps].
        label_smoothing: Probability spread evenly over the vocabulary in the target (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567).
        compiles: Whether machine code may compute it.

    >>> weight, targets = torch.zeros(4, 2), torch.tensor([0, 1, 3])
    >>> linear_cross_entropy(torch.zeros(3, 2), weight, torch.zeros(4), targets) / 3
    tensor(1.3863)
    """
    learning = torch.is_grad_enabled()
    compiles = compiles and features.dtype == weight.dtype and multiplies_compiled(features)
    with exact(features.device):
        loss: Tensor = _LinearCrossEntropy.apply(
            features, weight, bias, targets, label_smoothing, learning, compiles
        )
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are made on the way forwards, where the block's logits are at hand."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor,
        smoothing: float, learning: bool, compiles: bool,
    ) -> Tensor:  # fmt: skip
        wanted = learning and any(ctx.needs_input_grad)
        take = _compiled_block() if wanted and compiles else partial(_block, wanted=wanted)
        size = _block_size(features, compiles)
        total = weight.new_zeros(())
        of_features: list[Tensor] = []
        sums: list[Tensor] = []  # gradients of weight and bias
        for start in range(0, max(1, len(features)), size):
            block, labels = features[start : start + size], targets[start : start + size]
            loss, *grads = take(block, weight, bias, labels, smoothing)
            total += loss
            if wanted:
                of_features.append(grads.pop(0))
                pairs = zip(sums, grads, strict=True)
                sums = [old.add_(new) for old, new in pairs] if sums else grads
        if wanted:
            ctx.save_for_backward(torch.cat(of_features), *sums)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return *(grad * upstream for grad in ctx.saved_tensors), None, None, None, None


def _block_size(features: Tensor, compiles: bool) -> int:
    """Steps of a block. Machine code takes like ones, as each of them reads and writes the weight: none is a small
    rest."""
    if features.device.type != "cpu":
        return BLOCK_ON_GPU
    if not compiles:
        return BLOCK
    blocks = max(1, round(len(features) / BLOCK))
    return max(1, -(-len(features) // blocks))


def _block(
    block: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, smoothing: float, wanted: bool
) -> tuple[Tensor, ...]:
    """The loss of a block of steps; where they are wanted, gradients of its features, of weight and bias."""
    narrow, narrow_bias = weight.to(block.dtype), bias.to(block.dtype)
    rows = torch.arange(len(labels), device=labels.device)
    probs = torch.addmm(narrow_bias, block, narrow.t()).to(weight.dtype)  # logits so far
    told = (1 - smoothing) * probs[rows, labels]
    if smoothing:  # a mean of logits is a logit of mean weights
        told = told + smoothing * (torch.mv(block, narrow.mean(dim=0)) + narrow_bias.mean())
    largest = probs.amax(dim=1, keepdim=True)
    sums = probs.sub_(largest).exp_().sum(dim=1, keepdim=True)
    loss = (largest + sums.log()).sum() - told.sum()
    if not wanted:
        return (loss,)
    errors = probs.mul_(sums.reciprocal_())
    if smoothing:
        errors.sub_(smoothing / len(weight))
    errors[rows, labels] -= 1 - smoothing
    of_bias = errors.sum(dim=0)
    errors = errors.to(block.dtype)
    return loss, torch.mm(errors, narrow), (errors.t() @ block).to(weight.dtype), of_bias


def _compiled_block() -> Callable[..., tuple[Tensor, ...]]:
    """The same as machine code, with gradients."""
    from seqkit.nn.compiled_loss import errors_of  # numba takes a while

    return errors_of


def sampled_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    frequencies: Tensor,
    samples: int,
) -> Tensor:
    """An estimate of `linear_cross_entropy`: each target against units drawn once for all steps.

    A unit drawn stands for all that were not, so its probability is divided by how often it is drawn on average; the
    sum over the vocabulary is then right on average (Bengio & Senecal 2003; Jean et al. 2015, section 3,
    https://arxiv.org/abs/1412.2007). A unit drawn that is the target itself does not count.

    Args:
        features, weight, bias, targets: As for `linear_cross_entropy`.
        frequencies: Probability of each unit in the text, float [vocab_size]; units are drawn from its power 3/4.
        samples: Units drawn, with replacement.
    """
    proposal = frequencies.pow(0.75)
    expected = samples * proposal / proposal.sum()
    drawn = torch.multinomial(proposal, samples, replacement=True)
    offset = bias[drawn] - expected[drawn].log()
    others = torch.addmm(offset, features, nn.functional.embedding(drawn, weight).t())
    others = others.to(weight.dtype)  # sums and their differences in full precision
    others = others.masked_fill(drawn == targets.unsqueeze(1), -torch.inf)
    own = (features * nn.functional.embedding(targets, weight)).sum(dim=1) + bias[targets]
    return (torch.logaddexp(others.logsumexp(dim=1), own) - own).sum()
