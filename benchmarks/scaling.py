"""What a step costs and what an exchange of gradients costs, from which docs/scaling.md works out what to expect.

    torchrun --nproc-per-node 2 benchmarks/scaling.py ner --recipe conll2003-bilstm-crf --data.path data/conll2003

A step is timed in one process with the whole batch and with its share, while the others wait; then all exchange
gradients and small messages. Each figure is the least of some repeats.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import torch

from seqkit.config import from_dict, merge, nest
from seqkit.processes import ALONE, Processes, join
from seqkit.registry import get_task
from seqkit.training.acceleration import build_accelerator
from seqkit.training.batches import epoch_batches
from seqkit.training.report import Reporter
from seqkit.training.update import Updater


def main() -> int:
    """Prints the row of a recipe and returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--data.path", dest="data", required=True)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    task, processes = get_task(options.task), join()
    data, device = {"data.path": options.data}, {"training.device": "cpu"}
    config = from_dict(task.Config, merge(task.recipe(options.recipe), nest(data | device)))
    splits = task.read(config)
    pipeline = task.fit(config, splits.train)
    items = [pipeline.encode(example) for example in splits.train]
    batch = max(islice(epoch_batches(pipeline, items, config.training, 0), 20), key=len)
    accelerator = build_accelerator(config.training)
    updater = Updater(pipeline, config.training, accelerator, ALONE, Reporter(), 1000)
    pipeline.model.train()

    def step(rows: Any) -> Callable[[], object]:
        return lambda: updater.step([[items[i] for i in rows]])

    whole, share = (
        alone(processes, step(rows), options.repeats) for rows in (batch, processes.share(batch))
    )
    exchange = least(processes, lambda: processes.sum_gradients(pipeline.model), options.repeats)
    message = least(processes, lambda: processes.gather(lambda: [0.5, 3, 3]), options.repeats)
    size = 4 * sum(p.numel() for p in pipeline.model.parameters() if p.requires_grad)
    if processes.is_main:
        print(f"{options.recipe}: {processes.size} processes, batch {len(batch)}, gradient {size / 2**20:.1f} MiB, "
              f"step {whole * 1e3:.0f} ms, share {share * 1e3:.0f} ms, exchange {exchange * 1e3:.1f} ms, "
              f"message {message * 1e3:.2f} ms, speed-up {whole / (share + exchange + 2 * message):.2f}")  # fmt: skip
    return 0


def alone(processes: Processes, work: Callable[[], object], repeats: int) -> float:
    """Least seconds of work that the first process does while the others wait."""
    found = math.inf
    if processes.is_main:
        found = least(ALONE, work, repeats)
    return float(processes.gather(lambda: found)[0])


def least(processes: Processes, work: Callable[[], object], repeats: int) -> float:
    """Least seconds of work that all do together."""
    times = []
    for _ in range(repeats + 1):
        processes.largest(0)  # they begin at once
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times[1:])


if __name__ == "__main__":
    sys.exit(main())
