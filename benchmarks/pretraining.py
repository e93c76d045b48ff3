"""What pretraining is worth where little is labelled: 2,000 reviews, with a language model to start from and without.

    python benchmarks/pretraining.py --data aclImdb.tar.gz --pretrained runs/imdb-language [--seeds 1 2 3]

Both runs of a seed have the same settings, those of the recipe `imdb-lstm` in the language model's sizes, and the same
reviews: 2,000 of the training part to learn from, 400 to choose the epoch, 5,000 of the test part to be scored on. The
language model has read the training part without its labels, and no test review.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import seqkit
from seqkit.config import from_dict
from seqkit.registry import get_task
from seqkit.run import open_run

LABELLED, CHOOSING, SCORED = 2000, 400, 5000
EPOCHS = 8


def main(argv: Sequence[str] | None = None) -> None:
    """Trains the pairs and prints their scores."""
    options = parser().parse_args(argv)
    reviews = options.runs / "reviews"
    write_subset(options.data, reviews)
    network = open_run(options.pretrained).config.model
    sizes = {"hidden_size": network.hidden_size, "emb_size": network.emb_size}
    margins = []
    for seed in options.seeds:
        scratch = accuracy(reviews, options.runs / f"scratch-{seed}", seed, sizes)
        taught = {**sizes, "pretrained": str(options.pretrained)}
        started = accuracy(reviews, options.runs / f"pretrained-{seed}", seed, taught)
        margins.append(started - scratch)
        print(f"seed {seed}: from scratch {scratch:.4f}, pretrained {started:.4f}", flush=True)
    print(f"margin: {statistics.median(margins):.4f} (median of {len(margins)})")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="IMDb's archive or folder")
    parser.add_argument("--pretrained", type=Path, required=True, help="run of `seqkit pretrain`")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/pretraining"), help="folder of the runs"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1, 2, 3], help="seeds to train with"
    )
    return parser


def write_subset(data: Path, folder: Path) -> None:
    """Writes train.jsonl, dev.jsonl and test.jsonl, evenly spread over the data, both labels alike."""
    task = get_task("sentiment")
    splits = task.read(from_dict(task.Config, {"data": {"path": str(data)}}))
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": LABELLED, "dev": CHOOSING, "test": SCORED}
    for name, count in parts.items():
        examples = spread(splits.get(name), count)
        lines = (json.dumps({"text": e.text, "label": e.label}) + "\n" for e in examples)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def spread(examples: Sequence[Any], count: int) -> list[Any]:
    """So many examples at even distances, label after label."""
    ordered = sorted(examples, key=lambda example: example.label)
    return [ordered[i * len(ordered) // count] for i in range(count)]


def accuracy(reviews: Path, out: Path, seed: int, model: dict[str, Any]) -> float:
    """Accuracy on the test reviews of one training, or of its run where that is finished."""
    if not (out / "metrics.json").is_file():
        seqkit.train(
            "sentiment", reviews, out=out, recipe="imdb-lstm", overwrite=True,
            model=model, training={"seed": seed, "epochs": EPOCHS},
        )  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return float(metrics["scores"]["test"]["accuracy"])


if __name__ == "__main__":
    main()
