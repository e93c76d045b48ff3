"""A run, loaded and ready to answer, to be scored and to be looked into. `seqkit.load` comes from here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seqkit import launch
from seqkit.allocator import limit_kernels
from seqkit.budget import Budget
from seqkit.config import from_dict, merge, to_dict
from seqkit.devices import check_device_each, device_exists
from seqkit.errors import ConfigError, DataError
from seqkit.limits import Limits
from seqkit.nn.precision import lower_precision
from seqkit.pipeline import Pipeline, Scores
from seqkit.predicting import Execution, answer_examples, predict_stream
from seqkit.prediction import Prediction
from seqkit.processes import ALONE, Processes
from seqkit.run import Run, open_run
from seqkit.task import Splits, Task
from seqkit.training.threads import choose_threads
from seqkit.weights import load_weights, read_shapes

if TYPE_CHECKING:
    from seqkit.diagnosis import Diagnosis
    from seqkit.explaining import Explanation
    from seqkit.report import Section


class Predictor:
    """A run, loaded and ready to answer.

    Args:
        run: The run folder's contents, opened.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: CPU threads (0: chosen by the size of the network).
        precision: One of `precision.PRECISIONS`.
        limits: What an input may weigh.
    """

    def __init__(
        self,
        run: Run,
        device: str = "auto",
        threads: int = 0,
        precision: str = "float32",
        limits: Limits | None = None,
    ) -> None:
        self.run = run
        self.limits = limits or Limits()
        self.task = run.task
        self.config = run.config
        limit_kernels()
        choose_threads(threads or run.config.training.threads, run.config.model.hidden_size)
        with Budget(read_shapes(run.weights), str(run.weights)):
            self.pipeline: Pipeline[Any, Any, Any] = self.task.load(run.config, run.preprocessing)
        self.pipeline.limits = self.limits
        load_weights(self.pipeline.model, run.weights)
        self.device = _device(device)
        self.pipeline.model.to(self.device).eval()
        self.precision = precision
        lower_precision(self.pipeline.model, precision)

    def predict(self, inputs: Any, *, batch_size: int = 32) -> Any:
        """Answers to a list of inputs, in order; for a pandas DataFrame, the frame with answer columns added.

        Args:
            inputs: Raw inputs (texts; for captioning paths of pictures), one alone, or a DataFrame.
            batch_size: Inputs a batch; the answers do not depend on it.

        Raises:
            DataError: if an input cannot be used.
        """
        if hasattr(inputs, "columns"):
            return self._predict_frame(inputs, batch_size)
        if isinstance(inputs, (str, Path)):
            return next(self.stream([inputs], batch_size=batch_size))
        return list(self._stream(inputs, batch_size, soon=False))

    def stream(
        self, inputs: Iterable[Any], *, batch_size: int = 32, processes: Processes = ALONE
    ) -> Iterator[Prediction]:
        """Answers one by one in the order of the inputs, which may be without end.

        Args:
            inputs: Raw inputs.
            batch_size: Inputs a batch; the answers do not depend on it.
            processes: Those that answer together (`seqkit.processes.join`); each is given all inputs.
        """
        return self._stream(inputs, batch_size, processes)

    def _stream(
        self, inputs: Iterable[Any], batch_size: int, processes: Processes = ALONE, *, soon: bool = True
    ) -> Iterator[Prediction]:  # fmt: skip
        """As `stream`; `soon` as in `predict_stream`."""
        how = Execution(batch_size, self.device, processes, self.precision)
        return predict_stream(self.pipeline, map(self.limits.checked, inputs), how, soon=soon)

    def evaluate(
        self,
        data: Any = None,
        *,
        split: str = "test",
        batch_size: int = 32,
        processes: Processes = ALONE,
    ) -> Scores:
        """Scores on labelled data in the format of the training data.

        Args:
            data: Path or DataFrame; None is what the run was trained on.
            split: `train`, `dev` or `test`.
            batch_size: Inputs a batch.
            processes: Those that answer together; the scores are those of one.
        """
        return self._scored(*self._answered(data, split, batch_size, processes))

    def report(
        self,
        data: Any = None,
        *,
        split: str = "test",
        batch_size: int = 32,
        processes: Processes = ALONE,
    ) -> tuple[Scores, list[Section]]:
        """Scores, and what to show of them: by length and label, calibration, errors and worst examples.

        The arguments are those of `evaluate`; `seqkit.report.write_page` writes a page of the sections.
        """
        from seqkit.reporting import report_sections

        examples, answers = self._answered(data, split, batch_size, processes)
        scores = self._scored(examples, answers)
        return scores, report_sections(self.pipeline, examples, answers, scores, self.task.metric)

    def explain(self, raw: Any) -> Explanation:
        """The answer to one raw input and what led to it: where the network looked, what spoke for the answer, other
        answers. What can be shown depends on the task; a notebook shows the explanation as a page.

        Raises:
            DataError: if the input cannot be used.
        """
        from seqkit.explaining import explain_input

        return explain_input(self.pipeline, raw)

    def _answered(
        self, data: Any, split: str, batch_size: int, processes: Processes
    ) -> tuple[Sequence[Any], list[Prediction]]:
        """(labelled examples, answers to them)."""
        examples = read_again(self.task, self.config, data).get(split)
        how = Execution(batch_size, self.device, processes, self.precision)
        return examples, answer_examples(self.pipeline, examples, how)

    def _scored(self, examples: Sequence[Any], answers: Sequence[Prediction]) -> Scores:
        scores = self.pipeline.score(examples, answers)
        if self.precision == "float32":
            return scores
        return replace(scores, signature=f"{scores.signature}, precision {self.precision}")

    def diagnose(self, data: Any = None, *, split: str = "dev", examples: int = 64) -> Diagnosis:
        """How far back the gradient reaches in each recurrent layer, on labelled data.

        Args:
            data: Path or DataFrame; None is what the run was trained on.
            split: `train`, `dev` or `test`.
            examples: How many are looked at, spread evenly over the split.
        """
        from seqkit.diagnosis import diagnose, spread

        chosen = spread(read_again(self.task, self.config, data).get(split), examples)
        self.pipeline.fixed_features([self.pipeline.raw_input(example) for example in chosen])
        items = [self.pipeline.encode(example) for example in chosen]
        return diagnose(self.pipeline, items, self.device)

    def _predict_frame(self, frame: Any, batch_size: int) -> Any:
        column = self.task.input_column(self.config)
        if column not in frame.columns:
            raise DataError(
                f"DataFrame: no column {column!r}; found {', '.join(map(str, frame.columns))}."
            )
        answers = list(self._stream(frame[column].tolist(), batch_size, soon=False))
        return frame.assign(
            output=[a.output for a in answers],
            score=[a.score for a in answers],
            confidence=[a.confidence for a in answers],
        )


def load(
    run: str | Path | Run,
    *others: str | Path,
    device: str = "auto",
    threads: int = 0,
    precision: str = "float32",
    limits: Limits | None = None,
) -> Predictor:
    """A run, ready to answer; with further runs of the same task, by the mean of their networks.

    Args:
        run: The run folder, or a run that is opened already.
        others: Further run folders.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: CPU threads (0: chosen by the size of the network).
        precision: `float32`, `bf16` or `int8` (see `seqkit.nn.precision`). In fewer bits answers come faster. How they
            are batched may then change the last digits of a score, and with them which of two sentences that are as
            likely is the answer.
        limits: What an input, or a file of a run, may weigh.

    >>> import seqkit
    >>> seqkit.load("runs/sentiment-1").predict(["Not bad at all."])  # doctest: +SKIP

    Raises:
        RunError: if a folder is no run, or is incomplete or altered.
        ConfigError: if the runs cannot answer together, or the device cannot compute in that precision.
    """
    opened = run if isinstance(run, Run) else open_run(run, limits)
    first = Predictor(opened, device, threads, precision, limits)
    if others:
        rest = [
            Predictor(open_run(other, limits), device, threads, precision, limits)
            for other in others
        ]
        wrong = [str(p.run.path) for p in rest if p.task.name != first.task.name]
        if wrong:
            raise ConfigError(
                f"{wrong[0]}: not a {first.task.name} run; an ensemble is of one task."
            )
        first.pipeline.ensemble_with([p.pipeline for p in rest])
    first.pipeline.settle()
    return first


def read_again(task: Task[Any, Any], config: Any, data: Any) -> Splits[Any]:
    """The labelled data of a run, or other data in the same format."""
    if hasattr(data, "columns"):
        splits = task.read_frame(config, data)
        return Splits(test=[*splits.train, *splits.dev, *splits.test], source=splits.source)
    if data is None:
        return task.read(config)
    changed = merge(to_dict(config), {"data": task.other_data(Path(data))})
    return task.read(from_dict(task.Config, changed))


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if device_exists("cuda") else "cpu"
    if not device_exists(name):
        raise ConfigError(f"device {name}: torch finds none here; use auto or cpu.")
    if name == "cuda" and launch.size() > 1:
        check_device_each(name)
        return torch.device(name, launch.local_rank())
    return torch.device(name)
