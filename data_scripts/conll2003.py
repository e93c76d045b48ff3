"""CoNLL-2003, English: `python data_scripts/conll2003.py --out data/conll2003 --source PATH`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from checking import check_count, check_entries, lines_of, load_sums
from command import DataSet, main
from sources import Source, SourceError

SENTENCES = {"eng.train": 14_041, "eng.testa": 3_250, "eng.testb": 3_453}
DOCUMENT = b"-DOCSTART-"
OTHER_NAMES = {"eng.train": "train.txt", "eng.testa": "valid.txt", "eng.testb": "test.txt"}


def lay_out(source: Source, out: Path) -> None:
    """The files of the shared task; testb may be missing."""
    for file, other in OTHER_NAMES.items():
        if not source.copy(file, out / file, other) and file != "eng.testb":
            raise SourceError(f"{source.path}: holds no {file} (or {other}).")
    if not (out / "eng.testb").exists():
        print("eng.testb is missing: there will be no test score.")


def check(out: Path) -> str:
    """Counts the sentences of each file, without the -DOCSTART- lines, and compares train and testa."""
    counted = []
    for file, wanted in SENTENCES.items():
        if (out / file).is_file():
            check_count(f"{out / file}, sentences", sentences(out / file), wanted)
            counted.append(f"{file} {wanted:,}")
            if file in (sums := load_sums("conll2003")):
                check_entries(str(out / file), tokens(out / file), sums[file], "token lines")
    return f"sentences: {', '.join(counted)}"


def tokens(path: Path) -> Iterator[bytes]:
    """Lines of tokens; copies place blank and -DOCSTART- lines differently."""
    return (line for line in lines_of(path) if line.strip() and not line.startswith(DOCUMENT))


def sentences(path: Path) -> int:
    """Runs of token lines."""
    count, inside = 0, False
    for line in lines_of(path):
        token = bool(line.strip()) and not line.startswith(DOCUMENT)
        count += token and not inside
        inside = token
    return count


CONLL2003 = DataSet(
    name="CoNLL-2003 English",
    licence="Annotations: Tjong Kim Sang & De Meulder 2003. The text is Reuters Corpus Volume 1, for research under an "
    "agreement with NIST.",
    downloads=(),
    lay_out=lay_out,
    check=check,
    usage="seqkit train ner --recipe conll2003-bilstm-crf --data {out}",
    by_hand="Ask NIST for RCV1 (https://trec.nist.gov/data/reuters/reuters.html) and build eng.train, eng.testa and "
    "eng.testb with the shared task's scripts (https://www.clips.uantwerpen.be/conll2003/ner/).",
)

if __name__ == "__main__":
    sys.exit(main(CONLL2003))
