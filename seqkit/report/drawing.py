"""Parts as pictures: PNG files, and SVG that takes its colours from the page it stands in. Torch-free."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.files import replacing
from seqkit.report.lighting import lit
from seqkit.report.palette import LIGHT, LINES, shade
from seqkit.report.parts import Grid, Part, Pictures, Plot, Tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, RULE, PAPER = (LIGHT[name] for name in ("ink", "quiet", "rule", "paper"))
NO_SHADE = shade(0.0)
STYLE: Any = {  # of matplotlib
    "font.size": 10, "text.color": INK, "axes.labelcolor": QUIET, "axes.edgecolor": RULE,
    "xtick.color": QUIET, "ytick.color": QUIET, "svg.fonttype": "none", "svg.hashsalt": "seqkit",
    "axes.facecolor": "none", "axes.titlesize": 9, "axes.titlelocation": "left",
}  # fmt: skip
Place = tuple[int, int, int]
"""Line of a token, its first column and the one after its last, counted in characters."""
MARKERS = "os^DvPX"
"""Seven, so that with four colours 28 lines look different."""
LINE_WIDTH = 76
"""Characters on a line of a drawn text."""
LEGEND_WIDTH = 17
"""Characters of a line's name up to which two stand side by side."""
LONGEST_NAME = 40
"""Characters of a line's name that are shown."""
CROWD = 30
"""Places on an axis beyond which they are numbered instead of named, and points of a line are not marked."""


def can_be_drawn(part: Part) -> bool:
    """Whether a part is more than text."""
    return isinstance(part, (Tokens, Grid, Pictures, Plot))


