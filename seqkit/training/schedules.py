"""How the learning rate, and the share of the network's own words in its input, change over training."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import SGD, Adam, AdamW, NAdam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqkit.errors import UnknownNameError
from seqkit.nn.kernels import may_compile, runs_compiled
from seqkit.settings import TrainingConfig


def build_optimizer(config: TrainingConfig, groups: list[dict[str, Any]]) -> Optimizer:
    """The optimizer over parameter groups that bring their own learning rates."""
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    if config.optimizer == "nadam":
        return NAdam(groups, lr=config.lr, eps=config.adam_eps, weight_decay=config.weight_decay)
    return _adam(config, groups, decoupled=config.optimizer == "adamw")


def _adam(config: TrainingConfig, groups: list[dict[str, Any]], *, decoupled: bool) -> Optimizer:
    weights = [weight for group in groups for weight in group["params"]]
    options: dict[str, Any] = {
        "lr": config.lr, "eps": config.adam_eps, "weight_decay": config.weight_decay,
    }  # fmt: skip
    if may_compile(config.kernel) and all(map(runs_compiled, weights)):
        from seqkit.training import compiled_update  # numba takes a while

        if compiled_update.takes(weights):
            return compiled_update.CompiledAdam(groups, **options, decoupled=decoupled)
    # One pass over each tensor instead of a dozen: five times faster on a CPU with a large vocabulary.
    fused = all(weight.device.type in ("cpu", "cuda") for weight in weights)
    return (AdamW if decoupled else Adam)(groups, **options, fused=fused)


def build_schedule(config: TrainingConfig, optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """The learning rate's factor at each step; what plateau does at the end of an epoch is the loop's."""
    return LambdaLR(optimizer, lambda step: rate_factor(config, step, total_steps))


def rate_factor(config: TrainingConfig, step: int, total_steps: int) -> float:
    """Factor of the learning rate at a step, counted from 0: a linear rise over the warm-up, then the schedule."""
    if config.schedule == "one_cycle":
        return _one_cycle(step, config.warmup_steps or round(0.3 * total_steps), total_steps)
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    if config.schedule == "linear":
        return max(0.0, 1 - done)
    if config.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    if config.schedule == "inverse_sqrt":
        return math.sqrt(max(1, config.warmup_steps) / max(1, step + 1))
    return 1.0


def _one_cycle(step: int, rise: int, total_steps: int) -> float:
    """Up along a cosine from 1/25, then down to 1/10,000 (Smith & Topin 2018, https://arxiv.org/abs/1708.07120)."""
    start, done = 1 / 25, step / max(1, rise)
    if step >= rise:
        start, done = 1e-4, 1 - (step - rise) / max(1, total_steps - rise)
    return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * max(0.0, done)))


def sampling_probability(kind: str, step: int, start: float, end: float, steps: int) -> float:
    """Probability that a decoder reads its own choice at a training step (Bengio et al. 2015, section 2.4).

    Args:
        kind: `linear`, `exponential` or `inverse_sigmoid`: how the probability of the given token falls.
        step: Training step, from 0.
        start, end: Probability of an own choice at the first step and after `steps` of them.
        steps: Training steps that the change takes.

    >>> [round(sampling_probability("linear", s, 0.0, 0.5, 10), 2) for s in (0, 5, 20)]
    [0.0, 0.25, 0.5]
    """
    done = min(1.0, step / max(1, steps))
    if kind == "linear":
        share = done
    elif kind == "exponential":
        share = (1 - 0.01**done) / 0.99
    elif kind == "inverse_sigmoid":
        share = (_sigmoid(done) - _sigmoid(0)) / (_sigmoid(1) - _sigmoid(0))
    else:
        raise UnknownNameError(
            "sampling schedule", kind, ("linear", "exponential", "inverse_sigmoid")
        )
    return start + (end - start) * share


def _sigmoid(done: float) -> float:
    """An S from 0 to 1 around the middle of the change."""
    return 1 / (1 + math.exp(-12 * (done - 0.5)))
