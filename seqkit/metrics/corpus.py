"""Checks that hypotheses and references belong together, before anything is counted. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from seqkit.errors import DataError

Tokens = Sequence[str]
"""One sentence, already cut into tokens."""


def check_aligned(
    first: Sequence[object], second: Sequence[object], first_name: str, second_name: str
) -> None:
    """Raises DataError unless both have the same number of items, and one at least."""
    if len(first) != len(second):
        raise DataError(
            f"{len(first)} {first_name} but {len(second)} {second_name}; "
            "item i of one belongs to item i of the other."
        )
    if not first:
        raise DataError(f"No {first_name}: a score needs one item at least.")


def check_references(hypotheses: Sequence[object], references: Sequence[Sequence[object]]) -> None:
    """Raises DataError unless each hypothesis has a list of one or more references."""
    check_aligned(hypotheses, references, "hypotheses", "lists of references")
    for index, item_references in enumerate(references):
        if isinstance(item_references, str):
            raise DataError(f"references[{index}] is one string; give a list of references.")
        if not item_references:
            raise DataError(
                f"references[{index}] is empty; each item needs one reference at least."
            )


def check_token_references(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> None:
    """As `check_references`, and raises DataError for a string where a list of tokens belongs.

    A string is a sequence of strings too: without this check its letters would be scored as words.
    """
    check_references(hypotheses, references)
    for index, (hypothesis, item_references) in enumerate(zip(hypotheses, references, strict=True)):
        if any(isinstance(tokens, str) for tokens in (hypothesis, *item_references)):
            raise DataError(
                f"Item {index} has a string where a list of tokens is needed; "
                "cut it into tokens first."
            )
