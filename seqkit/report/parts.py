"""What a page is made of: plain values with a title and a sentence on how to read them. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Note:
    """A sentence or two.

    Attributes:
        title: A few words.
        about: The sentences.
    """

    title: str
    about: str


@dataclass(frozen=True)
class Span:
    """Neighbouring tokens that belong together: from token `start` to the one before `end`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Tokens:
    """A text whose tokens have weights.

    Attributes:
        title: A few words.
        tokens: The text, cut.
        weights: A number for each token; the colour is strongest at the largest size of any of them, or at 1.0
            where `share` is set.
        about: How to read it.
        signed: Whether weights below zero have a colour of their own.
        share: Whether the weights are shares of 1.
        labels: A short text under each token; empty where there is none.
        spans: Tokens that are framed together, in order, none over another.
    """

    title: str
    tokens: Sequence[str]
    weights: Sequence[float]
    about: str = ""
    signed: bool = False
    share: bool = False
    labels: Sequence[str] = ()
    spans: Sequence[Span] = ()

    @property
    def strengths(self) -> list[float]:
        """Each weight as a share of the largest, -1 to 1."""
        return _strengths(self.weights, 1.0 if self.share else None)


@dataclass(frozen=True)
class Grid:
    """Numbers by row and column, as shades.

    Attributes:
        title: A few words.
        values: [rows][columns]; None where there can be no number.
        rows, columns: Names.
        about: How to read it.
        row_axis, column_axis: What rows and columns are.
        signed: Whether numbers below zero have a colour of their own.
        texts: [rows][columns], what stands in each cell; empty leaves the cells without text.
    """

    title: str
    values: Sequence[Sequence[float | None]]
    rows: Sequence[str]
    columns: Sequence[str]
    about: str = ""
    row_axis: str = ""
    column_axis: str = ""
    signed: bool = False
    texts: Sequence[Sequence[str]] = ()

    @property
    def strengths(self) -> list[list[float | None]]:
        """Each number as a share of the largest, -1 to 1."""
        flat = [value for row in self.values for value in row if value is not None]
        found = iter(_strengths(flat))
        return [[None if value is None else next(found) for value in row] for row in self.values]


@dataclass(frozen=True)
class Pictures:
    """One picture several times, lit where a word's weights are.

    Attributes:
        title: A few words.
        picture: The picture, RGB.
        words: A word for each time.
        weights: [words][rows][columns], each of the grid laid over the whole picture.
        about: How to read it.
    """

    title: str
    picture: Image
    words: Sequence[str]
    weights: Sequence[Sequence[Sequence[float]]]
    about: str = ""


@dataclass(frozen=True)
class Table:
    """Plain values by row; the first row's keys name the columns."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    about: str = ""


@dataclass(frozen=True)
class Plot:
    """Lines over a common axis.

    Attributes:
        title: A few words.
        x: Places on the axis.
        lines: For each line its heights at these places; NaN leaves a gap.
        about: How to read it.
        x_label, y_label: What the axes are, with the unit.
        ticks: A name for each place; empty where the places are numbers to be read as such.
        log_y: Whether heights go by powers of ten.
        joined: Whether the points of a line are joined.
        diagonal: Whether the line of equal numbers is drawn.
    """

    title: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    about: str = ""
    x_label: str = ""
    y_label: str = ""
    ticks: Sequence[str] = ()
    log_y: bool = False
    joined: bool = True
    diagonal: bool = False


Part = Note | Tokens | Grid | Pictures | Table | Plot


def _strengths(values: Sequence[float], largest: float | None = None) -> list[float]:
    """The values over the largest size among them, or over `largest`."""
    scale = largest or max((abs(value) for value in values), default=0.0) or 1.0
    return [value / scale for value in values]
