"""What a recurrent network does to a gradient, measured on any run: flow, spectrum, saturation, and a verdict."""

from seqkit.diagnosis.diagnosis import Diagnosis, diagnose, spread
from seqkit.diagnosis.flow import Flow, gradient_flow
from seqkit.diagnosis.picture import draw_flow
from seqkit.diagnosis.verdict import Finding, judge
from seqkit.diagnosis.watch import Watch

__all__ = [
    "Diagnosis",
    "Finding",
    "Flow",
    "Watch",
    "diagnose",
    "draw_flow",
    "gradient_flow",
    "judge",
    "spread",
]
