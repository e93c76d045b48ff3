"""What training tells whoever watches. Torch-free."""

from __future__ import annotations

from typing import Any


class Reporter:
    """Hears of every stage of a training; this one keeps silent."""

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def features_done(self, done: int, total: int) -> None:
        """So many of the inputs whose features are computed before training are done."""

    def started(self, facts: dict[str, Any]) -> None:
        """Training begins; `facts` are sizes, parameters, device, threads and the like by name."""

    def compiling(self) -> None:
        """Machine code is being compiled, once on a machine, which takes some seconds before work goes on."""

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        """An epoch of so many batches begins; epochs count from 1."""

    def batch_done(self, loss: float) -> None:
        """A batch is done; mean loss of the epoch so far, in nats a unit."""

    def scoring(self, what: str) -> None:
        """A split is being scored."""

    def epoch_done(self, row: dict[str, Any], is_best: bool) -> None:
        """An epoch is done; `row` is its line of history."""
