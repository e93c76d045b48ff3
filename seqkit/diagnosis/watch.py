"""The flow of gradients in a network that is being trained, looked at after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from seqkit.diagnosis.diagnosis import diagnose, spread
from seqkit.diagnosis.picture import draw_flow
from seqkit.pipeline import Pipeline

EXAMPLES = 32
"""Dev examples that are looked at."""


class Watch:
    """Measures after each epoch, draws the picture anew and tells what is wrong, each verdict once.

    Args:
        pipeline: The network that is trained.
        items: Labelled items, some of which are looked at.
        device: Where the network is.
        picture: File of the drawing; None draws nothing.
        note: Is told each new fault.
    """

    def __init__(
        self,
        pipeline: Pipeline[Any, Any, Any],
        items: Sequence[Any],
        device: torch.device,
        picture: Path | None,
        note: Callable[[str], None],
    ) -> None:
        self.pipeline = pipeline
        self.items = spread(items, EXAMPLES)
        self.device = device
        self.picture = picture
        self.note = note
        self._said: set[tuple[str, str]] = set()

    def look(self) -> dict[str, float]:
        """Columns for the epoch's row: the factor a step of each layer."""
        found = diagnose(self.pipeline, self.items, self.device)
        for finding in found.findings:
            if finding.kind != "healthy" and (finding.layer, finding.kind) not in self._said:
                self._said.add((finding.layer, finding.kind))
                self.note(f"{finding.layer} {finding.sentence}")
        if found.flows and self.picture is not None:
            draw_flow(found.flows, self.picture)
        return {
            f"flow_{flow.layer.replace(', ', '_').replace(' ', '_')}": flow.rate
            for flow in found.flows
        }
