"""The training loop: batches of like length, one update a step, the best epoch kept by the task's own metric."""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqkit.data.batching import make_batches
from seqkit.devices import device_exists
from seqkit.errors import ConfigError, SeqkitError
from seqkit.pipeline import Pipeline, Scores
from seqkit.predicting import predict_window
from seqkit.run import WEIGHTS, write_history
from seqkit.settings import TrainingConfig
from seqkit.training.adversarial import Adversary
from seqkit.training.averaging import MovingAverage, State, copied_state, mean_state
from seqkit.training.report import Reporter
from seqkit.training.schedules import build_optimizer, build_schedule
from seqkit.weights import load_weights, save_weights


@dataclass
class TrainingState:
    """Where a training stands; everything that changes from epoch to epoch.

    Attributes:
        epoch: Epochs done.
        step: Updates done.
        best: Best dev score so far.
        best_epoch: The epoch of that score.
        stale: Epochs since then.
        history: A row for each epoch.
        best_scores: Scores of the best epoch.
    """

    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_scores: Scores | None = None


class LossModule(nn.Module):
    """The pipeline's loss as a module's forward, so that wrappers (several processes, autocast) see it."""

    def __init__(self, pipeline: Pipeline[Any, Any, Any]) -> None:
        super().__init__()
        self.network = pipeline.model
        self.pipeline = pipeline

    def forward(self, batch: Any) -> tuple[Tensor, Tensor]:
        """(sum of the loss, number of units) of a batch."""
        return self.pipeline.loss(batch)


