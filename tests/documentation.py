"""The pages of the documentation as tests read them: their blocks of commands, and what stands before each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
READ_ALONE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>short|not run): (?P<rest>[^\n]*?) -->\n+)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)
JOINS = ("&&", "|", ";")
"""What stands between two commands on a line."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: What follows the fence: sh, console, python, ...
        text: Its lines.
        short: Flags that make its trainings short: `<!-- short: FLAGS -->` before it.
        not_run: Why it cannot be run in a test: `<!-- not run: REASON -->` before it.
    """

    language: str
    text: str
    short: tuple[str, ...] = ()
    not_run: str = ""

    def commands(self) -> list[list[str]]:
        """The words of each command, comments left out; in `console` blocks, of the lines behind a `$`."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        return [command for line in lines for command in _split(line)]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        mark, rest = match["mark"], match["rest"] or ""
        short = tuple(shlex.split(rest)) if mark == "short" else ()
        reason = rest if mark == "not run" else ""
        found.append(Block(match["language"], match["text"], short, reason))
    return found


def seqkit_arguments(command: list[str]) -> list[str] | None:
    """What follows `seqkit` or `-m seqkit` in a command; None where it calls something else."""
    for at, word in enumerate(command):
        if word == "seqkit" or word.endswith("/seqkit"):
            return command[at + 1 :] if at == 0 or command[at - 1] == "-m" else None
    return None


def _split(line: str) -> Iterator[list[str]]:
    """The commands of a line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    command: list[str] = []
    for word in words:
        if word in JOINS:
            yield command
            command = []
        else:
            command.append(word)
    if command:
        yield command
