"""Writes docs/translations.md and docs/captions.md: twenty answers of finished runs, good and bad ones.

    python benchmarks/examples.py runs/scores/multi30k-gru-1 runs/scores/flickr8k-attend-1

The examples are evenly spread over the dev split, and the best answer comes first. The data's own sentences and
pictures may not be shown, so examples go by their numbers and names.
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

Rated = tuple[str, float, str]
"""What leads to the example, the score of the answer, the answer."""


def main(argv: Sequence[str] | None = None) -> None:
    """Writes a page for each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="runs of translation or captioning")
    for path in parser.parse_args(argv).runs:
        run = seqkit.load(path)
        rate, page, title, score = PAGES[run.task.name]
        examples = run.task.read(run.config).get("dev")
        step = len(examples) // COUNT
        chosen = [(number, examples[number]) for number in range(0, step * COUNT, step)]
        answers = run.predict([run.pipeline.raw_input(example) for _, example in chosen])
        outputs = [answer.output for answer in answers]
        write_page(DOCS / page, title, score, path, rate(run, chosen, outputs))


def translations(
    run: Any, chosen: Sequence[tuple[int, Any]], outputs: Sequence[str]
) -> list[Rated]:
    """chrF of each translation against the reference; lines count from 1."""
    scores = [
        translation_scores([output], [[pair.tgt]]).chrf
        for output, (_, pair) in zip(outputs, chosen, strict=True)
    ]
    names = [f"line {number + 1}" for number, _ in chosen]
    return list(zip(names, scores, outputs, strict=True))


def captions(run: Any, chosen: Sequence[tuple[int, Any]], outputs: Sequence[str]) -> list[Rated]:
    """CIDEr-D of each caption among those of the whole dev split."""
    examples = run.task.read(run.config).get("dev")
    references = [[tokenize_caption(caption) for caption in e.captions] for e in examples]
    hypotheses = [each[0] for each in references]  # only those of the chosen count
    for (number, _), output in zip(chosen, outputs, strict=True):
        hypotheses[number] = tokenize_caption(output)
    scores = cider_d(hypotheses, references)[1]
    return [
        (f"`{picture.path.name}`", scores[number], output)
        for (number, picture), output in zip(chosen, outputs, strict=True)
    ]


Rate = Callable[[Any, Sequence[tuple[int, Any]], Sequence[str]], list[Rated]]
PAGES: dict[str, tuple[Rate, str, str, str]] = {
    "translation": (translations, "translations.md", "Translations", "chrF, 0 to 100"),
    "captioning": (captions, "captions.md", "Captions", "CIDEr-D, 0 to 10"),
}


def write_page(page: Path, title: str, score: str, run: Path, rated: list[Rated]) -> None:
    """The table, best answer first."""
    recipe = run.name.rpartition("-")[0] or run.name
    lines = [
        f"# {title}",
        "",
        f"{COUNT} answers of a run of the recipe `{recipe}` to its dev split, evenly spread over it, best first.",
        "The data's own sentences and pictures may not be shown here; their numbers and names lead to them.",
        "",
        f"| example | {score} | answer |",
        "|---|---|---|",
        *(
            f"| {name} | {value:.2f} | {answer} |"
            for name, value, answer in sorted(rated, key=lambda row: -row[1])
        ),
    ]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{page}: {len(rated)} answers.")


if __name__ == "__main__":
    main()
