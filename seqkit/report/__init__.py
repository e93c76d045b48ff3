"""Pages about a network: a few kinds of parts, shown as one HTML file and as pictures. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqkit.report.parts import Grid, Note, Part, Pictures, Plot, Span, Table, Tokens

if TYPE_CHECKING:
    from seqkit.report.page import Page, Section, as_html, write_page

__all__ = [
    "Grid",
    "Note",
    "Page",
    "Part",
    "Pictures",
    "Plot",
    "Section",
    "Span",
    "Table",
    "Tokens",
    "as_html",
    "write_page",
]


def __getattr__(name: str) -> Any:
    """Loads what makes pages when it is first asked for: tasks make parts, and `predict` needs neither."""
    if name not in __all__:
        raise AttributeError(f"module 'seqkit.report' has no attribute {name!r}")
    from seqkit.report import page

    return getattr(page, name)
