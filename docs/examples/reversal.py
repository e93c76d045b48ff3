"""Rows of letters and the same backwards, for `seqkit train translation`: short ones and long ones.

python docs/examples/reversal.py FOLDER
"""

import random
import string
import sys
from pathlib import Path

LENGTHS = range(2, 33)
SIZES = {"train": 6000, "dev": 200, "test": 400}


def row(rng: random.Random) -> str:
    """Letters and, behind a tab, the letters backwards."""
    letters = rng.choices(string.ascii_lowercase, k=rng.choice(LENGTHS))
    return f"{' '.join(letters)}\t{' '.join(reversed(letters))}\n"


def main() -> None:
    """Writes train.tsv, dev.tsv and test.tsv."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    for part, size in SIZES.items():
        text = "letters\tbackwards\n" + "".join(row(rng) for _ in range(size))
        (folder / f"{part}.tsv").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
