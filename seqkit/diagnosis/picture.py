"""The gradient's flow drawn: what is left of it, by steps back, a line a layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqkit.diagnosis.flow import TINY, Flow
from seqkit.diagnosis.verdict import VANISHED
from seqkit.files import replacing
from seqkit.report.palette import PLOTTED


def draw_flow(flows: Sequence[Flow], path: Path) -> None:
    """Draws, as a PNG, what the recurrence alone carries back and the whole gradient of the loss, both on a
    logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    carried, total = figure.subplots(1, 2, sharey=True)
    for at, flow in enumerate(flows):
        style = {
            "color": PLOTTED[at % len(PLOTTED)],
            "linestyle": "--" if "backwards" in flow.layer else "-",
        }
        label = f"{flow.layer} ({flow.cell}): {flow.rate:.3g} a step"
        carried.plot(_drawn(flow.carried), label=label, **style)
        total.plot(_drawn(flow.total), **style)
    carried.axhspan(TINY, VANISHED, color="#888888", alpha=0.12, lw=0)
    lowest = min(min(_drawn(flow.carried)) for flow in flows)
    highest = max(max(_drawn(flow.carried + flow.total)) for flow in flows)
    carried.set(
        title="carried back by the recurrence alone", xlabel="steps back",
        ylabel="norm, as a share of the last step's", yscale="log",
        ylim=(max(lowest / 3, 1e-12), highest * 3),
    )  # fmt: skip
    total.set(title="gradient of the loss in each state", xlabel="steps back")
    carried.legend(frameon=False, fontsize=8)
    for axes in (carried, total):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _drawn(shares: Sequence[float]) -> list[float]:
    """Zero has no place on a logarithmic scale."""
    return [max(share, TINY) for share in shares]
