"""How a side of a row talks with speed.py: it waits for a line, does the work once and answers by a line of JSON.

It needs nothing but Python, since each peer's own Python runs it. What libraries print goes to the standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def tell(**facts: Any) -> None:
    """Answers."""
    print(json.dumps(facts), file=_answers, flush=True)


def asked() -> bool:
    """Waits until the work is to be done again; False where nothing more is wanted."""
    return bool(sys.stdin.readline())


def work(once: Callable[[], Any], quality: Callable[[], float] | None = None, **facts: Any) -> None:
    """Does the work once to warm up, tells the facts (the version, say), and then does it whenever it is asked."""
    once()
    tell(**facts)
    while asked():
        began = time.perf_counter()
        once()
        seconds = time.perf_counter() - began
        tell(seconds=seconds, quality=quality() if quality else None)


def classifier_options(about: str | None) -> argparse.Namespace:
    """What a side that trains a recurrent classifier is started with."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--batches", required=True, help=".npz of ids and labels, train and dev")
    parser.add_argument("--layer", choices=["SimpleRNN", "LSTM"], required=True)
    parser.add_argument("--bidirectional", action="store_true")
    for name in ("vocab-size", "emb-size", "hidden-size", "batch-size", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    return parser.parse_args()
