"""The model card that every run writes of itself. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.config import iter_settings
from seqkit.files import write_text
from seqkit.run import CARD, CURVES
from seqkit.task import Task


def write_card(
    path: Path,
    task: Task[Any, Any],
    config: Any,
    metrics: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> None:
    """Writes `README.md` into the run folder: what it is, how it was made, how good it is, how to use it."""
    write_text(path / CARD, model_card(path, task, config, metrics, summary))


def model_card(
    path: Path,
    task: Task[Any, Any],
    config: Any,
    metrics: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> str:
    """The card as Markdown."""
    facts = {
        "Task": f"{task.name}, {task.shape}: {task.summary}",
        "Data": f"{metrics['data']} ({_sizes(metrics['examples'])})",
        "Network": f"{config.model.cell}, {metrics['parameters']:,} parameters",
        **{name.capitalize(): value for name, value in summary.items()},
        "Training": f"{metrics['epochs']} epochs, best {metrics['best_epoch']}, {metrics['train_seconds']} s on "
        f"{metrics['device']}, {metrics['threads']} thread(s), seed {config.training.seed}",
        "Versions": ", ".join(f"{name} {value}" for name, value in metrics["versions"].items()),
    }
    sections = [
        f"# {path.name}",
        "\n".join(f"- **{name}**: {value}" for name, value in facts.items()),
        f"![Loss, {metrics['metric']}, learning rate and gradient by epoch]({CURVES})",
        "## Scores\n\n"
        + _score_table(metrics["scores"])
        + f"\n\nSignature: `{metrics['signature']}`",
        f"## Use\n\n```sh\nseqkit predict {path.as_posix()} {_input(task)}\n```\n\n```python\nimport seqkit\n\n"
        f"seqkit.load({path.as_posix()!r}).predict([...])\n```",
        "## Settings that differ from the defaults\n\n" + _changed(type(config), config),
    ]
    return "\n\n".join(sections) + "\n"


def _sizes(examples: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in examples.items() if count)


def _score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    names = list(next(iter(scores.values())))
    rows = ["| split | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    rows += [
        f"| {split} | " + " | ".join(f"{row[n]:.4g}" for n in names) + " |"
        for split, row in scores.items()
    ]
    return "\n".join(rows)


def _input(task: Task[Any, Any]) -> str:
    return f'"{task.example}"' if task.example else "INPUT"


def _changed(cls: type, config: Any) -> str:
    lines = []
    for name, _, default in iter_settings(cls):
        section, _, key = name.rpartition(".")
        value = getattr(getattr(config, section) if section else config, key)
        if value != default:
            lines.append(f"- `{name}`: {value}")
    return "\n".join(lines) or "None."
