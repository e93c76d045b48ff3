"""Pages about a network: a few kinds of parts, shown as one HTML file and as pictures. Torch-free."""

from seqkit.report.page import Page, Section, as_html, write_page
from seqkit.report.parts import Grid, Note, Part, Pictures, Plot, Span, Table, Tokens

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
