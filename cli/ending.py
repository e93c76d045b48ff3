"""What is printed when a training has ended. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqkit.task import Task

if TYPE_CHECKING:
    from seqkit.api import Trained


def tell_ending(task: Task[Any, Any], trained: Trained, *, quiet: bool) -> None:
    """The scores and what to type next; the run folder's name alone where `quiet` is set."""
    from .progress import print_scores

    if quiet:
        print(trained.path)
        return
    print_scores(trained.metrics["scores"], trained.metrics["signature"])
    example = f'"{task.example}"' if task.example else "INPUT"
    print(f"\nRun folder: {trained.path}\nNext:\n  seqkit predict {trained.path} {example}\n"
          f"  seqkit evaluate {trained.path} --data PATH\n  seqkit info {trained.path}")  # fmt: skip
