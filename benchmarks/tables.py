"""What tables of measurements have in common: the machine's name, and a place between two marks of a page."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """The machine's processor, as the system calls it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [entry.partition(":")[2].strip() for entry in lines if entry.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Puts a table between two marks of a page, in the place of the one that is there."""
    begin, end = marks
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
    print(f"{page}: written.")
