"""Cross-entropy over a large vocabulary without ever holding the logits of all steps.

Logits [steps, vocab_size] are the largest tensor of a language model by far. Here they are made, turned into
gradients and forgotten a block of steps at a time; a random part of the vocabulary makes training cheaper still.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqkit.nn.kernels import exact

BLOCK, BLOCK_ON_GPU = 1024, 8192
"""Steps whose logits exist at the same time: few enough to need little memory, enough to keep the device busy."""


def linear_cross_entropy(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, label_smoothing: float = 0.0
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

    >>> weight, targets = torch.zeros(4, 2), torch.tensor([0, 1, 3])
    >>> linear_cross_entropy(torch.zeros(3, 2), weight, torch.zeros(4), targets) / 3
    tensor(1.3863)
    """
    learning = torch.is_grad_enabled()
    with exact(features.device):
        loss: Tensor = _LinearCrossEntropy.apply(
            features, weight, bias, targets, label_smoothing, learning
        )
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are made on the way forwards, where the block's logits are at hand."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor,
        smoothing: float, learning: bool,
    ) -> Tensor:  # fmt: skip
        wanted = learning and any(ctx.needs_input_grad)
        grads = [torch.zeros_like(part) for part in (features, weight, bias)] if wanted else []
        narrow, narrow_bias = weight.to(features.dtype), bias.to(features.dtype)
        total = weight.new_zeros(())
        if smoothing:  # a mean of logits is a logit of mean weights
            mean_weight, mean_bias = narrow.mean(dim=0), narrow_bias.mean()
        size = BLOCK if features.device.type == "cpu" else BLOCK_ON_GPU
        for start in range(0, len(features), size):
            block, labels = features[start : start + size], targets[start : start + size]
            rows = torch.arange(len(labels), device=labels.device)
            probs = torch.addmm(narrow_bias, block, narrow.t()).to(weight.dtype)  # logits so far
            told = (1 - smoothing) * probs[rows, labels]
            if smoothing:
                told = told + smoothing * (torch.mv(block, mean_weight) + mean_bias)
            largest = probs.amax(dim=1, keepdim=True)
            sums = probs.sub_(largest).exp_().sum(dim=1, keepdim=True)
            total += (largest + sums.log()).sum() - told.sum()
            if wanted:
                errors = probs.mul_(sums.reciprocal_())
                if smoothing:
                    errors.sub_(smoothing / len(weight))
                errors[rows, labels] -= 1 - smoothing
                grads[2] += errors.sum(dim=0)
                errors = errors.to(features.dtype)
                torch.mm(errors, narrow, out=grads[0][start : start + size])
                grads[1] += errors.t() @ block
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return *(grad * upstream for grad in ctx.saved_tensors), None, None, None


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
