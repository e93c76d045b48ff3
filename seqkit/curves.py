"""The picture that every run draws of itself, while it trains: loss, metric, learning rate and gradient by epoch."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.files import replacing
from seqkit.report.palette import PLOTTED

TRAIN, DEV, METRIC, RATE = PLOTTED[:4]

SHARE = 20
"""Training goes on this many times as long as the last drawing took before the next one."""


class Curves:
    """The curves of a training, redrawn as it goes, so seldom that they take no more than a twentieth of its time.

    Args:
        metric: The score that chooses the best epoch.
        path: File to write.
    """

    def __init__(self, metric: str, path: Path) -> None:
        self.metric = metric
        self.path = path
        self._next = (
            time.perf_counter() + SHARE
        )  # the first drawing loads a library, in about a second

    def epoch_done(self, history: Sequence[Mapping[str, Any]], best_epoch: int) -> None:
        """Draws the epochs so far, unless the last drawing is too recent."""
        began = time.perf_counter()
        if began >= self._next:
            draw_curves(history, self.metric, best_epoch, self.path)
            gc.collect()  # a figure is a web of cycles, which Python would leave for minutes
            ended = time.perf_counter()
            self._next = ended + SHARE * (ended - began)


def draw_curves(
    history: Sequence[Mapping[str, Any]], metric: str, best_epoch: int, path: Path
) -> None:
    """Draws, as a PNG: training and dev loss; the dev metric, its best epoch marked; the learning rate; the mean and
    the largest norm of the gradient.

    Args:
        history: A row for each epoch, as in `history.csv`.
        metric: The score that chose the best epoch.
        best_epoch: Counted from 1.
        path: File to write.
    """
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(8, 5.4), layout="constrained")
    (loss, score), (rate, norm) = figure.subplots(2, 2)
    for axes, title, lines in (
        (loss, "loss (nats)", {"train_loss": ("train", TRAIN), "dev_loss": ("dev", DEV)}),
        (score, "", {f"dev_{metric}": ("", METRIC)}),
        (rate, "learning rate", {"lr": ("", RATE)}),
        (norm, "norm of the gradient",
         {"gradient_norm": ("mean", TRAIN), "largest_norm": ("largest", DEV)}),
    ):  # fmt: skip
        for column, (label, colour) in lines.items():
            values = [row.get(column) for row in history]
            axes.plot(epochs, values, color=colour, marker=".", label=label)
        axes.set(title=title, xlabel="epoch")
        if len(lines) > 1:
            axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    best = history[best_epoch - 1][f"dev_{metric}"]
    score.plot(best_epoch, best, color=METRIC, marker="o", markersize=9, fillstyle="none")
    score.set(title=f"dev {metric}: best {best:.4g} in epoch {best_epoch}")
    rate.set_ylim(bottom=0)
    norm.set_yscale("log")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
