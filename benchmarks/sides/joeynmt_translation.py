"""Trains a translation model with joeynmt, or decodes with one, whenever it is asked to; the first time warms up.

The texts are cut into units already, with a blank between. Training is an epoch of joeynmt's own loop, decoding its own
beam search. The quality of training is the loss of the dev part, in nats a unit.
"""

from __future__ import annotations

import argparse
import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from joeynmt.config import parse_global_args
from joeynmt.prediction import predict, prepare
from joeynmt.training import TrainManager
from talking import work


def main() -> None:
    """Works until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="joeynmt's own, as JSON")
    parser.add_argument("--decode", action="store_true", help="decode the dev part")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = json.loads(options.settings.read_text(encoding="utf-8"))
    args = parse_global_args(settings, mode="train")
    model, train, dev, _ = prepare(args, rank=0, mode="train")
    known = {
        "version": version("joeynmt"),
        "parameters": sum(p.numel() for p in model.parameters()),
    }

    def answer() -> None:
        predict(model, dev, args.device, 0, args=args.test, autocast=args.autocast)

    def loss() -> float:
        wanted = args.test._replace(beam_size=1, return_prob="ref")
        found = predict(model, dev, args.device, 0, compute_loss=True, normalization="none",
                        args=wanted, autocast=args.autocast)  # fmt: skip
        return math.log(found[0]["ppl"])

    if options.decode:
        work(answer, **known)
    else:
        work(Epochs(args, model, train, dev), loss, **known)


class Epochs:
    """An epoch at each call."""

    def __init__(self, args: Any, model: torch.nn.Module, train: Any, dev: Any) -> None:
        self.data = (train, dev)
        self.trainer = TrainManager(
            0, model, args.model_dir, args.device, autocast=args.autocast, seed=args.seed,
            train_args=args.train, dev_args=args.test,
        )  # fmt: skip

    def __call__(self) -> None:
        stats = self.trainer.stats
        self.trainer.args = self.trainer.args._replace(epochs=stats.epochs)
        self.trainer.train_and_validate(*self.data)
        stats.epochs += 1


if __name__ == "__main__":
    main()
