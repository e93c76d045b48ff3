"""Why a network answers as it does: what every task can show, and the parts that a task adds."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.nn.encoder import Encoded, Encoder
from seqkit.nn.recurrent import Recurrent
from seqkit.pipeline import Pipeline
from seqkit.predicting import device_of
from seqkit.prediction import Alternative, Prediction
from seqkit.report import Note, Page, Part, Plot, Section, Table, as_html

TITLE = 160
"""Characters of an input that a heading shows."""


@dataclass(frozen=True)
class Explanation:
    """An answer and what led to it.

    Attributes:
        title: The input, for people.
        prediction: The answer.
        parts: What can be shown, see `seqkit.report`.
    """

    title: str
    prediction: Prediction
    parts: Sequence[Part]

    def section(self) -> Section:
        """The explanation as a part of a page."""
        return Section(self.title, self.parts)

    def _repr_html_(self) -> str:
        """What a notebook shows: the page in a frame, which keeps its style to itself."""
        page = escape(as_html(Page("Why it answers so", [self.section()])))
        return f'<iframe srcdoc="{page}" style="border: 0; width: 100%; height: 40rem"></iframe>'


def explain_input(pipeline: Pipeline[Any, Any, Any], raw: Any) -> Explanation:
    """The answer to one raw input, as `predict` gives it, and what led to it."""
    pipeline.model.eval()
    item = pipeline.encode_input(raw)
    batch = pipeline.collate([item]).to(device_of(pipeline))
    with torch.no_grad(), encoder_outputs(pipeline.model) as outputs:
        (answer,) = pipeline.predict_in_full([item], batch)
    prediction = dataclasses.replace(answer, input=raw)
    parts = [
        _answers(pipeline, prediction),
        *pipeline.explain(item, batch, prediction),
        *(_hidden_states(*found, pipeline.step_names(item)) for found in outputs),
    ]
    if len(parts) == 1:
        parts.append(Note("Nothing else to show", "The task tells no more than its answer."))
    return Explanation(shortened(pipeline.input_text(raw), TITLE), prediction, parts)


def shortened(text: str, limit: int) -> str:
    """A text on one line, cut to so many characters; where there is none, a word that says so.

    >>> shortened("a long text", 7)
    'a long…'
    """
    text = " ".join(text.split()) or "(empty)"
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


@contextlib.contextmanager
def encoder_outputs(model: nn.Module) -> Iterator[list[tuple[Encoder, Encoded]]]:
    """A list that holds, when the block ends, each encoder that ran in it with what it first gave."""
    found: dict[nn.Module, tuple[Encoder, Encoded]] = {}
    outputs: list[tuple[Encoder, Encoded]] = []

    def note(module: nn.Module, inputs: Any, encoded: Encoded) -> None:
        assert isinstance(module, Encoder)
        found.setdefault(module, (module, encoded))

    encoders = [module for module in model.modules() if isinstance(module, Encoder)]
    handles = [encoder.register_forward_hook(note) for encoder in encoders]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
        outputs.extend(found.values())


def _answers(pipeline: Pipeline[Any, Any, Any], prediction: Prediction) -> Part:
    """The n-best list."""
    if prediction.score is None or prediction.confidence is None:
        text = prediction.text or pipeline.answer_text(prediction.output)
        return Table("Answer", [{"output": text}])
    only = Alternative(prediction.output, prediction.score, prediction.confidence)
    rows = [
        {
            "output": pipeline.answer_text(answer.output),
            "score": answer.score,
            "confidence": answer.confidence,
        }
        for answer in prediction.alternatives or [only]
    ]
    title = "Answer" if len(rows) == 1 else "Answers, best first"
    return Table(title, rows, "Score is the log-probability in nats; confidence is from 0 to 1.")


def _hidden_states(encoder: Encoder, encoded: Encoded, names: Sequence[str]) -> Part:
    """The size of the encoder's output, step by step."""
    (steps,) = encoded.lengths.tolist()
    about = (
        "Euclidean norm of the encoder's output at each step: where it jumps, the network has taken something "
        "in or let it go."
    )
    return Plot(
        "Hidden state over time",
        range(1, steps + 1),
        _norms(encoder, encoded.memory[0, :steps]),
        about,
        x_label="step",
        y_label="norm",
        ticks=names if len(names) == steps else (),
    )


def _norms(encoder: Encoder, memory: Tensor) -> dict[str, list[float]]:
    """Norms of outputs [len, memory_size], of each direction by itself."""
    layers = encoder.layers
    if not isinstance(layers, Recurrent) or layers.num_directions == 1:
        return {"norm": memory.norm(dim=-1).tolist()}
    forwards, backwards = torch.split(memory, layers.hidden_size, dim=-1)
    return {
        "read forwards": forwards.norm(dim=-1).tolist(),
        "read backwards": backwards.norm(dim=-1).tolist(),
    }
