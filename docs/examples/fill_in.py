"""Sentences with a gap, for `seqkit train ner`: the tag of the gap is the word that is missing.

    python docs/examples/fill_in.py FOLDER

What stands before the gap never tells it; what stands behind always does.
"""

import random
import sys
from pathlib import Path

SUBJECTS = (
    "I am",
    "She is",
    "He is",
    "My brother is",
    "Our guest is",
    "The old dog is",
    "Her sister is",
    "The cook is",
)
FOODS = ("soup", "bread", "rice", "cake", "fish", "pie", "stew", "cheese")
GAPS = {
    "happy": ".",
    "not": "hungry so leave the {food} for later .",
    "very": "hungry and could eat all of the {food} .",
}
SIZES = {"train": 2000, "dev": 200, "test": 300}


def sentence(rng: random.Random) -> str:
    """One sentence in two columns, a word and its tag a line."""
    missing = rng.choice(list(GAPS))
    before = [(word, "O") for word in rng.choice(SUBJECTS).split()]
    behind = [(word, "O") for word in GAPS[missing].format(food=rng.choice(FOODS)).split()]
    return "".join(f"{word} {tag}\n" for word, tag in (*before, ("___", f"B-{missing}"), *behind))


def main() -> None:
    """Writes train.txt, dev.txt and test.txt."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    for part, size in SIZES.items():
        text = "\n".join(sentence(rng) for _ in range(size))
        (folder / f"{part}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
