"""The live part of a task: raw example -> numbers -> network -> answer -> score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from seqkit.errors import ConfigError
from seqkit.limits import Limits
from seqkit.prediction import Prediction
from seqkit.report.parts import Part, Table

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from seqkit.metrics.bootstrap import Tallies

ExampleT = TypeVar("ExampleT")
ItemT = TypeVar("ItemT")


class Movable(Protocol):
    """A batch: it can go to a device as a whole."""

    def to(self, device: torch.device) -> Any:
        """The same batch on that device."""


BatchT = TypeVar("BatchT", bound=Movable)


@dataclass(frozen=True)
class Scores:
    """What a metric says of a split.

    Attributes:
        values: Score by name; the task's selecting metric is among them.
        signature: How the score was computed, enough to compute it again elsewhere.
        tables: Further tables of the report, rows of plain values by table name.
    """

    values: dict[str, float]
    signature: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """How good one answer is.

    Attributes:
        wanted: What would have been right, as a line for people.
        got: The answer, likewise.
        score: From 0, nothing is right, to 1.
        trials: (confidence, whether it was right) of whatever the answer claims with a probability; its calibration is
            measured on these.
    """

    wanted: str
    got: str
    score: float
    trials: Sequence[tuple[float, bool]] = ()


class Pipeline(ABC, Generic[ExampleT, ItemT, BatchT]):
    """Vocabularies, network, decoding and metric of one task, ready to train or to answer.

    `model` is the network; its state dict is what a run keeps. Everything else that is learned from data goes
    to `save` and comes back by the task's `load`.
    """

    model: nn.Module
    config: Any
    """The task's settings, resolved: what data decided (the width of pretrained vectors) is filled in."""
    limits: Limits = Limits()
    """What an input may weigh, where it takes a look into it to know."""
    notes: Sequence[str] = ()
    """What the user should know of the preprocessing, such as the coverage of pretrained vectors."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes vocabularies, tokenisers and labels into `folder`."""

    @abstractmethod
    def encode(self, example: ExampleT) -> ItemT:
        """A labelled example as numbers."""

    def encode_anew(self, examples: Sequence[ExampleT], epoch: int) -> list[ItemT] | None:
        """Training examples as numbers for one epoch, counted from 1, where a training example's numbers are drawn by
        chance; None where they are those of `encode`."""
        return None

    def encoding(self) -> object:
        """All that `encode` depends on beside the example, with a `repr` that tells it, if items may be stored as
        integers by `pack` and `unpack`; None if they may not."""
        return None

    def pack(self, item: ItemT) -> Sequence[int] | np.ndarray:
        """The item as integers below 2^31, one at least."""
        raise NotImplementedError

    def unpack(self, row: np.ndarray) -> ItemT:
        """The item that was packed into `row`, an int32 array that must not be changed."""
        raise NotImplementedError

    @abstractmethod
    def encode_input(self, raw: Any) -> ItemT:
        """An unlabelled input as numbers.

        Raises:
            DataError: if it is no input of this task.
        """

    @abstractmethod
    def raw_input(self, example: ExampleT) -> Any:
        """What `predict` would be given for this example."""

    @abstractmethod
    def length(self, item: ItemT) -> int:
        """Steps of the item, to put items of like length into one batch."""

    @abstractmethod
    def collate(self, items: Sequence[ItemT]) -> BatchT:
        """Items as one padded batch."""

    def count_steps(self, batch: BatchT) -> tuple[int, int]:
        """(real steps, steps with padding) of the batch's sequences, which tell how much padding is computed."""
        from seqkit.data.batch import steps_of

        return steps_of(batch)

    @abstractmethod
    def loss(self, batch: BatchT) -> tuple[Tensor, Tensor]:
        """(sum of the loss in nats, number of units it is summed over) of a batch."""

    def learn(self, batch: BatchT, scale: int) -> tuple[float, int] | None:
        """Adds the gradients of the loss divided by `scale` (0: by its units) to those of the weights, and returns the
        loss and its units, where the network has a faster way to them than autograd; the default has none."""
        return None

    def prepare_answers(self, items: Sequence[ItemT]) -> Sequence[ItemT]:
        """The items that several batches are about to answer, with what they have in common computed once; the default
        leaves it to each batch."""
        return items

    @abstractmethod
    def predict(self, items: Sequence[ItemT], batch: BatchT) -> list[Prediction]:
        """Answers to the batch that `items` were collated into, `input` still to be filled in.

        On a CPU several threads may call it at once, each for another batch.
        """

    @abstractmethod
    def score(self, examples: Sequence[ExampleT], predictions: Sequence[Prediction]) -> Scores:
        """Scores of predictions made for `examples`."""

    def tallies(
        self, examples: Sequence[ExampleT], predictions: Sequence[Prediction]
    ) -> Tallies | None:
        """What the selecting score counts of each example, so that it is known in no time for any choice of them;
        None lets `score` be called for each choice."""
        return None

    def fixed_features(
        self, inputs: Iterable[Any], on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Computes what stays fixed while training (cached picture features) for these raw inputs, and tells
        `on_progress` (inputs done, inputs to do)."""

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """Parameters for the optimizer, by learning rate."""
        return [{"params": [p for p in self.model.parameters() if p.requires_grad], "lr": lr}]

    def prepare_training(self, train: Sequence[ExampleT]) -> None:
        """Called once before training, with its examples, for what the loss needs of them as a whole."""

    @property
    def learns_stepwise(self) -> bool:
        """Whether training calls torch at each step of a sequence."""
        return False

    def before_epoch(self, epoch: int) -> None:
        """Called before each training epoch, counted from 1."""

    def before_step(self, step: int) -> None:
        """Called before each training step, counted from 0, for whatever follows a schedule."""

    def set_decoding(self, changes: dict[str, Any]) -> None:
        """Changes decoding settings, such as `beam_size`, of a task that generates.

        Raises:
            ConfigError: if the task does not decode.
        """
        if changes:
            raise ConfigError(
                f"{', '.join(sorted(changes))}: this task does not generate, so it has no such setting."
            )

    def ensemble_with(self, others: Sequence[Pipeline[ExampleT, ItemT, BatchT]]) -> None:
        """Answers from now on by the mean of this and other networks, of the same task and vocabularies.

        Raises:
            ConfigError: if the task cannot.
        """
        raise ConfigError("This task cannot answer by an ensemble.")

    def settle(self) -> None:
        """Called when weights and device will not change any more, for whatever makes answers faster then."""

    def summary(self) -> dict[str, Any]:
        """What the model card should tell of the preprocessing, such as the size of the vocabulary."""
        return {}

    # What explanations and reports show; a task that says nothing here still shows its answers.

    def input_text(self, raw: Any) -> str:
        """A raw input as a line for people."""
        return " ".join(map(str, raw)) if isinstance(raw, (list, tuple)) else str(raw)

    def step_names(self, item: ItemT) -> Sequence[str]:
        """What each step that the encoder reads is, for people; the default leaves the steps to be numbered."""
        return ()

    def answer_text(self, output: Any) -> str:
        """An output, the best or an alternative, as a line for people."""
        return str(output)

    def predict_in_full(self, items: Sequence[ItemT], batch: BatchT) -> list[Prediction]:
        """As `predict`, the answer the same, with the alternatives and details that `explain` needs."""
        return self.predict(items, batch)

    def explain(self, item: ItemT, batch: BatchT, prediction: Prediction) -> list[Part]:
        """What led to an answer.

        Args:
            item: The input.
            batch: The same as a batch of one.
            prediction: What `predict_in_full` said to it.
        """
        return []

    def explain_network(self) -> list[Part]:
        """What the network shows of itself, whatever the input."""
        return []

    def judge(self, example: ExampleT, prediction: Prediction) -> Judgement | None:
        """How good an answer is; None where the task cannot tell for one alone."""
        return None

    def report(
        self, examples: Sequence[ExampleT], predictions: Sequence[Prediction], scores: Scores
    ) -> list[Part]:
        """What the task shows of its scores; the default is their tables."""
        return [Table(name.capitalize(), rows) for name, rows in scores.tables.items() if rows]
