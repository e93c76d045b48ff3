"""The command line under torchrun: two processes, one after an accident, and what they answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from seqkit.cli.main import main

from seqkit.files import read_json, sha256

SMALL = ["--model.hidden_size", "8", "--training.device", "cpu", "--training.checkpoint_steps", "5"]


def seqkit_command(*words: str, launcher: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *launcher, "-m", "seqkit", *words]


def torchrun(*options: str) -> tuple[str, ...]:
    return ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d",
            "--rdzv-endpoint", "localhost:0", *options)  # fmt: skip


def accelerate() -> tuple[str, ...]:
    return ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
            "--mixed_precision", "no", "--dynamo_backend", "no")  # fmt: skip


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=300
    )


def test_two_processes_train_and_answer_as_one(tmp_path: Path) -> None:
    trained = run(
        seqkit_command("train", "sentiment", "--out", "run", *SMALL, "--training.epochs", "1",
                       launcher=torchrun()), tmp_path
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.count("Run folder: run") == 1  # one process speaks
    texts = [f"The plot is {'very ' * n}thin." for n in range(70)]
    (tmp_path / "in.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    answer = ["predict", str(tmp_path / "run"), "--input", str(tmp_path / "in.txt"), "--format", "jsonl",
              "--batch-size", "4", "--device", "cpu", "--output"]  # fmt: skip
    assert main([*answer, str(tmp_path / "alone")]) == 0
    shared = run(seqkit_command(*answer, "shared", launcher=torchrun()), tmp_path)
    assert shared.returncode == 0, shared.stderr
    assert (tmp_path / "alone").read_bytes() == (tmp_path / "shared").read_bytes()


def test_the_threads_that_connect_processes_end_before_python_does(tmp_path: Path) -> None:
    program = """
import atexit, os, pathlib, torch.distributed as dist
own = pathlib.Path("told-" + os.environ["RANK"])  # a line of two processes may be mixed
atexit.register(lambda: own.write_text(f"{heard}, connected at the end: {dist.is_initialized()}"))
from seqkit.processes import join
heard = join().gather(lambda: "here")
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    ended = run([sys.executable, *torchrun(), "program.py"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    for rank in range(2):
        told = (tmp_path / f"told-{rank}").read_text(encoding="utf-8")
        assert told == "['here', 'here'], connected at the end: False"


@pytest.mark.slow
def test_accelerate_starts_two_processes_that_end_as_those_of_torchrun_do(tmp_path: Path) -> None:
    for name, launcher in (("one", torchrun()), ("other", accelerate())):
        train = ["train", "sentiment", "--out", name, *SMALL, "--training.epochs", "1"]
        ended = run(seqkit_command(*train, launcher=launcher), tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert read_json(tmp_path / name / "metrics.json")["processes"] == 2
    first, second = (tmp_path / name / "model.safetensors" for name in ("one", "other"))
    assert sha256(first) == sha256(second)


@pytest.mark.slow
def test_two_processes_score_as_one_and_share_no_standard_input(tmp_path: Path) -> None:
    run(seqkit_command("train", "ner", "--out", "run", *SMALL, "--training.epochs", "1"), tmp_path)
    alone, shared = (
        run(seqkit_command("evaluate", "run", launcher=launcher), tmp_path)
        for launcher in ((), torchrun())
    )
    assert alone.stdout == shared.stdout and "f1" in alone.stdout
    refused = run(seqkit_command("predict", "run", launcher=torchrun()), tmp_path)
    assert refused.returncode == 1  # torchrun's own
    assert refused.stderr.count("cannot share standard input; give --input FILE.") == 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_killed_worker_is_started_again_and_ends_in_the_same_result(tmp_path: Path) -> None:
    options: list[Any] = [*SMALL, "--training.epochs", "2", "--model.dropout", "0.3"]
    whole = seqkit_command("train", "sentiment", "--out", "whole", *options, launcher=torchrun())
    assert run(whole, tmp_path).returncode == 0
    command = seqkit_command(
        "train", "sentiment", "--out", "run", *options, launcher=torchrun("--max-restarts", "2")
    )
    launched = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8")
    wait_for(tmp_path / "run" / "checkpoint", 3)
    os.kill(children(launched.pid)[-1], 9)
    said, _ = launched.communicate(timeout=300)
    assert launched.returncode == 0
    assert "Going on after step" in said
    first, second = (tmp_path / name / "model.safetensors" for name in ("whole", "run"))
    assert sha256(first) == sha256(second)


def wait_for(folder: Path, count: int, seconds: float = 120) -> None:
    """Waits until as many checkpoints have been written."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        numbers = [int(path.stem.split("-")[1]) for path in folder.glob("step-*")]
        if numbers and max(numbers) >= 5 * count:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{folder}: no checkpoint came")


def children(parent: int) -> list[int]:
    """Processes that another has started."""
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(s.split()[0]) for s in stats if int(s.rpartition(")")[2].split()[1]) == parent]
