"""Parts as one HTML file that needs nothing else: no script, no network, light and dark. Torch-free."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.files import write_text
from seqkit.report.drawing import as_svg, can_be_drawn, save_png
from seqkit.report.lighting import enlarged, lit
from seqkit.report.parts import Grid, Note, Part, Pictures, Plot, Table, Tokens
from seqkit.report.style import STYLE

if TYPE_CHECKING:
    from PIL.Image import Image

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What the browser is told: this page asks for nothing."""
NARROW_GRID, NARROW_TABLE = 12, 56
"""Columns of a grid, and characters in a row of a table, up to which another part may stand beside it."""


@dataclass(frozen=True)
class Section:
    """Parts that belong together.

    Attributes:
        title: A heading, such as the input that they explain.
        parts: In their order.
        about: What the section is, a sentence.
    """

    title: str
    parts: Sequence[Part]
    about: str = ""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: What it is about.
        sections: In their order.
        facts: What it is of, by name, such as the run and its data.
    """

    title: str
    sections: Sequence[Section]
    facts: Mapping[str, str] = field(default_factory=dict)


def write_page(page: Page, path: Path) -> list[Path]:
    """Writes a page and, beside it, a PNG of each part that is more than text.

    Args:
        page: What to write.
        path: The HTML file; its folder is made where it is missing. Pictures of an older page of that name go.

    Returns:
        The files, the page first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, as_html(page))
    for old in path.parent.iterdir():
        if re.fullmatch(rf"{re.escape(path.stem)}-\d+-\d+-[a-z0-9-]*\.png", old.name):
            old.unlink()
    written = [path]
    for number, section in enumerate(page.sections, start=1):
        for place, part in enumerate(section.parts, start=1):
            if can_be_drawn(part):
                written.append(
                    path.parent / f"{path.stem}-{number}-{place}-{_slug(part.title)}.png"
                )
                save_png(part, written[-1])
    return written


def as_html(page: Page) -> str:
    """The page as a text."""
    sections = "".join(_section(i, s) for i, s in enumerate(page.sections, start=1))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<link rel="icon" href="data:,">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<header>\n<h1>{escape(page.title)}</h1>\n{_facts(page.facts)}{_contents(page)}"
        f"</header>\n{sections}</main>\n</body>\n</html>\n"
    )


def _about(text: str) -> str:
    return f'<p class="about">{escape(text)}</p>\n' if text else ""


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>\n" for k, v in facts.items()
    )
    return f"<dl>\n{rows}</dl>\n" if rows else ""


def _contents(page: Page) -> str:
    """Links to the sections, where there are several."""
    if len(page.sections) < 3:
        return ""
    links = "".join(
        f'<li><a href="#section-{i}">{escape(section.title)}</a></li>\n'
        for i, section in enumerate(page.sections, start=1)
    )
    return f'<nav aria-label="Contents"><ol>\n{links}</ol></nav>\n'


def _section(number: int, section: Section) -> str:
    parts = "".join(
        _part(part, f"part-{number}-{place}") for place, part in enumerate(section.parts, start=1)
    )
    return (
        f'<section id="section-{number}">\n<h2>{escape(section.title)}</h2>\n{_about(section.about)}'
        f'<div class="parts">\n{parts}</div>\n</section>\n'
    )


def _part(part: Part, name: str) -> str:
    kind = "" if _is_narrow(part) else " wide"
    return (
        f'<article class="part{kind}">\n<h3>{escape(part.title)}</h3>\n'
        f"{_about(part.about)}{_body(part, name)}</article>\n"
    )


def _is_narrow(part: Part) -> bool:
    """Whether another part may stand beside it."""
    if isinstance(part, Grid):
        return len(part.columns) <= NARROW_GRID
    if isinstance(part, Table):
        texts = ([name, *_cells_of(values)] for name, values in _columns(part).items())
        return sum(max(map(len, column)) for column in texts) <= NARROW_TABLE
    return isinstance(part, Plot)


def _body(part: Part, name: str) -> str:
    if isinstance(part, Tokens):
        return _tokens(part)
    if isinstance(part, Grid):
        return _grid(part)
    if isinstance(part, Pictures):
        return _pictures(part)
    if isinstance(part, Plot):
        label = escape(f"{part.title}. {'; '.join(_ranges(part))}")
        return (
            f'<figure class="plot" role="img" aria-label="{label}">{as_svg(part, name)}</figure>\n'
        )
    if isinstance(part, Table):
        return _table(part)
    assert isinstance(part, Note)
    return ""


def _tokens(part: Tokens) -> str:
    pieces = [_token(part, i) for i in range(len(part.tokens))]
    for span in reversed(part.spans):
        inside = " ".join(pieces[span.start : span.end])
        framed = f'<span class="span">{inside}<b>{escape(span.label)}</b></span>'
        pieces[span.start : span.end] = [framed]
    return f'<p class="tokens">{" ".join(pieces)}</p>\n'


