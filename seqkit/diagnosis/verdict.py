"""What a gradient's flow means, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqkit.diagnosis.flow import Flow

FAR = 40
"""Steps back at which a signal is judged, or as far as the data reaches."""
VANISHED = 1e-3
"""Share of the last step's gradient below which what happened then is hardly learned."""
EXPLODED = 10.0
"""The same, above which clipping decides what is learned."""
DIRECT = 0.05
"""Share of the last step's gradient that is enough to learn from."""
STUCK = 0.8
"""Share of a layer's gates or units at their ends above which it hardly learns."""

MEMORY = {"lstm": "forget", "gru": "update"}
"""The gate whose open side keeps the state, which is no fault."""

Kind = Literal["healthy", "vanishes", "explodes", "saturated"]


@dataclass(frozen=True)
class Finding:
    """The verdict on one layer.

    Attributes:
        layer: Its name.
        kind: `healthy`, `vanishes`, `explodes` or `saturated`.
        sentence: What was measured, and what would help.
    """

    layer: str
    kind: Kind
    sentence: str


def judge(flow: Flow) -> Finding:
    """The verdict on a layer: its first fault, a saturation before what follows from it."""
    back = min(FAR, len(flow.carried) - 1)
    signal = flow.carried[back] if back > 0 else 1.0
    measured = (
        f"the signal {back} step{'s' if back != 1 else ''} back is {signal:.2g} of the last step's "
        f"({flow.rate:.3g} a step)"
    )
    if signal > EXPLODED:
        return Finding(flow.layer, "explodes", f"explodes: {measured}. {_against_explosion()}")
    stuck = _stuck(flow)
    if stuck:
        return Finding(flow.layer, "saturated", f"saturated: {stuck}; {measured}. {_WAKE}")
    if signal < VANISHED:
        return Finding(
            flow.layer, "vanishes", f"vanishes: {measured}. {_about_vanishing(flow, back)}"
        )
    return Finding(flow.layer, "healthy", f"healthy: {measured}.")


def _stuck(flow: Flow) -> str:
    """Which gates or units are at their ends, in words; empty where few are."""
    parts = []
    for gate, (low, high) in flow.saturation.items():
        counted = low if MEMORY.get(flow.cell) == gate else low + high
        if counted > STUCK:
            ends = "zero" if flow.cell == "rnn_relu" else "their ends"
            what = "units" if gate == "unit" else f"{gate} gates"
            parts.append(f"{counted:.0%} of the {what} are at {ends}")
    return ", ".join(parts)


_WAKE = (
    "What is stuck does not learn: start with smaller weights (`model.init`), take a lower "
    "`training.lr`, or scale the input down."
)


def _against_explosion() -> str:
    return (
        "Clip the gradient (`training.clip_norm`), start with smaller recurrent weights "
        "(`model.init`), or take a gated cell (`model.cell lstm`)."
    )


def _about_vanishing(flow: Flow, back: int) -> str:
    """What to do, or why nothing need be done."""
    direct = flow.total[back]
    if direct > DIRECT:
        return (
            f"Those steps are learned from all the same: the loss reaches them directly, by outputs of their own, "
            f"pooling or attention (its gradient there is {direct:.2g} of the last step's)."
        )
    gates = "Gates that start open (`model.chrono_steps`)"
    cell = gates if flow.cell in MEMORY else "A gated cell (`model.cell lstm` or `gru`)"
    return f"{cell}, attention or pooling over all steps, or a shorter window would help."
