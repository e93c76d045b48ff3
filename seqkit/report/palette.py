"""The colours of pages and pictures, by day and by night. Torch-free.

Blue and orange are told apart by colour-blind readers (Okabe & Ito 2008); text keeps a contrast of 4.5 to 1 on every
shade that is laid under it (WCAG 2.2, 1.4.3).
"""

from __future__ import annotations

LIGHT = {
    "paper": "#fcfcfa",
    "ink": "#1c1e21",
    "quiet": "#5e6268",
    "rule": "#d9dad6",
    "plus": "#0072b2",
    "minus": "#d55e00",
    "third": "#007a5a",
    "fourth": "#8f4b78",
}
DARK = {
    "paper": "#15171a",
    "ink": "#e9e8e4",
    "quiet": "#a2a6ad",
    "rule": "#363a40",
    "plus": "#56b4e9",
    "minus": "#f0923c",
    "third": "#3fc49a",
    "fourth": "#d79bc2",
}
LINES = ("plus", "minus", "third", "fourth")
"""Colours of a plot's lines, in order."""
PLOTTED = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of lines in the pictures of a run, on white, which colour-blind readers tell apart (Okabe & Ito 2008)."""
DEEPEST = 0.55
"""Share of the colour in the strongest shade; the rest is paper."""


def variables(colours: dict[str, str]) -> str:
    """The colours as CSS custom properties."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def shade(strength: float, colours: dict[str, str] = LIGHT) -> tuple[float, ...]:
    """Red, green and blue, 0 to 1, of a strength from -1 to 1 on paper."""
    share = DEEPEST * min(1.0, abs(strength))
    colour, paper = rgb(colours["plus" if strength > 0 else "minus"]), rgb(colours["paper"])
    return tuple(share * c + (1 - share) * p for c, p in zip(colour, paper, strict=True))


def rgb(colour: str) -> tuple[float, ...]:
    """Red, green and blue, 0 to 1.

    >>> rgb("#00ff33")
    (0.0, 1.0, 0.2)
    """
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