def _token(part: Tokens, i: int) -> str:
    label = f"<small>{escape(part.labels[i])}</small>" if part.labels else ""
    look = _shade(part.strengths[i], part.signed)
    return f'<span class="token"{look} title="{part.weights[i]:.4g}">{escape(part.tokens[i])}{label}</span>'


def _shade(strength: float, signed: bool) -> str:
    """The attributes of something that is coloured by a strength from -1 to 1."""
    below = ' data-sign="minus"' if signed and strength < 0 else ""
    return f'{below} style="--w:{min(1.0, abs(strength)):.3f}"'


def _grid(part: Grid) -> str:
    names = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in part.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cells(part, i))}</tr>\n'
        for i, name in enumerate(part.rows)
    )
    axes = f"rows: {part.row_axis}, columns: {part.column_axis}"
    caption = f"<caption>{escape(axes)}</caption>" if part.row_axis else ""
    return (
        f'<div class="scroll" tabindex="0"><table class="grid">{caption}\n'
        f"<thead><tr><td></td>{names}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )


def _cells(part: Grid, row: int) -> Iterator[str]:
    for column, (value, strength) in enumerate(
        zip(part.values[row], part.strengths[row], strict=True)
    ):
        if value is None or strength is None:
            yield '<td class="never" title="not possible"></td>'
            continue
        text = escape(part.texts[row][column]) if part.texts else ""
        place = escape(f"{part.rows[row]}, {part.columns[column]}: {value:.4g}")
        yield f'<td{_shade(strength, part.signed)} title="{place}">{text}</td>'


def _pictures(part: Pictures) -> str:
    shown = [_picture(enlarged(part.picture), "The picture as the network gets it", "")]
    for word, weights in zip(part.words, part.weights, strict=True):
        row, column = _brightest(weights)
        alt = (
            f"{word}: the network looks most at row {row} of {len(weights)}, column {column} of "
            f"{len(weights[0])}"
        )
        shown.append(_picture(lit(part.picture, weights), alt, word))
    return f'<div class="pictures">{"".join(shown)}</div>\n'


def _brightest(weights: Sequence[Sequence[float]]) -> tuple[int, int]:
    """Row and column of the largest weight, counted from 1."""
    _, row, column = max(
        (w, i, j) for i, line in enumerate(weights, 1) for j, w in enumerate(line, 1)
    )
    return row, column


def _picture(picture: Image, alt: str, caption: str) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}">{text}</figure>\n'


def _table(part: Table) -> str:
    columns = _columns(part)
    numbers = [' class="number"' if _numeric(values) else "" for values in columns.values()]
    names = [escape(name) for name in columns]
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(numbers, names, strict=True))
    texts = zip(*map(_cells_of, columns.values()), strict=True)
    rows = "".join(f"<tr>{_row(row, names, numbers)}</tr>\n" for row in texts)
    kind = "data" if _is_narrow(part) else "data stacked"
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )


def _row(texts: Sequence[str], names: Sequence[str], kinds: Sequence[str]) -> str:
    """Cells that know their column, for screens too narrow to have them side by side."""
    return "".join(
        f'<td{kind} data-name="{name}">{escape(text)}</td>'
        for text, name, kind in zip(texts, names, kinds, strict=True)
    )


def _columns(part: Table) -> dict[str, list[Any]]:
    """A table's values by column."""
    return {name: [row[name] for row in part.rows] for name in (part.rows[0] if part.rows else ())}


def _numeric(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, (int, float)) for value in values)


def _cells_of(values: Sequence[Any]) -> list[str]:
    """A column as texts: fractions with as many places as one of them needs and the largest has room for, whole numbers
    by thousands.

    >>> _cells_of([58.6314, -0.0001]), _cells_of([60.6, 9.0]), _cells_of([1200, None])
    (['58.631', '0.000'], ['60.6', '9.0'], ['1,200', ''])
    """
    if not _numeric(values):
        return [str(value) for value in values]
    known = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in known):
        return ["" if value is None else f"{value:,}" for value in values]
    room = min(4, max(0, 5 - max(len(f"{abs(value):.0f}") for value in known)))
    places = next(p for p in range(room + 1) if all(round(v, p) == round(v, room) for v in known))
    return ["" if value is None else f"{round(value, places) + 0.0:.{places}f}" for value in values]


def _ranges(part: Plot) -> Iterator[str]:
    """A plot in words."""
    for name, heights in part.lines.items():
        known = [height for height in heights if height == height]
        if known:
            yield f"{name}: {len(known)} points between {min(known):.4g} and {max(known):.4g}"


def _slug(title: str) -> str:
    """The title as a part of a file's name.

    >>> _slug("Where it looks: words")
    'where-it-looks-words'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
