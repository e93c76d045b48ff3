"""A side of a row in a process of its own, asked for one repetition after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import peers
from row import MissingError, Setup
from side_by_side import Times, alternate

SIDES = Path(__file__).with_name("sides")
CLOSING = 60
"""Seconds that a process has to end."""


class Side:
    """A script of `sides/`, run by our Python or by that of a peer.

    Args:
        setup: What the row is measured with.
        script: Name of the script; up to its first `_` it says whose it is.
        arguments: What it is given.
        units: Units of work that it does in a repetition.

    Raises:
        MissingError: if the peer is not installed; by and by, if the script fails.
    """

    process: subprocess.Popen[str]

    def __init__(
        self, setup: Setup, script: str, arguments: Sequence[str | Path], units: int = 1
    ) -> None:
        self.name = script.partition("_")[0]
        self.units = units
        installed = self.name not in peers.PEERS
        python = sys.executable if installed else peers.python(setup.peers, self.name)
        if not Path(python).is_file():
            raise MissingError(
                f"{self.name} is not installed in {setup.peers} (benchmarks/peers.py)"
            )
        self.command = [str(part) for part in (python, SIDES / f"{script}.py", *arguments)]
        self.folder, self.log = setup.work, setup.work / f"{self.name}.log"
        self.version = ""
        self.last: dict[str, Any] = {}

    def __enter__(self) -> Side:
        """Starts the process and waits until it has warmed up."""
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                encoding="utf-8", cwd=self.folder, env=environment(self.name),
            )  # fmt: skip
        try:
            facts = self.answer()
        except MissingError:
            self.__exit__()
            raise
        self.version = facts["version"]
        print(f"{self.name}: {facts}", file=sys.stderr, flush=True)
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing more is asked for, so that the process ends."""
        try:
            self.process.communicate(timeout=CLOSING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def seconds(self) -> float:
        """Does the work once more; seconds a unit."""
        print(file=self._stream(self.process.stdin), flush=True)
        self.last = self.answer()
        return float(self.last["seconds"]) / self.units

    def answer(self) -> dict[str, Any]:
        """The next line that it writes."""
        line = self._stream(self.process.stdout).readline()
        if not line:
            end = self.log.read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise MissingError(f"{self.name} failed: {' '.join(end)}")
        facts: dict[str, Any] = json.loads(line)
        return facts

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


def race(ours: Side, theirs: Side, repeats: int) -> tuple[Times, dict[str, Any]]:
    """Times of both in turns, and what is known of both in the end."""
    with ours, theirs:
        times = alternate(ours.seconds, theirs.seconds, repeats)
    known: dict[str, Any] = {"versions": {theirs.name: theirs.version}}
    if ours.last.get("quality") is not None:
        known["quality"] = {"ours": ours.last.get("quality"), "theirs": theirs.last.get("quality")}
    return times, known


def environment(name: str) -> dict[str, str]:
    """The variables that a side sees; how long seqkit has threads wait awake is not for others."""
    return {k: v for k, v in os.environ.items() if name == "seqkit" or k != "GOMP_SPINCOUNT"}
