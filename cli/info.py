"""`seqkit info RUN`: what a run is, how good it is, and its settings. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqkit.config import dump_yaml, to_dict
from seqkit.errors import RunError, printable
from seqkit.run import METRICS, open_run

from .flags import PlainParser


def run(argv: Sequence[str]) -> int:
    """Prints the facts and returns the exit status."""
    parser = PlainParser(prog="seqkit info", description="Tells what a run is and how good it is.")
    parser.add_argument("run", metavar="RUN", help="run folder")
    opened = open_run(parser.parse_args(argv).run)
    metrics = opened.metrics()
    print(f"{opened.path}: {opened.task.name}, {opened.task.shape}: {opened.task.summary}")
    if metrics:
        try:
            _print_metrics(metrics)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{opened.path / METRICS}: not a run's scores ({error!r}).") from None
    else:
        print(f"Training has not ended; go on with: seqkit train --resume {opened.path}")
    print(dump_yaml(to_dict(opened.config)), end="")
    return 0


def _print_metrics(metrics: dict[str, Any]) -> None:
    from .progress import print_scores

    if not metrics["scores"]:
        raise ValueError("no scores")
    facts = [
        f"data: {metrics['data']} {metrics['examples']}", f"parameters: {metrics['parameters']:,}",
        f"epochs: {metrics['epochs']}, best {metrics['best_epoch']}, "
        f"{metrics['train_seconds']} s on {metrics['device']}",
        f"versions: {', '.join(f'{k} {v}' for k, v in metrics['versions'].items())}",
    ]  # fmt: skip
    for fact in facts:
        print(printable(fact))
    print_scores(metrics["scores"], metrics["signature"])
