"""Recurrent layers on a GPU: training steps by cuDNN over padded rows, as seqkit takes it, and over packed rows.

    python benchmarks/gpu_layers.py [--write]

Rows have half of the steps to all of them; medians of repetitions taken in turns. `--write` puts the table into
docs/speed.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import torch
from kernel_rows import LAYERS, SHAPES, Shape
from side_by_side import alternate, ratio
from speed import PAGE
from tables import write_between

from seqkit.nn import Recurrent

MARKS = ("<!-- gpu: benchmarks/gpu_layers.py writes this table -->", "<!-- end of gpu -->")
WARM, STEPS, REPEATS = 3, 5, 5


def main() -> None:
    """Measures all layers and shows the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("torch finds no CUDA device here")
    text = "\n".join(table())
    print(text)
    if options.write:
        write_between(PAGE, MARKS, text)


def table() -> Iterator[str]:
    """The table in Markdown."""
    yield (
        "| (rows, steps, units) | " + " | ".join(f"{cell}: ratio, padded" for cell in LAYERS) + " |"
    )
    yield "|---|" + "---|" * len(LAYERS)
    ratios: dict[str, list[float]] = {cell: [] for cell in LAYERS}
    for shape in SHAPES:
        cells = []
        for cell in LAYERS:
            padded, packed = (Step(cell, shape, kernel) for kernel in ("held", "torch"))
            times = alternate(padded, packed, REPEATS)
            ratios[cell].append(ratio(times))
            cells.append(f"{ratios[cell][-1]:.2f}, {1e3 * statistics.median(times['ours']):.2f} ms")
        yield f"| {shape} | " + " | ".join(cells) + " |"
    means = " | ".join(f"**{statistics.geometric_mean(each):.2f}**" for each in ratios.values())
    yield f"| geometric mean | {means} |"
    yield ""
    name = torch.cuda.get_device_name()
    yield f"Measured on {name}, medians of {REPEATS}; torch {torch.__version__}."


class Step:
    """Training steps of a layer by a kernel."""

    def __init__(self, cell: str, shape: Shape, kernel: str) -> None:
        torch.manual_seed(1)
        two_ways = shape.directions == 2
        self.layer = Recurrent(
            cell, shape.units, shape.units, bidirectional=two_ways, kernel=kernel
        ).cuda()
        self.inputs = torch.randn(shape.batch, shape.steps, shape.units).cuda().requires_grad_()
        self.lengths = torch.randint(shape.steps // 2, shape.steps + 1, (shape.batch,))
        self.lengths[0] = shape.steps
        for _ in range(WARM):
            self.step()

    def step(self) -> None:
        """Forward and backward."""
        outputs, state = self.layer(self.inputs, self.lengths)
        torch.stack([part.sum() for part in (outputs, *state)]).sum().backward()

    def __call__(self) -> float:
        """Seconds of a step."""
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            self.step()
        torch.cuda.synchronize()
        return (time.perf_counter() - began) / STEPS


if __name__ == "__main__":
    main()
