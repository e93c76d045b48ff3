"""What is kept of a step that could not be made, and what a person may do about it. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqkit.files import write_text
from seqkit.settings import TrainingConfig

IN_A_ROW = 10
"""Steps that may be left out one after the other."""

SPIKE = 10
"""How many times the usual norm a gradient may have before it is said."""


def write_aside(folder: Path, step: int, inputs: Sequence[Any]) -> Path:
    """Writes the inputs of a step that could not be made, one a line, to look at."""
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{step:09d}.jsonl"
    lines = [json.dumps(one, ensure_ascii=False, default=str) for one in inputs]
    write_text(path, "".join(line + "\n" for line in lines))
    return path


def advice(config: TrainingConfig) -> str:
    """Settings that help."""
    now = f"`training.lr` (now {config.lr}) or a smaller `training.clip_norm` (now {config.clip_norm})"
    half = ", or `training.precision no`" if config.precision != "no" else ""
    skip = "; `training.on_fault skip` leaves such steps out" if config.on_fault == "stop" else ""
    return f"try a lower {now}{half}{skip}"
