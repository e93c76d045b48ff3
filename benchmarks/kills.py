"""Kills trainings at random moments, lets them go on, and compares what they end in with an undisturbed training.

    python benchmarks/kills.py [--tasks ner ...] [--kills 30] [--seed 1]

Each task trains a small network on its built-in sample. A killed training (SIGKILL) goes on with `--resume`, or begins
again with `--overwrite` where the kill came before its first checkpoint. Weights, history and scores must be equal to
the last bit; times are left out. The exit status is 1 if one was not.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from seqkit.files import sha256
from seqkit.registry import task_names

SETTINGS = [
    "--model.hidden_size", "12", "--model.dropout", "0.3", "--training.epochs", "2", "--training.checkpoint_steps", "3",
    "--training.device", "cpu",
]  # fmt: skip


def main() -> int:
    """Runs all kills and returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names())
    parser.add_argument("--kills", type=int, default=30, help="random moments a task")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments")
    options = parser.parse_args()
    equal = [kill_all(task, options.kills, options.seed) for task in options.tasks]
    return 0 if all(equal) else 1


def kill_all(task: str, kills: int, seed: int) -> bool:
    """Whether every killed training of a task ended as the undisturbed one."""
    rng = random.Random(f"{task} {seed}")
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        began = time.perf_counter()
        subprocess.run(command(task, whole), check=True, stdout=subprocess.DEVNULL)
        longest, wanted, equal = time.perf_counter() - began, result(whole), 0
        for kill in range(kills):
            moment = rng.uniform(0, longest)
            how = disturbed(task, Path(folder) / str(kill), moment)
            same = result(Path(folder) / str(kill)) == wanted
            equal += same
            print(f"{task} {kill + 1}/{kills}: killed after {moment:.1f} of {longest:.1f} s, {how}: "
                  f"{'equal' if same else 'DIFFERENT'}", flush=True)  # fmt: skip
    print(f"{task}: {equal} of {kills} equal, seed {seed}", flush=True)
    return equal == kills


def disturbed(task: str, out: Path, moment: float) -> str:
    """Trains with a kill at that moment and to the end after it; says what happened."""
    process = subprocess.Popen(command(task, out), stdout=subprocess.DEVNULL)
    try:
        process.wait(moment)
        return "had ended"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    resumed = [sys.executable, "-m", "seqkit", "train", "--resume", str(out), "--quiet"]
    found = subprocess.run(resumed, capture_output=True, text=True, encoding="utf-8")
    if found.returncode == 0:
        return "went on"
    if "training has ended" in found.stderr:
        return "had ended"
    subprocess.run([*command(task, out), "--overwrite"], check=True, stdout=subprocess.DEVNULL)
    return "began again"


def command(task: str, out: Path) -> list[str]:
    """A training of the sample."""
    return [sys.executable, "-m", "seqkit", "train", task, "--out", str(out), "--quiet", *SETTINGS]


def result(run: Path) -> tuple[str, list[str], Any]:
    """Sum of the weights, rows of history without their times, scores."""
    rows = (run / "history.csv").read_text(encoding="utf-8").splitlines()
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return sha256(run / "model.safetensors"), [r.rsplit(",", 2)[0] for r in rows], metrics["scores"]


if __name__ == "__main__":
    sys.exit(main())