class Trainer:
    """Trains a pipeline's network on one device.

    Args:
        pipeline: The network and its task.
        config: How to train.
        metric: Key of the dev score that selects the best epoch; higher is better.
        folder: The run folder; history and the best epoch's weights are written as they come.
        reporter: Who hears of it.

    Raises:
        ConfigError: if the device asked for is not there.
    """

    def __init__(
        self,
        pipeline: Pipeline[Any, Any, Any],
        config: TrainingConfig,
        metric: str,
        folder: Path,
        reporter: Reporter,
    ) -> None:
        self.pipeline = pipeline
        self.config = config
        self.metric = metric
        self.folder = folder
        self.reporter = reporter
        self.state = TrainingState()
        self.accelerator = build_accelerator(config)
        self.device = self.accelerator.device
        self.average: MovingAverage | None = None
        self.adversary = (
            Adversary(pipeline.model, config.adversarial) if config.adversarial else None
        )
        self.last_states: deque[State] = deque(maxlen=config.average_last)

    def fit(self, train: Sequence[Any], dev: Sequence[Any]) -> TrainingState:
        """Trains until the epochs are over or the dev metric stands still, and leaves the best weights loaded.

        Args:
            train: Labelled examples to learn from.
            dev: Labelled examples that choose the best epoch.

        Raises:
            SeqkitError: if the loss is no longer a number.
        """
        items = self.pipeline.encode_anew(train, 1) or [self.pipeline.encode(e) for e in train]
        dev_items = [self.pipeline.encode(example) for example in dev]
        lengths = [self.pipeline.length(item) for item in items]
        model, optimizer, schedule = self._prepare(len(self._batches(lengths, 0)))
        for epoch in range(1, self.config.epochs + 1):
            began = time.perf_counter()
            if epoch > 1 and (drawn := self.pipeline.encode_anew(train, epoch)) is not None:
                items, lengths = drawn, [self.pipeline.length(item) for item in drawn]
            train_loss, norm = self._train_epoch(model, optimizer, schedule, items, lengths, epoch)
            trained = time.perf_counter() - began
            self.reporter.scoring("dev")
            with self.average.applied() if self.average else nullcontext():
                dev_loss = self._mean_loss(dev_items)
                scores = self.score(dev)
                row = {
                    "epoch": epoch, "step": self.state.step, "train_loss": train_loss, "dev_loss": dev_loss,
                    **{f"dev_{name}": value for name, value in scores.values.items()},
                    "lr": optimizer.param_groups[0]["lr"], "gradient_norm": norm,
                    "train_seconds": round(trained, 2), "seconds": round(time.perf_counter() - began, 2),
                }  # fmt: skip
                self._close_epoch(row, scores)
            self._follow_plateau(optimizer, schedule)
            if self._stands_still() and epoch < self.config.epochs:
                self.reporter.note(
                    f"Stopped: {self.metric} has not risen for {self.state.stale} epochs."
                )
                break
        self._try_average(dev)
        load_weights(self.pipeline.model, self.folder / WEIGHTS)
        return self.state

    def _try_average(self, dev: Sequence[Any]) -> None:
        """Keeps the mean of the last epochs' weights if it scores higher than the best epoch's."""
        if len(self.last_states) < 2:
            return
        self.pipeline.model.load_state_dict(mean_state(self.last_states))
        scores = self.score(dev)
        value, best = scores.values[self.metric], self.state.best
        what = (
            f"The average of the last {len(self.last_states)} epochs: dev {self.metric} {value:.4f}"
        )
        if value <= best:
            return self.reporter.note(f"{what}, not above {best:.4f}; the best epoch stays.")
        self.reporter.note(f"{what}, above {best:.4f}; it is kept.")
        self.state.best, self.state.best_scores = value, scores
        save_weights(self.pipeline.model, self.folder / WEIGHTS)

    def _stands_still(self) -> bool:
        return 0 < self.config.patience <= self.state.stale

    def score(self, examples: Sequence[Any]) -> Scores:
        """Scores of real predictions for labelled examples."""
        return score_examples(self.pipeline, examples, device=self.device)

    def _prepare(self, batches: int) -> tuple[nn.Module, Optimizer, LambdaLR]:
        optimizer = build_optimizer(self.config, self.pipeline.parameter_groups(self.config.lr))
        model, optimizer = self.accelerator.prepare(LossModule(self.pipeline), optimizer)
        if self.config.ema:
            self.average = MovingAverage(self.pipeline.model, self.config.ema)
        total = self.config.epochs * math.ceil(batches / self.config.accumulate)
        return model, optimizer, build_schedule(self.config, optimizer, total)

    def _batches(self, lengths: Sequence[int], epoch: int) -> list[list[int]]:
        """The epoch's batches, a function of the seed and the epoch alone."""
        rng = random.Random(f"{self.config.seed} {epoch}")
        size, tokens = self.config.batch_size, self.config.batch_tokens
        return make_batches(lengths, batch_size=size, batch_tokens=tokens, rng=rng)

    def _train_epoch(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LambdaLR,
        items: Sequence[Any],
        lengths: Sequence[int],
        epoch: int,
    ) -> tuple[float, float]:
        """(mean training loss in nats a unit, mean norm of the gradient before clipping)."""
        batches = self._batches(lengths, epoch)
        self.reporter.epoch_started(epoch, self.config.epochs, len(batches))
        self.pipeline.before_epoch(epoch)
        self.pipeline.model.train()
        total, units, norms = 0.0, 0, []
        for group in _groups(batches, self.config.accumulate):
            self.pipeline.before_step(self.state.step)
            optimizer.zero_grad()
            counts = []
            for indices in group:
                batch = self.pipeline.collate([items[i] for i in indices]).to(self.device)
                with self.accelerator.autocast():
                    loss, count = model(batch)
                counts.append(int(count))
                self.accelerator.backward(loss / counts[0])
                if self.adversary:
                    with self.adversary.attacking(), self.accelerator.autocast():
                        attacked, _ = model(batch)
                    self.accelerator.backward(attacked / counts[0])
                total, units = total + self._checked(loss), units + counts[-1]
                self.reporter.batch_done(total / units)
            _scale_gradients(model, counts[0] / sum(counts))
            norms.append(self._clip(model))
            optimizer.step()
            if self.average:
                self.average.update()
            schedule.step()
            self.state.step += 1
        return total / units, sum(norms) / len(norms)

    def _checked(self, loss: Tensor) -> float:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise SeqkitError(
                f"The loss became {value} at step {self.state.step}: try a lower `training.lr` "
                f"(now {self.config.lr}) or a smaller `training.clip_norm` (now {self.config.clip_norm})."
            )
        return value

    def _clip(self, model: nn.Module) -> float:
        limit = self.config.clip_norm or math.inf
        return float(self.accelerator.clip_grad_norm_(model.parameters(), limit))

    @torch.no_grad()
    def _mean_loss(self, items: Sequence[Any]) -> float:
        self.pipeline.model.eval()
        total, units = 0.0, 0
        lengths = [self.pipeline.length(item) for item in items]
        for indices in make_batches(lengths, batch_size=self.config.batch_size):
            loss, count = self.pipeline.loss(
                self.pipeline.collate([items[i] for i in indices]).to(self.device)
            )
            total, units = total + float(loss), units + int(count)
        return total / max(1, units)

    def _close_epoch(self, row: dict[str, Any], scores: Scores) -> None:
        if self.metric not in scores.values:
            found = ", ".join(scores.values)
            raise SeqkitError(
                f"The task chooses epochs by {self.metric!r}, but its scores are {found}."
            )
        state, value = self.state, scores.values[self.metric]
        state.epoch += 1
        if self.config.average_last:
            self.last_states.append(copied_state(self.pipeline.model))
        state.history.append(row)
        is_best = value > state.best or not state.best_epoch
        if is_best:
            state.best, state.best_epoch = value, state.epoch
            state.stale, state.best_scores = 0, scores
            save_weights(self.pipeline.model, self.folder / WEIGHTS)
        else:
            state.stale += 1
        write_history(self.folder, state.history)
        self.reporter.epoch_done(row, is_best)

    def _follow_plateau(self, optimizer: Optimizer, schedule: LambdaLR) -> None:
        """Halves every learning rate once the dev metric has stood still for the plateau's patience."""
        if self.config.schedule != "plateau" or self.state.stale == 0:
            return
        if self.state.stale % (self.config.plateau_patience + 1) == 0:
            schedule.base_lrs = [lr * 0.5 for lr in schedule.base_lrs]
            for group, lr in zip(optimizer.param_groups, schedule.base_lrs, strict=True):
                group["lr"] = lr


