"""A network examined on some of its data: the flow in each layer, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from seqkit.data.batching import make_batches
from seqkit.diagnosis.flow import Flow, gradient_flow
from seqkit.diagnosis.verdict import Finding, judge
from seqkit.pipeline import Pipeline

BATCH = 16
"""Examples that go through the network together; all their states are kept."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        examples: How many were looked at.
        flows: Of each direction of each recurrent layer.
        findings: The verdict on each.
    """

    examples: int
    flows: list[Flow]
    findings: list[Finding]

    def table(self) -> list[dict[str, Any]]:
        """A row a layer."""
        return [
            {
                "layer": flow.layer, "cell": flow.cell, "factor a step": f"{flow.rate:.3g}",
                **{f"{k} back": f"{flow.carried[k]:.2g}" for k in (10, 40, 100) if k < len(flow.carried)},
                "spectral radius": _listed(f"{n} {r:.2f}" for n, r in flow.radii.items()),
                "shut / open": _listed(f"{n} {a:.0%} / {b:.0%}" for n, (a, b) in flow.saturation.items()),
            }
            for flow in self.flows
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return asdict(self)


def diagnose(
    pipeline: Pipeline[Any, Any, Any], items: Sequence[Any], device: torch.device
) -> Diagnosis:
    """The diagnosis of a network by the loss of some labelled items.

    Args:
        pipeline: The network, on `device`.
        items: As `Pipeline.encode` makes them.
        device: Where to compute.
    """
    lengths = [pipeline.length(item) for item in items]
    batches = (
        pipeline.collate([items[i] for i in indices]).to(device)
        for indices in make_batches(lengths, batch_size=BATCH)
    )
    flows = gradient_flow(pipeline, batches)
    return Diagnosis(len(items), flows, [judge(flow) for flow in flows])


def spread(examples: Sequence[Any], count: int) -> list[Any]:
    """At most so many examples, at even distances."""
    count = min(count, len(examples))
    return [examples[i * len(examples) // count] for i in range(count)]


def _listed(parts: Any) -> str:
    return ", ".join(parts)
