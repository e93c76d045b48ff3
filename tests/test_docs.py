"""The documentation: its links lead somewhere, its commands are ones that seqkit knows, and they run."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from seqkit.cli.main import main

from seqkit.registry import get_task, task_names

from .documentation import PAGES, READ_ALONE, ROOT, Block, blocks, seqkit_arguments

RECALL = ROOT / "docs" / "examples" / "recall"
TRAINING = ("train", "pretrain", "compare")
"""Verbs whose commands take the flags of `short`."""


def named(path: Path) -> str:
    """A page's name in the test's."""
    return path.name


def dead_links(page: Path) -> list[str]:
    """Relative links and pictures of a page that lead nowhere."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    return [target for target in local if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", [*PAGES, *READ_ALONE], ids=named)
def test_no_link_is_dead_on(page: Path) -> None:
    assert not dead_links(page)


def test_a_dead_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "[a](page.md#part) [b](https://example.org/x) ![c](c.png) [d](#part) `[e](e.md)`"
    page.write_text(text, encoding="utf-8")
    assert dead_links(page) == ["c.png"]


@pytest.fixture
def only_parsing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every verb stops where it has read its arguments and would open a run or read data."""

    def stop(*args: Any, **kwargs: Any) -> None:
        raise SystemExit(0)

    monkeypatch.syspath_prepend(str(write_recall(tmp_path)))
    monkeypatch.chdir(tmp_path)
    for verb in ("predict", "explain", "evaluate", "info", "diagnose", "resume"):
        monkeypatch.setattr(f"seqkit.cli.{verb}.open_run", stop)
    for name in task_names():
        monkeypatch.setattr(type(get_task(name)), "read", stop)
    monkeypatch.setattr("seqkit.comparison.compare.compare_runs", stop)
    monkeypatch.setattr("seqkit.examination.examine", stop)
    monkeypatch.setattr("seqkit.cli.doctor._examine_installation", stop)
    monkeypatch.setattr("seqkit.cli.flags.fill_needs", lambda config, *_: config)


def write_recall(folder: Path) -> Path:
    """A folder of packages that holds the example, as an installation would lay it out."""
    site = folder / "site"
    facts = site / "seqkit_recall-1.0.dist-info"
    shutil.copytree(RECALL, site, ignore=shutil.ignore_patterns("__pycache__", "*.toml"))
    facts.mkdir()
    (facts / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: seqkit-recall\nVersion: 1.0\n", encoding="utf-8"
    )
    entry = "[seqkit.tasks]\nrecall = seqkit_recall:RecallTask\n"
    (facts / "entry_points.txt").write_text(entry, encoding="utf-8")
    return site


def understood(argv: list[str]) -> bool:
    """Whether a command line is one that seqkit takes."""
    for word in argv:
        if word.startswith("runs/"):
            Path(word).mkdir(parents=True, exist_ok=True)  # `compare` tells a run from a task by it
    try:
        return main(argv) == 0
    except SystemExit as end:
        return end.code == 0


@pytest.mark.parametrize("page", [*PAGES, *READ_ALONE], ids=named)
def test_seqkit_takes_the_commands_of(
    page: Path, only_parsing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for block in blocks(page):
        if block.language in ("sh", "console"):
            for command in block.commands():
                argv = seqkit_arguments(command)
                assert argv is None or understood(argv), (command, capsys.readouterr().err)


@pytest.mark.parametrize(
    "line",
    [
        "seqkit trian ner",
        "seqkit train ner --model.cel gru",
        "seqkit train ner --model.cell grue",
        "seqkit compare ner --cells grue",
        "seqkit predict runs/ner --beams 3",
        "python -m seqkit evaluate runs/ner --reports",
    ],
)
def test_a_wrong_command_would_be_found(line: str, only_parsing: None) -> None:
    (command,) = Block("sh", line).commands()
    argv = seqkit_arguments(command)
    assert argv
    assert not understood(argv)


def test_commands_are_taken_out_of_what_stands_around_them() -> None:
    text = """. venv/bin/activate && seqkit train ner  # by itself
cat a.txt | seqkit predict runs/x \\
    "b c"
torchrun --nproc-per-node 2 -m seqkit evaluate runs/x
"""
    assert [seqkit_arguments(command) for command in Block("sh", text).commands()] == [
        None,
        ["train", "ner"],
        None,
        ["predict", "runs/x", "b c"],
        ["evaluate", "runs/x"],
    ]


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocstrings") is None
    or importlib.util.find_spec("material") is None,
    reason='needs the extra docs: pip install ".[docs]"',
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "site" / "reference" / "index.html").exists()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_command_is_run_or_marked_on(page: Path) -> None:
    shell = [block for block in blocks(page) if block.language == "sh" and not block.not_run]
    unknown = [c for block in shell for c in block.commands() if _called(c, block) is None]
    assert not unknown, "neither seqkit, an example nor marked as not run"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_commands_run_of(page: Path, tmp_path: Path) -> None:
    for name in ("images", "examples"):
        shutil.copytree(ROOT / "docs" / name, tmp_path / "docs" / name)
    paths = [str(write_recall(tmp_path)), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    for block in blocks(page):
        for command in _runnable(block):
            done = subprocess.run(
                [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8"
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stderr)


def _runnable(block: Block) -> list[list[str]]:
    """What Python is called with for each command of a block, in its short form."""
    if block.not_run:
        return []
    if block.language == "python":
        return [] if block.text.startswith("--8<--") else [["-c", block.text]]
    if block.language != "sh":
        return []
    commands = []
    for command in block.commands():
        called = _called(command, block)
        assert called, f"neither seqkit, an example nor marked as not run: {command}"
        commands.append(called)
    return commands


def _called(command: list[str], block: Block) -> list[str] | None:
    """What Python is called with for a command of a block; None where that is neither seqkit nor an example."""
    if command[0] == "python" and command[1].startswith("docs/examples/"):
        return command[1:]
    argv = seqkit_arguments(command)
    if not argv:
        return None
    return ["-m", "seqkit", *argv, *(block.short if argv[0] in TRAINING else ())]