def build_accelerator(config: TrainingConfig) -> Accelerator:
    """Accelerate's view of the device asked for.

    Raises:
        ConfigError: if it is not there, or cannot do the precision asked for.
    """
    if not device_exists(config.device):
        raise ConfigError(
            f"`training.device` is {config.device}, but torch finds none here; use auto or cpu."
        )
    on_cpu = config.device == "cpu" or not (device_exists("cuda") or device_exists("mps"))
    if config.precision == "fp16" and (on_cpu or not device_exists("cuda")):
        raise ConfigError("`training.precision` fp16 needs a CUDA device; bf16 works on a CPU too.")
    # Accelerate holds a program to its first device and precision; the next training may want others.
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    AcceleratorState._reset_state(reset_partial_state=not several)
    return Accelerator(cpu=on_cpu, mixed_precision=config.precision)


def score_examples(
    pipeline: Pipeline[Any, Any, Any],
    examples: Sequence[Any],
    *,
    batch_size: int = 32,
    device: torch.device | None = None,
) -> Scores:
    """Scores of what the pipeline predicts from the raw inputs of labelled examples."""
    raws = [pipeline.raw_input(example) for example in examples]
    pipeline.fixed_features(raws)
    return pipeline.score(
        examples, predict_window(pipeline, raws, batch_size=batch_size, device=device)
    )


def _scale_gradients(model: nn.Module, factor: float) -> None:
    """So that accumulated batches weigh by their units, as in one large batch."""
    if factor != 1.0:
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(factor)


def _groups(batches: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    """Batches whose gradients make one update."""
    for start in range(0, len(batches), size):
        yield batches[start : start + size]
