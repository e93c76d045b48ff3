"""One answer for every task: the same keys, whatever the shape. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Alternative:
    """A further answer.

    Attributes:
        output: As the main output of the task.
        score: Log-probability, in nats.
        confidence: Probability of this answer, 0 to 1.
    """

    output: Any
    score: float
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """What a run answers to one input.

    Attributes:
        input: The input as given.
        output: Label, sentence or entities: what the task is asked for.
        score: Log-probability of the output, in nats (for a sequence: of the whole sequence); None where the
            task has no probabilities, such as one that predicts numbers.
        confidence: 0 to 1; for a sequence the geometric mean of its tokens' probabilities; None as `score`.
        alternatives: Best answers in order, the output itself first.
        detail: What only this task can say, such as `entities` or `probabilities`.
        text: The output as one line for people.
    """

    input: Any
    output: Any
    score: float | None = None
    confidence: float | None = None
    alternatives: list[Alternative] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`; the task's detail stands beside the common keys."""
        return {
            "input": self.input,
            "output": self.output,
            "score": _rounded(self.score),
            "confidence": _rounded(self.confidence),
            "alternatives": [
                {
                    "output": a.output,
                    "score": round(a.score, 6),
                    "confidence": round(a.confidence, 6),
                }
                for a in self.alternatives
            ],
            **self.detail,
        }

    @classmethod
    def revive_all(cls, rows: list[dict[str, Any]]) -> list[Prediction]:
        """Predictions from the plain values of their fields."""
        return [
            cls(**{**row, "alternatives": [Alternative(**a) for a in row["alternatives"]]})
            for row in rows
        ]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Prediction:
        """The prediction that `to_json` gave these values of, without its line for people."""
        common = ("input", "output", "score", "confidence")
        return cls(
            **{name: values[name] for name in common},
            alternatives=[Alternative(**alternative) for alternative in values["alternatives"]],
            detail={k: v for k, v in values.items() if k not in (*common, "alternatives")},
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
