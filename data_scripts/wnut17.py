"""WNUT 2017, emerging and rare entities (Derczynski et al. 2017): `python data_scripts/wnut17.py --out data/wnut17`."""

from __future__ import annotations

import sys
from pathlib import Path

from checking import check_count, check_files
from command import DataSet, main
from conll2003 import sentences
from fetching import Download
from sources import Source

SENTENCES = {
    "wnut17train.conll": 3_394,
    "emerging.dev.conll": 1_009,
    "emerging.test.annotated": 1_287,
}
RAW = "https://raw.githubusercontent.com/leondz/emerging_entities_17/master"


def lay_out(source: Source, out: Path) -> None:
    """The three files of the shared task."""
    for file in SENTENCES:
        source.need(file, out / file)


def check(out: Path) -> str:
    """Counts the sentences of each file and compares them."""
    for file, wanted in SENTENCES.items():
        check_count(f"{out / file}, sentences", sentences(out / file), wanted)
    check_files(out, "wnut17")
    return "3,394 sentences to learn from, 1,009 to choose, 1,287 to test"


WNUT17 = DataSet(
    name="WNUT 2017",
    licence="CC BY 4.0; cite Derczynski et al. 2017. https://github.com/leondz/emerging_entities_17",
    downloads=tuple(Download(file, (f"{RAW}/{file}",)) for file in SENTENCES),
    lay_out=lay_out,
    check=check,
    usage="seqkit train ner --recipe wnut17 --data {out}",
)

if __name__ == "__main__":
    sys.exit(main(WNUT17))