def save_png(part: Part, path: Path) -> None:
    """Draws a part into a PNG file."""
    figure = _drawn(part)
    figure.set_facecolor(PAPER)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def as_svg(part: Plot, name: str) -> str:
    """A plot as an SVG element whose colours are the page's custom properties.

    Args:
        part: What to draw.
        name: Begins all ids in the element, so that several can stand in a page.
    """
    from matplotlib import rc_context

    figure, text = _drawn(part), io.StringIO()
    figure.patch.set_visible(False)
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(STYLE):
        figure.savefig(text, format="svg", metadata=nothing)
    svg = re.search(r"<svg.*</svg>", text.getvalue(), flags=re.DOTALL)
    assert svg is not None
    found = re.sub(r'\sid="', f' id="{name}-', svg[0])
    found = re.sub(r'(xlink:href="|url\()#', rf"\1#{name}-", found)
    for colour, value in LIGHT.items():
        found = found.replace(value, f"var(--{colour})")
    return re.sub(r'^<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", found)


def _drawn(part: Part) -> Figure:
    from matplotlib import rc_context

    with rc_context(STYLE):
        if isinstance(part, Plot):
            return _plot(part)
        if isinstance(part, Grid):
            return _grid(part)
        if isinstance(part, Tokens):
            return _tokens(part)
        assert isinstance(part, Pictures)
        return _pictures(part)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of that size, in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _plot(part: Plot) -> Figure:
    crowded = len(part.x) > CROWD
    named = [] if crowded else [_short(name) for name in part.ticks]
    upright = len(named) * max(map(len, named), default=0) > 34  # too long to stand side by side
    columns = 2 if max(map(len, part.lines), default=0) <= LEGEND_WIDTH else 1
    rows = -(-len(part.lines) // columns)
    figure, axes = _figure(4.2, (3.2 if upright else 2.6) + 0.22 * max(0, rows - 2))
    if part.diagonal:
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
    looks = zip(itertools.cycle(LINES), itertools.cycle(MARKERS), strict=True)
    for (name, heights), (colour, marker) in zip(part.lines.items(), looks, strict=False):
        axes.plot(
            part.x, heights, color=LIGHT[colour], marker="" if crowded and part.joined else marker,
            markersize=3.5 if part.joined else 5.5, linewidth=1.4, linestyle="-" if part.joined else "",
            label=_short(name, LONGEST_NAME),
        )  # fmt: skip
    axes.set(xlabel=_short(part.x_label), ylabel=_short(part.y_label))
    if part.log_y:
        axes.set_yscale("log")
    if named:
        axes.set_xticks(list(part.x), named, rotation=90 if upright else 0)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    if len(part.lines) > 1:
        figure.legend(
            frameon=False, labelcolor=INK, loc="outside upper left", ncols=columns, borderaxespad=0.2,
            handlelength=1.6,
        )  # fmt: skip
    return figure


def _grid(part: Grid) -> Figure:
    rows, columns = len(part.rows), len(part.columns)
    cell = 0.42 if part.texts else 0.24
    margin = 0.08 * min(18, max(map(len, part.rows), default=1)) + 0.6
    figure, axes = _figure(max(2.4, margin + cell * columns), max(1.8, margin + cell * rows))
    shades = [[NO_SHADE if s is None else shade(s) for s in row] for row in part.strengths]
    axes.imshow(shades, aspect="equal")
    axes.set_xticks(range(columns), [_short(name) for name in part.columns], rotation=90)
    axes.set_yticks(range(rows), [_short(name) for name in part.rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set(xlabel=_short(part.column_axis), ylabel=_short(part.row_axis))
    for row, texts in enumerate(part.texts):
        for column, text in enumerate(texts):
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5)
    return figure


def _tokens(part: Tokens) -> Figure:
    from matplotlib.figure import Figure

    places = _set_in_lines(part)
    lines = 1 + max((line for line, _, _ in places), default=0)
    pitch = 3.0 if part.labels else 1.25  # rows of text from one line to the next
    above = 1.5 if part.spans else 1.0
    figure = Figure(figsize=(0.076 * LINE_WIDTH + 0.2, 0.2 * (pitch * lines + above)))
    axes = figure.add_axes((0.02, 0, 0.96, 1))
    axes.set(xlim=(-0.5, LINE_WIDTH + 0.5), ylim=(pitch * lines, -above))
    axes.set_axis_off()
    for i, (line, start, _) in enumerate(places):
        look: Any = {"facecolor": shade(part.strengths[i]), "edgecolor": "none", "pad": 1.5}
        axes.text(
            start, pitch * line, _literal(part.tokens[i]),
            bbox=look, va="center", family="monospace", fontsize=9,
        )  # fmt: skip
        if part.labels:
            below = pitch * line + 0.95
            axes.text(start, below, _literal(part.labels[i]), color=QUIET, va="center", fontsize=6)
    for span in part.spans:
        _frame(axes, places[span.start : span.end], span.label, pitch)
    return figure


def _frame(axes: Axes, places: Sequence[Place], label: str, pitch: float) -> None:
    """Draws a frame around neighbouring tokens, one on each line that they stand on, with a label above."""
    from matplotlib.patches import Rectangle

    for line in sorted({line for line, _, _ in places}):
        start = min(start for on, start, _ in places if on == line) - 0.4
        end = max(end for on, _, end in places if on == line) + 0.4
        top = pitch * line - 0.62
        axes.add_patch(
            Rectangle((start, top), end - start, 2.05, fill=False, edgecolor=INK, linewidth=0.8)
        )
        axes.text(start, top - 0.1, _literal(label), va="bottom", fontsize=6)


def _set_in_lines(part: Tokens) -> list[Place]:
    """Where each token stands."""
    places, line, column = list[Place](), 0, 0
    for token, label in zip(part.tokens, part.labels or [""] * len(part.tokens), strict=True):
        width = max(len(token), round(0.75 * len(label)))
        if column and column + width > LINE_WIDTH:
            line, column = line + 1, 0
        places.append((line, column, column + width))
        column += width + 1
    return places


def _pictures(part: Pictures) -> Figure:
    from matplotlib.figure import Figure

    columns = min(5, len(part.words) + 1)
    rows = -(-(len(part.words) + 1) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.95 * rows), layout="constrained")
    shown = [part.picture, *(lit(part.picture, weights) for weights in part.weights)]
    for i, (picture, word) in enumerate(zip(shown, ["", *part.words], strict=True), start=1):
        axes = figure.add_subplot(rows, columns, i)
        axes.imshow(picture)
        axes.set_title(_short(word))
        axes.set_axis_off()
    return figure


def _short(name: str, limit: int = 18) -> str:
    return _literal(name if len(name) <= limit else name[: limit - 1] + "…")


def _literal(text: str) -> str:
    """A text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
