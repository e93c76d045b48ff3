"""Writes docs/translations.md and docs/captions.md: twenty answers of finished runs, good and bad ones.

    python benchmarks/examples.py runs/scores/multi30k-gru-1 runs/scores/flickr8k-attend-1

The examples are evenly spread over the dev split, and the best answer comes first. The data's own sentences and
pictures may not be shown, so examples go by their numbers and names, and answers that are the reference are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import seqkit
from seqkit.metrics import cider_d, tokenize_caption, translation_scores

DOCS = Path(__file__).parents[1] / "docs"
COUNT = 20

Chosen = Sequence[tuple[int, Any]]
"""Examples with their numbers in the dev split."""


def main(argv: Sequence[str] | None = None) -> None:
    """Writes a page for each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="runs of translation or captioning")
    for path in parser.parse_args(argv).runs:
        run = seqkit.load(path)
        rate, name, page, title, score = PAGES[run.task.name]
        examples = run.task.read(run.config).get("dev")
        answered = own_words(run, spread(list(enumerate(examples)), 2 * COUNT))
        chosen, outputs = zip(*spread(answered, COUNT), strict=True)
        names = [name(number, example) for number, example in chosen]
        rows = zip(names, rate(examples, chosen, outputs), outputs, strict=True)
        write_page(DOCS / page, title, score, path, list(rows))


def spread(items: Sequence[Any], count: int) -> Sequence[Any]:
    """So many of the items at even distances, or all where there are fewer."""
    return items[:: max(1, len(items) // count)][:count]


def own_words(run: Any, chosen: Chosen) -> list[tuple[tuple[int, Any], str]]:
    """Examples with their answers, without those that repeat a reference."""
    answers = run.predict([run.pipeline.raw_input(example) for _, example in chosen])
    return [
        (numbered, answer.output)
        for numbered, answer in zip(chosen, answers, strict=True)
        if answer.output.lower() not in map(str.lower, references_of(numbered[1]))
    ]


def references_of(example: Any) -> Sequence[str]:
    """What people wrote: a translation, or captions."""
    references: Sequence[str] = example.captions if hasattr(example, "captions") else [example.tgt]
    return references


def translations(_: Sequence[Any], chosen: Chosen, outputs: Sequence[str]) -> list[float]:
    """chrF of each translation against its reference."""
    return [
        translation_scores([output], [[pair.tgt]]).chrf
        for output, (_, pair) in zip(outputs, chosen, strict=True)
    ]


def captions(examples: Sequence[Any], chosen: Chosen, outputs: Sequence[str]) -> list[float]:
    """CIDEr-D of each caption, its words weighed by the whole split."""
    references = [[tokenize_caption(caption) for caption in e.captions] for e in examples]
    hypotheses = [each[0] for each in references]
    for (number, _), output in zip(chosen, outputs, strict=True):
        hypotheses[number] = tokenize_caption(output)
    scores = cider_d(hypotheses, references)[1]
    return [scores[number] for number, _ in chosen]


Rate = Callable[[Sequence[Any], Chosen, Sequence[str]], list[float]]
Name = Callable[[int, Any], str]
PAGES: dict[str, tuple[Rate, Name, str, str, str]] = {
    "translation": (
        translations, lambda number, _: f"pair {number + 1}", "translations.md", "Translations", "chrF, 0 to 100",
    ),
    "captioning": (
        captions, lambda _, picture: f"`{picture.path.name}`", "captions.md", "Captions", "CIDEr-D, 0 to 10",
    ),
}  # fmt: skip


def write_page(
    page: Path, title: str, score: str, run: Path, rated: list[tuple[str, float, str]]
) -> None:
    """The table, best answer first."""
    recipe = run.name.rpartition("-")[0] or run.name
    lines = [
        f"# {title}",
        "",
        f"{len(rated)} answers of a run of the recipe `{recipe}` to its dev split, evenly spread over it, best first.",
        "The data's own sentences and pictures may not be shown here; their numbers and names lead to them. Answers",
        "that repeat a reference word for word are left out.",
        "",
        f"| example | {score} | answer |",
        "|---|---|---|",
        *(
            f"| {name} | {value:.2f} | {answer.replace('|', '&#124;')} |"
            for name, value, answer in sorted(rated, key=lambda row: -row[1])
        ),
    ]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{page}: {len(rated)} answers.")


if __name__ == "__main__":
    main()
