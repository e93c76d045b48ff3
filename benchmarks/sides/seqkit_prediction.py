"""Answers with a network of seqkit whenever it is asked to; the first time warms up.

The network has learned for one epoch: how long an answer takes does not depend on how good it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from talking import work

import seqkit


def main() -> None:
    """Answers until nothing more is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--settings", type=Path, required=True, help="JSON, section by section")
    parser.add_argument("--inputs", type=Path, required=True, help="JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--batch-size", type=int, required=True)
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text(encoding="utf-8"))
    trained = seqkit.train(options.task, out=options.out, config=settings)
    run = seqkit.load(trained.path)
    lines = options.inputs.read_text(encoding="utf-8").splitlines()
    inputs = [json.loads(line) for line in lines]
    parameters = trained.metrics["parameters"]
    work(
        lambda: run.predict(inputs, batch_size=options.batch_size),
        version=seqkit.__version__, parameters=parameters,
    )  # fmt: skip


if __name__ == "__main__":
    main()
