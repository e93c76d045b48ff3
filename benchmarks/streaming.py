"""Training a language model on 1, 10 and 100 times the text: steps must be as fast, and memory must stay flat.

    python benchmarks/streaming.py [--megabytes 3] [--rounds 5] [--folder DIR]

The text is made up: sentences of words drawn by Zipf's law, on average 100 bytes a line. Every size is prepared in a
process of its own, whose peak of memory is told: beyond what torch takes, and without the pages of mapped files, which
the system takes back when it needs them (Linux only). Then each size makes some training steps in turn, with the same
network, batches of 32 lines and one thread, always streamed from disk; the median of the rounds is told.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from seqkit.config import from_dict
from seqkit.data.batching import BlockBatches
from seqkit.data.stored_items import StoredItems, encoded
from seqkit.registry import get_task

TIMES = (1, 10, 100)
STEPS = 30
WORDS, VOCAB_SIZE = 20_000, 5000
TASK = get_task("language")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        os.environ["SEQKIT_CACHE"] = str(folder / "cache")
        files = [write_text(folder / f"{times}.txt", times * options.megabytes) for times in TIMES]
        print(f"torch {torch.__version__}, 1 thread, batches of 32")
        for file in files:
            seconds, peak = in_a_process(file)
            size = file.stat().st_size / 1e6
            print(f"{size:6.1f} MB: prepared in {seconds:.1f} s, peak {peak:.0f} MB", flush=True)
        speeds = measured(files, options.rounds)
        for times, speed in zip(TIMES, speeds, strict=True):
            print(f"{times:3} x: {speed:6.0f} tokens/s, {speed / speeds[0]:.3f} of 1 x")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=3, help="size of the smallest text")
    parser.add_argument("--rounds", type=int, default=5, help="how often each size is measured")
    parser.add_argument("--folder", type=Path, help="where there is room for 200 times that")
    return parser


def write_text(path: Path, megabytes: float) -> Path:
    """Writes made-up sentences of that size."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1e6:
            drawn = iter(rng.choices(words, cum_weights=weights, k=20_000))
            while line := [word for word, _ in zip(drawn, range(rng.randint(5, 28)), strict=False)]:
                file.write(" ".join(line) + " .\n")
    return path


def prepare(file: Path) -> tuple[Any, StoredItems[Any]]:
    """An untrained pipeline and its training items on disk."""
    data = {"path": str(file), "stream_above": 0, "dev_fraction": 1e-6, "vocab_size": VOCAB_SIZE}
    model = {"hidden_size": 64, "emb_size": 64}
    config = from_dict(TASK.Config, {"data": data, "model": model})
    splits = TASK.read(config)
    torch.manual_seed(1)
    pipeline: Any = TASK.fit(config, splits.train)
    items = encoded(pipeline, splits.train, keep=True)
    assert isinstance(items, StoredItems)
    return pipeline, items


def in_a_process(file: Path) -> tuple[float, float]:
    """(seconds, peak of memory in megabytes) of preparing a file and going through all batches of an epoch."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_prepared, (file,))


def _prepared(file: Path) -> tuple[float, float]:
    torch.set_num_threads(1)
    used, done = [own_memory()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            used.append(own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    pipeline, items = prepare(file)
    seconds = time.perf_counter() - began
    for batch in batches_of(items, 0):
        pipeline.collate([items[i] for i in batch])
    done.set()
    watcher.join()
    return seconds, max(used) - used[0]


def own_memory() -> float:
    """Megabytes of this process's memory that are no pages of files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def batches_of(items: StoredItems[Any], epoch: int) -> Iterator[list[int]]:
    """An epoch's batches in the order for many examples."""
    return iter(BlockBatches(items.lengths, batch_size=32, seed=str(epoch)))


def measured(files: Sequence[Path], rounds: int) -> list[float]:
    """Tokens per second of training steps on each file, medians of rounds in which they take turns."""
    pipeline, _ = prepare(files[0])
    optimizer = torch.optim.Adam(pipeline.model.parameters())
    sets = [prepare(file)[1] for file in files]
    left = [batches_of(items, 1) for items in sets]
    speeds: list[list[float]] = [[] for _ in files]
    for _ in range(rounds):
        for items, batches, found in zip(sets, left, speeds, strict=True):
            tokens, began = 0, time.perf_counter()
            for _, indices in zip(range(STEPS), batches, strict=False):
                batch = pipeline.collate([items[i] for i in indices])
                optimizer.zero_grad()
                loss, count = pipeline.loss(batch)
                (loss / count).backward()
                optimizer.step()
                tokens += int(batch.lengths.sum())
            found.append(tokens / (time.perf_counter() - began))
    return [statistics.median(found) for found in speeds]


if __name__ == "__main__":
    main()
