"""The picture that every run draws of itself: loss and metric by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqkit.files import replacing

TRAIN, DEV, METRIC = "#0072b2", "#d55e00", "#009e73"
"""Colours that colour-blind readers tell apart (Okabe & Ito 2008)."""


def draw_curves(
    history: Sequence[Mapping[str, Any]], metric: str, best_epoch: int, path: Path
) -> None:
    """Draws training and dev loss, and the dev metric with its best epoch marked, as a PNG.

    Args:
        history: A row for each epoch, as in `history.csv`.
        metric: The score that chose the best epoch.
        best_epoch: Counted from 1.
        path: File to write.
    """
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    loss, score = figure.subplots(1, 2)
    loss.plot(
        epochs, [row["train_loss"] for row in history], color=TRAIN, marker=".", label="train"
    )
    loss.plot(epochs, [row["dev_loss"] for row in history], color=DEV, marker=".", label="dev")
    loss.set(title="loss (nats)", xlabel="epoch")
    loss.legend(frameon=False)
    values = [row[f"dev_{metric}"] for row in history]
    score.plot(epochs, values, color=METRIC, marker=".")
    score.plot(
        best_epoch, values[best_epoch - 1], color=METRIC, marker="o", markersize=9, fillstyle="none"
    )
    best = f"best {values[best_epoch - 1]:.4g} in epoch {best_epoch}"
    score.set(title=f"dev {metric}: {best}", xlabel="epoch")
    for axes in (loss, score):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
