"""Where the time of the tasks' rows in the table of speed goes, and what is the least that they could take.

    python benchmarks/floors.py --data DATA [--rows ner-training ...] [--write]

Every row multiplies matrices; the least that it could take is what these multiplications alone would at the speed of
this processor's largest products, as if all else cost nothing. Beside it: what the work takes now, what it would have
to take for the row's aim (the other side's time in speed.json by the aim), and the operations that take the most time,
each with its share and its calls a batch, where answers are profiled in one thread. `--write` puts the table into
docs/speed.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import ner_rows
import own_rows
import sentiment_rows
import torch
import translation_rows
from preparing import Settings, at
from row import Row, Setup
from rows import ROWS
from side_by_side import typical
from speed import PAGE, RECORDS, limit_threads, machine, read_records
from tables import write_between
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import seqkit
from seqkit.config import merge
from seqkit.nn.recurrent import set_kernel
from seqkit.nn.workers import set_workers
from seqkit.training.report import Reporter

MARKS = ("<!-- floors: benchmarks/floors.py writes this table -->", "<!-- end of floors -->")
REPEATS = 5
LARGEST = 4
"""Operations that are named."""


@dataclass
class Account:
    """What a piece of work costs.

    Attributes:
        flops: Floating-point operations of its products.
        batches: Batches in it.
        operations: Seconds and calls by the name of each operation, as torch's profiler tells them.
        seconds: Of each repetition.
    """

    flops: int = 0
    batches: int = 1
    operations: dict[str, tuple[float, int]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts products."""
        with FlopCounterMode(display=False) as counter:
            yield
        self.flops = counter.get_total_flops()

    @contextmanager
    def profiling(self) -> Iterator[None]:
        """Notes operations."""
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            yield
        self.operations = {
            event.key: (event.self_cpu_time_total / 1e6, event.count)
            for event in profiler.key_averages()
        }

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Takes the time."""
        began = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - began)

    def largest(self) -> str:
        """The operations that take the most time, with their shares and calls a batch."""
        whole = sum(seconds for seconds, _ in self.operations.values())
        ranked = sorted(self.operations.items(), key=lambda item: -item[1][0])[:LARGEST]
        return ", ".join(
            f"`{name.removeprefix('aten::')}` {seconds / whole:.0%} ({calls / self.batches:,.0f})"
            for name, (seconds, calls) in ranked
        )


Way = Callable[[], AbstractContextManager[None]]
"""A context in which work is accounted for."""


class Epochs(Reporter):
    """Accounts for the steps of a training's epochs: the first one warms up, each further one has a way of its own."""

    def __init__(self, account: Account, ways: Sequence[Way]) -> None:
        self.account = account
        self.ways = ways
        self.accounting = ExitStack()

    def epoch_started(self, epoch: int, epochs: int, batches: int) -> None:
        self.account.batches = batches
        if epoch > 1:
            self.accounting.enter_context(self.ways[epoch - 2]())

    def scoring(self, what: str) -> None:
        self.accounting.close()


def training(task: str, settings: Settings, setup: Setup) -> Account:
    """The account of an epoch of training."""
    account = Account()
    measured = [account.profiling, *[account.timing] * REPEATS]
    runs: tuple[tuple[str, Sequence[Way]], ...] = (
        ("auto", measured),
        ("own", [account.counting]),  # torch's kernels do not tell their products
    )
    for kernel, ways in runs:
        options = {"epochs": 1 + len(ways), "patience": 0, "kernel": kernel}
        config = merge(settings, {"training": options})
        seqkit.train(
            task, out=setup.work / "run", config=config, overwrite=True, reporter=Epochs(account, ways)
        )  # fmt: skip
    return account


