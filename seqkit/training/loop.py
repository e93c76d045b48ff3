"""The training loop: batches of like length, one update a step, the best epoch kept by the task's own metric."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from seqkit.data.batching import make_batches
from seqkit.data.stored_items import chosen, encoded
from seqkit.errors import SeqkitError
from seqkit.nn.kernels import start_compiled
from seqkit.pipeline import Pipeline, Scores
from seqkit.predicting import Execution, score_examples
from seqkit.processes import ALONE, LostContactError, Processes
from seqkit.run import FAULTS, FLOW, WEIGHTS
from seqkit.settings import TrainingConfig
from seqkit.training.acceleration import build_accelerator
from seqkit.training.averaging import State, copied_state, mean_state
from seqkit.training.batches import epoch_batches, grouped, item_lengths
from seqkit.training.checkpoint import LAYOUT
from seqkit.training.faults import IN_A_ROW, SPIKE, advice, write_aside
from seqkit.training.interruption import Interrupted, Interruption
from seqkit.training.keeper import Keeper
from seqkit.training.randomness import draw_apart, random_states, set_random_states
from seqkit.training.record import Record
from seqkit.training.report import Reporter
from seqkit.training.state import Epoch, TrainingState
from seqkit.training.update import FaultyStepError, Step, Updater
from seqkit.weights import check_names, load_weights, save_weights, unique_state

if TYPE_CHECKING:
    from seqkit.diagnosis import Watch


class Trainer:
    """Trains a pipeline's network, on one device or, together with other processes, on several.

    Args:
        pipeline: The network and its task.
        config: How to train.
        metric: Key of the dev score that selects the best epoch; higher is better.
        folder: The run folder; history, checkpoints and the best epoch's weights are written as they come.
        reporter: Who hears of it.
        fingerprint: Of the data; checkpoints carry it.
        processes: Those that train together, each of which has a trainer.

    Raises:
        ConfigError: if the device asked for is not there.
    """

    updater: Updater

    def __init__(
        self,
        pipeline: Pipeline[Any, Any, Any],
        config: TrainingConfig,
        metric: str,
        folder: Path,
        reporter: Reporter,
        fingerprint: str = "",
        processes: Processes = ALONE,
    ) -> None:
        self.pipeline = pipeline
        self.config = config
        self.metric = metric
        self.folder = folder
        self.reporter = reporter
        self.fingerprint = fingerprint
        self.processes = processes
        self.state = TrainingState()
        self.accelerator = build_accelerator(config)
        self.device = self.accelerator.device
        self.last_states: deque[State] = deque(maxlen=config.average_last)
        self.keeper = Keeper(folder, config, writes=processes.is_main)
        self.record: Record | None = None
        if processes.is_main:
            self.record = Record(folder, metric, tensorboard=config.tensorboard)
        self.watch: Watch | None = None
        self.interruption = Interruption()
        self._random: dict[str, Any] | None = None

    def fit(
        self, train: Sequence[Any], dev: Sequence[Any], checkpoint: dict[str, Any] | None = None
    ) -> TrainingState:
        """Trains until the epochs are over or the dev metric stands still, and leaves the best weights loaded.

        Args:
            train: Labelled examples to learn from.
            dev: Labelled examples that choose the best epoch.
            checkpoint: Where to go on, as `snapshot` gave it; None begins.

        Raises:
            SeqkitError: if a step cannot be made, see `training.on_fault`.
            Interrupted: if a signal stopped it; a checkpoint is there to go on from.
        """
        if self.device.type == "cpu":
            start_compiled()  # before all else, so that scores do not hang on where a training goes on
        keep = self.config.keep_tokens
        first = self.pipeline.encode_anew(train, 1) or encoded(self.pipeline, train, keep)
        dev_items = encoded(self.pipeline, dev, keep)
        if self.config.diagnose:
            self.watch = self._watch(dev_items)
        batches = len(epoch_batches(self.pipeline, first, self.config, 0))
        steps = self.config.epochs * -(-batches // self.config.accumulate)
        self.processes.copy_from_main(self.pipeline.model)
        self.updater = Updater(
            self.pipeline, self.config, self.accelerator, self.processes, self.reporter, steps
        )
        draw_apart(self.config.seed, self.processes.rank)
        if checkpoint is not None:
            self.restore(checkpoint)
        try:
            with self.interruption.listening():
                while not self._is_over():
                    epoch = self.state.epoch + 1
                    drawn = self.pipeline.encode_anew(train, epoch) if epoch > 1 else None
                    self._train_epoch(train, drawn or first, epoch)
                    with self.interruption.stopping_at_once():
                        self._score_epoch(dev, dev_items)
                with self.interruption.stopping_at_once():
                    self._try_average(dev)
        except KeyboardInterrupt as stop:
            raise Interrupted(f"Stopped. {self.keeper.kept()}", self.interruption.number) from stop
        except LostContactError as error:
            raise LostContactError(f"{error} {self.keeper.kept()}") from error
        if self.processes.is_main:
            load_weights(self.pipeline.model, self.folder / WEIGHTS)
        self.processes.copy_from_main(self.pipeline.model)
        return self.state

    def snapshot(self) -> dict[str, Any]:
        """All that changes while training, as nested values and tensors."""
        model = self.pipeline.model
        return {
            "layout": LAYOUT,
            "fingerprint": self.fingerprint,
            "threads": torch.get_num_threads(),
            "state": asdict(self.state),
            "network": unique_state(model),
            "trainable": [name for name, value in model.named_parameters() if value.requires_grad],
            "updater": self.updater.snapshot(),
            "last_states": list(self.last_states),
            "processes": self.processes.gather(
                lambda: {"random": random_states(), "fitting": self.updater.fitting}
            ),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Goes back to where a snapshot was taken; the network has its weights already (`restore_network`)."""
        self.state = TrainingState.of(snapshot["state"])
        self.updater.restore(snapshot["updater"])
        self.last_states.extend(snapshot["last_states"])
        self.keeper.saved = self.state.step
        if self.processes.rank < len(snapshot["processes"]):  # there may be more of them now
            own = snapshot["processes"][self.processes.rank]
            self._random, self.updater.fitting = own["random"], own["fitting"]

    def _watch(self, items: Sequence[Any]) -> Watch:
        from seqkit.diagnosis import Watch

        picture = self.folder / FLOW if self.processes.is_main else None
        return Watch(self.pipeline, items, self.device, picture, self.reporter.note)

    def _is_over(self) -> bool:
        if self.state.epoch >= self.config.epochs:
            return True
        if self._time_is_up() and not self.state.current.updates:
            self.reporter.note(f"Stopped: {self.config.max_minutes:g} minutes of steps are over.")
            return True
        stands_still = 0 < self.config.patience <= self.state.stale
        if stands_still:
            self.reporter.note(
                f"Stopped: {self.metric} has not risen for {self.state.stale} epochs."
            )
        return stands_still

    def _time_is_up(self) -> bool:
        """Whether the minutes that steps may take are over, for any process."""
        limit = 60 * self.config.max_minutes
        return limit > 0 and bool(self.processes.largest(self.state.training_seconds >= limit)[0])

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
        self._save_weights()

    def score(self, examples: Sequence[Any]) -> Scores:
        """Scores of real predictions for labelled examples."""
        how = Execution(device=self.device, processes=self.processes)
        return score_examples(self.pipeline, examples, how)

    def _train_epoch(self, train: Sequence[Any], items: Sequence[Any], epoch: int) -> None:
        """The epoch's steps, from where it stands; `items` are the examples of `train` as numbers."""
        current, size = self.state.current, self.config.accumulate
        batches = epoch_batches(self.pipeline, items, self.config, epoch)
        groups = islice(grouped(batches, size), current.updates, None)
        left = max(0, len(batches) - current.updates * size)
        self.reporter.epoch_started(epoch, self.config.epochs, left)
        self.pipeline.before_epoch(epoch)
        self.pipeline.model.train()
        if self._random is not None:
            set_random_states(self._random)
            self._random = None
        if self.keeper.saved < 0:
            self._save()
        began = time.perf_counter() - current.seconds
        for group in groups:
            if self._time_is_up():
                break
            self.pipeline.before_step(self.state.step)
            try:
                step = self.updater.step([chosen(items, batch) for batch in group])
            except FaultyStepError as fault:
                self._pass_over(fault, [train[i] for batch in group for i in batch])
            else:
                self._take(step)
            self.state.step += 1
            for _ in group:
                self.reporter.batch_done(current.loss / max(1, current.units))
            current.seconds = time.perf_counter() - began
            due = self.keeper.is_due(self.state.step)
            self._heed(*self.processes.largest(self.interruption.number or 0, due))
        self._save()

    def _take(self, step: Step) -> None:
        """Counts a step, and says so if its gradient was far from usual."""
        state, limit = self.state, self.config.clip_norm or math.inf
        if state.step >= 100 and step.norm > SPIKE * state.usual_norm > 0 and not state.spike:
            state.spike = state.step
            self.reporter.note(
                f"Step {state.step:,}: the gradient's norm is {step.norm:.3g}, usually it is "
                f"{state.usual_norm:.3g}. `training.clip_norm` ({self.config.clip_norm}) limits what it does; more "
                "such steps are only counted in history.csv."
            )
        state.usual_norm = (
            step.norm if not state.step else 0.99 * state.usual_norm + 0.01 * step.norm
        )
        state.faults = 0
        state.current.take(step, limit)

    def _pass_over(self, fault: FaultyStepError, examples: Sequence[Any]) -> None:
        """Writes the inputs of a step that cannot be made aside, and leaves it out if it may be."""
        state = self.state
        inputs = [self.pipeline.raw_input(example) for example in examples]
        aside = self.processes.from_main(
            lambda: str(write_aside(self.folder / FAULTS, state.step, inputs))
        )
        what = f"{fault} at step {state.step:,}, whose inputs stand in {aside}"
        state.faults += 1
        if self.config.on_fault == "stop":
            raise SeqkitError(f"{what}: {advice(self.config)}.")
        if state.faults > IN_A_ROW:
            raise SeqkitError(f"{what}, as at {IN_A_ROW} steps before it: {advice(self.config)}.")
        self.reporter.note(f"{what}; it is left out.")
        state.current.updates += 1
        state.current.faults += 1

    def _heed(self, signal: int, is_due: int) -> None:
        """Saves and stops where a signal has come to any process, and saves where a checkpoint is due."""
        if signal or is_due:
            self._save()
        if signal:
            self.interruption.number = signal
            raise KeyboardInterrupt

    def _save(self) -> None:
        self.keeper.save(self.state.step, self.snapshot)

    def _save_weights(self) -> None:
        if self.processes.is_main:
            save_weights(self.pipeline.model, self.folder / WEIGHTS)

    def _score_epoch(self, dev: Sequence[Any], items: Sequence[Any]) -> None:
        """Dev loss and scores of the epoch that was trained, and its row of history."""
        began, current = time.perf_counter(), self.state.current
        summary = current.summary()
        self.reporter.scoring("dev")
        self.processes.copy_from_main(self.pipeline.model)  # statistics of batch norm differ
        with self.updater.average.applied() if self.updater.average else nullcontext():
            dev_loss = self._mean_loss(items)
            scores = self.score(dev)
            row = {
                "epoch": self.state.epoch + 1, "step": self.state.step,
                "train_loss": summary.pop("train_loss"), "dev_loss": dev_loss,
                **{f"dev_{name}": value for name, value in scores.values.items()},
                "lr": self.updater.optimizer.param_groups[0]["lr"], **summary,
                "train_seconds": round(current.seconds, 2),
                "seconds": round(current.seconds + time.perf_counter() - began, 2),
            }  # fmt: skip
            if self.watch is not None:
                row |= self.watch.look()
            self._close_epoch(row, scores)
        self._follow_plateau()

    @torch.no_grad()
    def _mean_loss(self, items: Sequence[Any]) -> float:
        self.pipeline.model.eval()
        batches = make_batches(
            item_lengths(self.pipeline, items), batch_size=self.config.batch_size
        )
        total, units = 0.0, 0
        for loss, count in self.processes.map(
            lambda batch: self._loss(chosen(items, batch)), batches
        ):
            total, units = total + loss, units + count
        return total / max(1, units)

    def _loss(self, items: Sequence[Any]) -> tuple[float, int]:
        loss, count = self.pipeline.loss(self.pipeline.collate(items).to(self.device))
        return float(loss), int(count)

    def _close_epoch(self, row: dict[str, Any], scores: Scores) -> None:
        if self.metric not in scores.values:
            found = ", ".join(scores.values)
            raise SeqkitError(
                f"The task chooses epochs by {self.metric!r}, but its scores are {found}."
            )
        state, value = self.state, scores.values[self.metric]
        state.epoch, state.current = state.epoch + 1, Epoch()
        if self.config.average_last:
            self.last_states.append(copied_state(self.pipeline.model))
        state.history.append(row)
        is_best = value > state.best or not state.best_epoch
        if is_best:
            state.best, state.best_epoch = value, state.epoch
            state.stale, state.best_scores = 0, scores
            self._save_weights()
        else:
            state.stale += 1
        if self.record is not None:
            self.record.epoch_done(state.history, state.best_epoch)
        self.reporter.epoch_done(row, is_best)

    def _follow_plateau(self) -> None:
        """Halves every learning rate once the dev metric has stood still for the plateau's patience."""
        if self.config.schedule != "plateau" or self.state.stale == 0:
            return
        if self.state.stale % (self.config.plateau_patience + 1) == 0:
            self.updater.halve_rates()


def restore_network(model: nn.Module, snapshot: dict[str, Any]) -> None:
    """Fills a network with the weights of a snapshot, those that are not learned left alone in training as then.

    Raises:
        RunError: if they are of another network.
    """
    shapes = {name: weight.shape for name, weight in snapshot["network"].items()}
    check_names(unique_state(model), shapes, "The checkpoint")
    model.load_state_dict(snapshot["network"], strict=False)
    trainable = set(snapshot["trainable"])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trainable)
