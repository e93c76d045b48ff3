"""Measures how fast seqkit is beside what a user would take instead, and prints a table.

    python benchmarks/speed.py --data DATA [--rows keras-notebook ...] [--repeats 5] [--threads 2] [--peers FOLDER]
    python benchmarks/speed.py --data DATA --write

Both sides of a row do the same work on this machine in this very run, in turns; a ratio is that of the medians. DATA
holds a folder a data set, as `data_scripts/` makes them; FOLDER is what `peers.py` made; `--runs` names the runs that
`scores.py` trained. Each row goes into speed.json beside this script once it is measured, with every repetition, and a
row that is there is measured again only if it is named, so that a long table goes on where it stopped. `--write` puts
the table into docs/speed.md; `--records` and `--page` name other files, for another processor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from row import MissingError, Row, Setup
from rows import ROWS
from side_by_side import ratios, typical
from tables import processor, write_between

RECORDS = Path(__file__).with_name("speed.json")
PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
MARKS = ("<!-- speed: benchmarks/speed.py writes this table -->", "<!-- end of speed -->")

Records = dict[str, dict[str, Any]]
"""What was measured, by the name of the row."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measures the rows asked for, or those not measured yet, and shows the table."""
    options = parser().parse_args(argv)
    limit_threads(options.threads)
    records = read_records(options.records)
    for row in due(options.rows, records):
        with tempfile.TemporaryDirectory() as work:
            folders = (options.data, options.peers, options.runs, Path(work))
            setup = Setup(*(f.absolute() for f in folders), options.repeats, options.threads)
            print(f"{row.name} ...", file=sys.stderr, flush=True)
            records = merged(records, row.name, measured(row, setup))
        text = json.dumps(records, indent=1, sort_keys=True) + "\n"
        options.records.write_text(text, encoding="utf-8")
    print(table(records))
    if options.write:
        write_between(options.page, MARKS, table(records))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--peers", type=Path, default=Path("peers"), help="folder of peers.py")
    about = "folder of the runs of scores.py"
    parser.add_argument("--runs", type=Path, default=Path("runs/scores"), help=about)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="*", choices=names, help="rows to measure (again)")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of either side")
    about = "threads of either side (default: %(default)s, the cores); seqkit uses as many of them as it finds good"
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help=about)
    parser.add_argument("--records", type=Path, default=RECORDS, help="file of what was measured")
    parser.add_argument("--page", type=Path, default=PAGE, help="page with a place for the table")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    return parser


def limit_threads(threads: int) -> None:
    """So many threads for this process and for those that it starts."""
    import torch

    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def due(names: Sequence[str] | None, records: Records) -> list[Row]:
    """The rows that were named, else those that have not been measured."""
    if names is not None:
        return [row for row in ROWS if row.name in names]
    return [row for row in ROWS if "cases" not in records.get(row.name, {})]


def measured(row: Row, setup: Setup) -> dict[str, Any]:
    """The record of a row, or why there is none."""
    try:
        record = row.measure(setup)
    except MissingError as reason:
        return {"missing": str(reason)}
    about = {"processor": machine(), "threads": setup.threads, "repeats": setup.repeats}
    return {**record, **about, "versions": {**versions(), **record.get("versions", {})}}


def merged(records: Records, name: str, record: dict[str, Any]) -> Records:
    """The records with another one; what was measured once is not lost because a peer is missing now."""
    if "missing" in record and "cases" in records.get(name, {}):
        return records
    return {**records, name: record}


def read_records(path: Path) -> Records:
    """What was measured before."""
    if not path.is_file():
        return {}
    records: Records = json.loads(path.read_text(encoding="utf-8"))
    return records


def table(records: Records) -> str:
    """The table in Markdown, then each shape of the rows that have several, then where it was measured."""
    lines = [
        "| row | work | against | ratio | aim | seqkit | the other | quality, seqkit / the other |",
        "|---|---|---|---|---|---|---|---|",
    ]
    known = [(row, records[row.name]) for row in ROWS if row.name in records]
    lines += [line(row, record) for row, record in known]
    shapes = [part for row, record in known for part in by_case(row, record)]
    return "\n".join([*lines, "", *shapes, *about([record for _, record in known])])


def line(row: Row, record: dict[str, Any]) -> str:
    """A row of the table."""
    if "missing" in record:
        cells = (f"not measured: {record['missing']}", row.aim, "", "", "")
    else:
        cases = record["cases"]
        ours, theirs = (row.shown(typical(side, cases)) for side in ("ours", "theirs"))
        quality = record.get("quality", {})
        score = f"{row.quality} {quality['ours']:.3g} / {quality['theirs']:.3g}" if quality else ""
        cells = (ratio_of(cases), row.aim, ours, theirs, score)
    return f"| {' | '.join((f'`{row.name}`', row.work, row.against, *cells))} |"


def ratio_of(cases: dict[str, Any]) -> str:
    """The ratio; of several cases the geometric mean and the least."""
    each = ratios(cases)
    mean = typical("theirs", cases) / typical("ours", cases)
    return f"{mean:.2f}" if len(each) == 1 else f"{mean:.2f}, never below {min(each):.2f}"


def by_case(row: Row, record: dict[str, Any]) -> list[str]:
    """A table of the cases of a row, where it has several."""
    cases = record.get("cases", {})
    if len(cases) < 2:
        return []
    head = ["| case | ratio | seqkit | the other |", "|---|---|---|---|"]
    qualities = record.get("qualities", {})
    if qualities:
        head = [f"{head[0]} {row.quality} |", f"{head[1]}---|"]
    lines = [f"`{row.name}`, case by case:", "", *head]
    for (name, times), each in zip(cases.items(), ratios(cases), strict=True):
        ours, theirs = (row.shown(typical(side, {name: times})) for side in ("ours", "theirs"))
        score = qualities.get(name)
        scores = f" {score['ours']:.4g} / {score['theirs']:.4g} |" if score else ""
        lines.append(f"| {name} | {each:.2f} | {ours} | {theirs} |{scores}")
    return [*lines, ""]


def about(records: Sequence[dict[str, Any]]) -> list[str]:
    """Where rows were measured, and with what."""
    found = [record for record in records if "cases" in record]
    known = {" ".join(pair) for record in found for pair in record["versions"].items()}
    with_what = ", ".join(sorted(known))
    machines = {(r["processor"], r["threads"], r["repeats"]) for r in found}
    return [
        f"Measured on {processor}, threads of either side: {threads}, medians of {repeats}; {with_what}."
        for processor, threads, repeats in sorted(machines)
    ]


def versions() -> dict[str, str]:
    """Of what our side is made of."""
    import torch

    import seqkit

    found = {"seqkit": seqkit.__version__, "torch": str(torch.__version__)}
    return {**found, "python": platform.python_version()}


def machine() -> str:
    """The machine's processor and its cores."""
    return f"{processor()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