def prediction(task: str, settings: Settings, inputs: list[Any], setup: Setup) -> Account:
    """The account of answering the inputs once."""
    size = settings["training"]["batch_size"]
    account = Account(batches=-(-len(inputs) // size))
    config = merge(settings, {"training": {"epochs": 1}})
    run = seqkit.load(seqkit.train(task, out=setup.work / "run", config=config).path)
    answer = partial(run.predict, inputs, batch_size=size)
    answer()  # warms up
    for _ in range(REPEATS):
        with account.timing():
            answer()
    set_workers(1)  # what others answer is not seen from here
    with account.profiling():
        answer()
    set_kernel(run.pipeline.model, "own")
    with account.counting():
        answer()
    return account


def of_reviews(settings: Settings, share: int) -> Callable[[Setup], tuple[Account, int]]:
    """Training on so many reviews."""

    def measure(setup: Setup) -> tuple[Account, int]:
        sentiment_rows.prepare(setup, settings, share)
        return training("sentiment", at(setup.work, settings), setup), share

    return measure


def of_named_entities(setup: Setup) -> tuple[Account, int]:
    """Training, by tokens."""
    sentences = ner_rows.prepare(setup)["train"]
    account = training("ner", at(setup.work, ner_rows.SETTINGS), setup)
    return account, sum(len(sentence.tokens) for sentence in sentences)


def of_tags(setup: Setup) -> tuple[Account, int]:
    """Tagging, by tokens."""
    inputs = [list(s.tokens) for s in ner_rows.prepare(setup, ner_rows.TAGGED)["dev"]]
    account = prediction("ner", at(setup.work, ner_rows.SETTINGS), inputs, setup)
    return account, sum(map(len, inputs))


def of_translation(setup: Setup) -> tuple[Account, int]:
    """Training, by units of the target."""
    parts, pipeline = translation_rows.prepare(setup)
    account = training("translation", at(setup.work, translation_rows.SETTINGS), setup)
    return account, translation_rows.target_units(pipeline, parts["train"])


def of_translations(setup: Setup) -> tuple[Account, int]:
    """Decoding, by sentences."""
    parts, _ = translation_rows.prepare(setup)
    inputs = [pair.src for pair in parts["dev"]]
    account = prediction("translation", at(setup.work, translation_rows.FIXED), inputs, setup)
    return account, len(inputs)


def of_pictures(setup: Setup) -> tuple[Account, int]:
    """Training on pictures whose features were computed before."""
    return training("captioning", own_rows.write_pictures(setup), setup), own_rows.PICTURES


WORK: dict[str, Callable[[Setup], tuple[Account, int]]] = {
    "keras-notebook": of_reviews(sentiment_rows.NOTEBOOK, sentiment_rows.NOTEBOOK_SHARE),
    "imdb-bilstm": of_reviews(sentiment_rows.BILSTM, sentiment_rows.BILSTM_SHARE),
    "ner-training": of_named_entities,
    "ner-prediction": of_tags,
    "translation-training": of_translation,
    "translation-decoding": of_translations,
    "captioning-features": of_pictures,
}
"""The account of a row, and the units of work in it."""


def main() -> None:
    """Accounts for the rows and shows the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--rows", nargs="*", choices=WORK, default=list(WORK))
    about = "threads (default: %(default)s, the cores)"
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help=about)
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    options = parser.parse_args()
    limit_threads(options.threads)
    speed = largest_products()
    rows = [row for row in ROWS if row.name in options.rows]
    setup = Setup(options.data.absolute(), Path(), Path(), Path(), REPEATS, options.threads)
    text = table(speed, options.threads, (line(row, speed, setup) for row in rows))
    print(text)
    if options.write:
        write_between(PAGE, MARKS, text)


def largest_products() -> float:
    """Floating-point operations a second in the best of some large float32 products."""
    return max(map(product, (512, 1024, 2048)))


def product(size: int) -> float:
    """Operations a second in a product of two square matrices, the best of several."""
    matrix, best = torch.rand(size, size), 0.0
    for _ in range(10):
        began = time.perf_counter()
        matrix @ matrix
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def line(row: Row, speed: float, setup: Setup) -> str:
    """A row of the table."""
    print(f"{row.name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as work:
        account, units = WORK[row.name](replace(setup, work=Path(work)))
    seconds = statistics.median(account.seconds)
    cells = [row.shown(seconds / units), row.shown(account.flops / speed / units), wanted(row)]
    reached = f"{account.flops / seconds / 1e9:.3g}"
    text = f"| {' | '.join((f'`{row.name}`', *cells, reached, account.largest()))} |"
    print(text, file=sys.stderr, flush=True)
    return text


def wanted(row: Row) -> str:
    """What the work would have to take for the row's aim."""
    cases = read_records(RECORDS).get(row.name, {}).get("cases")
    return row.shown(typical("theirs", cases) / float(row.aim)) if cases else ""


def table(speed: float, threads: int, lines: Iterable[str]) -> str:
    """The table in Markdown."""
    head = [
        "| row | now | products alone | for the aim | GFLOP/s now | most time: share (calls a batch) |",
        "|---|---|---|---|---|---|",
    ]
    about = (
        f"Products alone: at {speed / 1e9:.0f} GFLOP/s, the best of large float32 products on "
        f"{machine()}, threads: {threads}; medians of {REPEATS}; torch {torch.__version__}."
    )
    return "\n".join([*head, *lines, "", about])


if __name__ == "__main__":
    main()
