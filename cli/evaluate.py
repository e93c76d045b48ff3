"""`seqkit evaluate RUN`: scores on labelled data, printed and written beside the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqkit.run import open_run, write_scores

from .flags import (
    PlainParser,
    add_batch_flags,
    add_running_flags,
    check_running_flags,
    decoding_changes,
)


def run(argv: Sequence[str]) -> int:
    """Scores one split and returns the exit status."""
    options = _parser().parse_args(argv)
    check_running_flags(options)
    opened = open_run(options.run)
    from seqkit.predictor import load
    from seqkit.processes import join
    from seqkit.report import Page, write_page
    from seqkit.versions import versions

    from .progress import print_scores, print_table

    processes = join()
    predictor = load(
        opened, *options.ensemble,
        device=options.device, threads=options.threads, precision=options.precision,
    )  # fmt: skip
    predictor.pipeline.set_decoding(decoding_changes(options))
    data = options.data or predictor.config.data.path or "built-in sample"
    path = Path(options.output or Path(options.run) / f"scores-{options.split}.json")
    chosen = {"split": options.split, "batch_size": options.batch_size, "processes": processes}
    if options.report:
        scores, sections = predictor.report(options.data, **chosen)
    else:
        scores = predictor.evaluate(options.data, **chosen)
    if not processes.is_main:
        return 0
    print_scores({options.split: scores.values}, scores.signature)
    for title, rows in scores.tables.items():
        print_table(title, rows)
    write_scores(path, scores, data, options.split, versions())
    print(f"Written to {path}")
    if options.report:
        facts = {**opened.facts(), "Scored on": f"{data}, {options.split}"}
        page = Page("How good it is, and where it fails", sections, facts)
        written = write_page(page, path.parent / f"report-{options.split}" / "report.html")
        print(f"Written to {written[0]}")
    return 0


def _parser() -> PlainParser:
    parser = PlainParser(prog="seqkit evaluate", description="Scores a run on labelled data.")
    parser.add_argument("run", metavar="RUN", help="run folder")
    about = "a file, all of which is scored, or a folder of splits (default: what the run was trained on)"
    parser.add_argument("--data", metavar="PATH", help=about)
    about = "split to score (default: test)"
    parser.add_argument("--split", choices=("train", "dev", "test"), default="test", help=about)
    about = "JSON file of the scores (default: RUN/scores-SPLIT.json)"
    parser.add_argument("--output", metavar="FILE", help=about)
    about = "also write a page beside the scores: by length and label, calibration, errors, worst examples"
    parser.add_argument("--report", action="store_true", help=about)
    add_batch_flags(parser)
    add_running_flags(parser)
    return parser
