"""One step of training: forward, backward, clipping, optimizer, average; in smaller parts where memory is short."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqkit.errors import SeqkitError
from seqkit.nn.kernels import has_numba, may_compile
from seqkit.pipeline import Pipeline
from seqkit.processes import Processes
from seqkit.settings import TrainingConfig
from seqkit.training.adversarial import Adversary
from seqkit.training.averaging import MovingAverage
from seqkit.training.report import Reporter
from seqkit.training.schedules import build_optimizer, build_schedule

TINY = 1e-6
"""What is added to a norm before it divides, as torch does it."""


class FaultyStepError(SeqkitError):
    """A step that cannot be made: its loss or gradient is no number, or one example needs more memory than there is."""


class _Sums(NamedTuple):
    """Of one part of a step or of several: see `Step`; `scale` is what the gradient so far is divided by."""

    loss: float = 0.0
    units: int = 0
    real: int = 0
    padded: int = 0
    scale: int = 0

    def plus(self, part: _Sums) -> _Sums:
        """With a further part, whose gradient is divided by the same."""
        loss, units, real, padded, _ = self
        return _Sums(
            loss + part.loss, units + part.units, real + part.real, padded + part.padded, part.scale
        )


class _NoRoomError(Exception):
    """Memory is too small for a batch of these items."""

    def __init__(self, items: Sequence[Any]) -> None:
        super().__init__(len(items))
        self.items = items


@dataclass(frozen=True)
class Step:
    """What a step was like.

    Attributes:
        loss: Sum of the loss in nats, over all processes.
        units: Number of units it is summed over.
        norm: Norm of the gradient of the mean loss, before clipping.
        real: Steps of its sequences.
        padded: The same with padding.
    """

    loss: float
    units: int
    norm: float
    real: int
    padded: int


class LossModule(nn.Module):
    """The pipeline's loss as a module's forward, so that the wrapper for autocast sees it."""

    def __init__(self, pipeline: Pipeline[Any, Any, Any]) -> None:
        super().__init__()
        self.network = pipeline.model
        self.pipeline = pipeline

    def forward(self, batch: Any) -> tuple[Tensor, Tensor]:
        """(sum of the loss, number of units) of a batch."""
        return self.pipeline.loss(batch)


class Updater:
    """Makes the steps of a training.

    Args:
        pipeline: The network and its task.
        config: How to train.
        accelerator: Device and precision.
        processes: Those that make the steps together.
        reporter: Who hears of it.
        steps: Steps of the whole training, for the schedule of the learning rate.

    Attributes:
        average: Moving average of the weights, where one is asked for.
        fitting: Steps times examples that a batch must stay below, since such a one did not fit into memory (0: none
            has been too large).
    """

    network: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR

    def __init__(
        self,
        pipeline: Pipeline[Any, Any, Any],
        config: TrainingConfig,
        accelerator: Accelerator,
        processes: Processes,
        reporter: Reporter,
        steps: int,
    ) -> None:
        self.pipeline = pipeline
        self.config = config
        self.accelerator = accelerator
        self.processes = processes
        self.reporter = reporter
        optimizer = build_optimizer(config, pipeline.parameter_groups(config.lr))
        # As for evaluation: without accelerate's own wrapper for several processes. Gradients are added up here, where
        # their parts are known.
        self.network = accelerator.prepare_model(LossModule(pipeline), evaluation_mode=True)
        # Accelerate's wrapper scales half precision's gradients; on a small network it takes a tenth of each step.
        self.optimizer = (
            accelerator.prepare_optimizer(optimizer) if accelerator.scaler else optimizer
        )
        # Accelerate's, too, divides the loss by 1, which a small network's step would notice.
        self._go_back: Callable[[Tensor], None] = (
            accelerator.backward if accelerator.scaler else Tensor.backward
        )
        self.schedule = build_schedule(config, self.optimizer, steps)
        self.average = MovingAverage(pipeline.model, config.ema) if config.ema else None
        self.adversary = (
            Adversary(pipeline.model, config.adversarial) if config.adversarial else None
        )
        self.fitting = 0
        mixed = accelerator.mixed_precision != "no"
        self._mixed: Callable[[], AbstractContextManager[object]] = (
            accelerator.autocast if mixed else nullcontext
        )
        # Kept: finding them anew, module by module, takes longer than a small network's forward pass.
        self._parameters = list(self.network.parameters())
        self._buffers = list(self.network.buffers())

    def snapshot(self) -> dict[str, Any]:
        """All that changes from step to step, beside the network, as nested values and tensors."""
        scaler = self.accelerator.scaler
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": scaler.state_dict() if scaler else None,
            "average": self.average.state() if self.average else None,
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Goes back to where a snapshot was taken."""
        self.optimizer.load_state_dict(snapshot["optimizer"])
        self.schedule.load_state_dict(snapshot["schedule"])
        if self.accelerator.scaler and snapshot["scaler"]:
            self.accelerator.scaler.load_state_dict(snapshot["scaler"])
        if self.average:
            self.average.set_state(snapshot["average"])

    def step(self, batches: Sequence[Sequence[Any]]) -> Step:
        """One step of the optimizer on the examples of some batches, of which each process takes its share.

        Raises:
            FaultyStepError: on all processes, if one of them cannot make it; the weights are as before.
        """
        skips = self.config.on_fault == "skip"  # then training goes on, and no trace may be left
        buffers = [(buffer, buffer.clone()) for buffer in self._buffers if skips]
        try:
            sums = self._backward(batches)
            norm = self._clip()
            self._check(sums.loss, norm)
        except FaultyStepError:
            for buffer, before in buffers:
                buffer.copy_(before)
            raise
        self.optimizer.step()
        if self.average:
            self.average.update()
        self.schedule.step()
        norm = norm if math.isfinite(norm) else 0.0
        return Step(sums.loss, sums.units, norm, sums.real, sums.padded)

    def halve_rates(self) -> None:
        """Halves every learning rate from now on."""
        self.schedule.base_lrs = [lr * 0.5 for lr in self.schedule.base_lrs]
        for group, lr in zip(self.optimizer.param_groups, self.schedule.base_lrs, strict=True):
            group["lr"] = lr

    def _backward(self, batches: Sequence[Sequence[Any]]) -> _Sums:
        """Sums over all processes; the gradient is that of the mean loss."""
        own = [share for batch in batches if (share := self.processes.share(batch))]
        found = self.processes.gather(lambda: self._own_backward(own), FaultyStepError)
        loss, units, real, padded, _ = map(sum, zip(*found, strict=True))
        scale = _Sums(*found[self.processes.rank]).scale
        _scale(self._gradients(), scale / max(1, units))
        self.processes.sum_gradients(self.network)
        return _Sums(loss, units, real, padded, units)

    def _own_backward(self, batches: Sequence[Sequence[Any]]) -> _Sums:
        """Sums over the batches, which are halved until they fit into memory."""
        while True:
            try:
                return self._try_backward(
                    [part for batch in batches for part in self._fitted(batch)]
                )
            except _NoRoomError as error:
                items = error.items
            self._make_room(items)

    def _try_backward(self, parts: Sequence[Sequence[Any]]) -> _Sums:
        for parameter in self._parameters:
            parameter.grad = None
        total = _Sums()
        for items in parts:
            total = total.plus(self._pass(items, total.scale))
        return total

    def _pass(self, items: Sequence[Any], scale: int) -> _Sums:
        """Adds the gradient of a batch's loss divided by `scale` (0: its units).

        Raises:
            _NoRoomError: if it does not fit into memory.
        """
        try:
            batch = self.pipeline.collate(items)
            real, padded = self.pipeline.count_steps(batch)
            loss, count = self._learn(batch.to(self.accelerator.device), scale)
        except (RuntimeError, MemoryError) as error:
            if _is_out_of_memory(error):
                raise _NoRoomError(items) from None
            raise
        return _Sums(loss, count, real, padded, scale or max(1, count))

    def _learn(self, batch: Any, scale: int) -> tuple[float, int]:
        """Adds the gradient of a batch's loss divided by `scale` (0: its units); returns the loss and its units."""
        with self._mixed():
            learnt = None if self.adversary else self.pipeline.learn(batch, scale)
            if learnt is not None:
                return learnt
            loss, units = self.network(batch)
        count = int(units)
        scale = scale or max(1, count)
        self._go_back(loss / scale)
        if self.adversary:
            with self.adversary.attacking(), self._mixed():
                attacked, _ = self.network(batch)
            self._go_back(attacked / scale)
        return float(loss.detach()), count

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self._parameters if p.grad is not None]

    def _clip(self) -> float:
        limit = self.config.clip_norm or math.inf
        if self.accelerator.scaler is not None:
            return float(self.accelerator.clip_grad_norm_(self._parameters, limit))
        if self.accelerator.device.type != "cpu":
            return float(nn.utils.clip_grad_norm_(self._parameters, limit))
        # The same without multiplying by 1.
        gradients = self._gradients()
        norm = _norm(gradients, compiles=may_compile(self.config.kernel))
        if norm + TINY > limit:
            _scale(gradients, min(1.0, float(limit / (torch.tensor(norm) + TINY))))
        return norm

    def _check(self, loss: float, norm: float) -> None:
        if not math.isfinite(loss):
            raise FaultyStepError(f"The loss became {loss}")
        if (
            not math.isfinite(norm) and not self.accelerator.scaler
        ):  # it leaves such steps out itself
            raise FaultyStepError(f"The gradient's norm became {norm}")

    def _size(self, items: Sequence[Any]) -> int:
        """Steps of a padded batch."""
        return len(items) * max(self.pipeline.length(item) for item in items)

    def _fitted(self, items: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """The batch, in parts below the size that is known not to fit into memory."""
        if not self.fitting or len(items) == 1 or self._size(items) < self.fitting:
            yield items
            return
        middle = (len(items) + 1) // 2
        yield from self._fitted(items[:middle])
        yield from self._fitted(items[middle:])

    def _make_room(self, items: Sequence[Any]) -> None:
        """Has batches as large as this one, which did not fit into memory, halved from now on."""
        if self.adversary:
            self.adversary.forget()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        size = self._size(items)
        if len(items) == 1:
            raise FaultyStepError(f"Memory is too small for a single example of {size:,} steps")
        if not self.fitting:
            self.reporter.note(
                f"Memory is too small for a batch of {size:,} steps with padding; such ones are halved from now on."
            )
        self.fitting = size


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error of torch says that there is no memory left, on a device or on the host."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def _norm(gradients: Sequence[Tensor], *, compiles: bool) -> float:
    """The norm of all gradients, which are on the CPU, by machine code if it may."""
    if compiles and has_numba():
        from seqkit.training import compiled_update  # numba takes a while

        if compiled_update.takes(gradients):
            return compiled_update.norm(gradients)
    norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
    return float(torch.linalg.vector_norm(norms))


def _scale(gradients: Sequence[Tensor], factor: float) -> None:
    """Multiplies gradients, so that accumulated batches weigh by their units as in one large batch, or to clip them."""
    if factor != 1.0:
        for gradient in gradients:
            gradient.mul_(factor)
