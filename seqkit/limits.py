"""What an input or a run may weigh at most, so that one from a stranger takes neither all memory nor all day.

Torch-free.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqkit.errors import DataError, RunError

SETTINGS_BYTES = 100_000
"""Of settings and a manifest, which no training writes half as large."""

JSON_MB = 100
"""Of a vocabulary, a manifest or scores, which take ten times the room in memory."""


@dataclass(frozen=True)
class Limits:
    """Limits of what is loaded and answered; the person who asks sets them, never the run."""

    max_chars: int = 50_000
    """Characters of one text to answer; longer ones are refused."""
    max_pixels: int = 89_478_485
    """Pixels of one picture, width times height; larger ones are refused, and never unpacked."""
    max_file_mb: int = 4096
    """Megabytes of one file of a run; a larger one is not read."""

    def checked(self, raw: Any) -> Any:
        """A raw input that is not too long.

        Raises:
            DataError: if it is a longer text, or a list of words that are longer together.
        """
        words = raw if isinstance(raw, (list, tuple)) else [raw]
        size = sum([len(word) for word in words if isinstance(word, str)])
        if size > self.max_chars:
            raise DataError(
                f"A text of {size:,} characters, beginning {str(raw)[:30]!r}: longer than `max_chars`, "
                f"{self.max_chars:,}; cut it, or raise that limit."
            )
        return raw

    def check_file(self, path: Path) -> None:
        """Raises RunError if a file of a run is too large to be read."""
        size = path.stat().st_size / 1e6 if path.is_file() else 0.0
        if size > self.max_file_mb:
            raise RunError(f"{path}: {size:,.0f} MB, more than `max_file_mb`, {self.max_file_mb:,}; raise that limit "
                           "if you trust the file.")  # fmt: skip
        if path.suffix == ".json" and size > JSON_MB:
            raise RunError(f"{path}: {size:,.0f} MB, but no vocabulary takes more than {JSON_MB}.")
