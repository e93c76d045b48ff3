"""`seqkit diagnose RUN`: how far back a run's layers learn, and why not farther."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from seqkit.errors import ConfigError
from seqkit.files import write_text
from seqkit.run import FLOW, open_run

from .flags import PlainParser, add_device_flags


def run(argv: Sequence[str]) -> int:
    """Prints the verdicts, writes figures and picture, and returns the exit status."""
    options = _parser().parse_args(argv)
    if options.examples < 1:
        raise ConfigError(f"--examples must be at least 1, got {options.examples}.")
    opened = open_run(options.run)
    from seqkit.diagnosis import draw_flow
    from seqkit.predictor import load

    from .progress import print_table

    found = load(opened, device=options.device, threads=options.threads).diagnose(
        options.data, split=options.split, examples=options.examples
    )
    if not found.flows:
        print(f"{options.run}: has no recurrent layer to look into ({opened.config.model.cell}).")
        return 0
    print_table(f"Gradients of {found.examples} examples", found.table())
    for finding in found.findings:
        print(f"{finding.layer} {finding.sentence}")
    folder = Path(options.output or options.run)
    folder.mkdir(parents=True, exist_ok=True)
    figures, picture = folder / "diagnosis.json", folder / FLOW
    write_text(figures, json.dumps(found.to_dict(), indent=1) + "\n")
    draw_flow(found.flows, picture)
    print(f"Written to {figures} and {picture}")
    return 0


def _parser() -> PlainParser:
    parser = PlainParser(
        prog="seqkit diagnose",
        description="Measures how far back the gradient reaches in each recurrent layer, and says what that means.",
    )
    parser.add_argument("run", metavar="RUN", help="run folder")
    about = "labelled data (default: what the run was trained on)"
    parser.add_argument("--data", metavar="PATH", help=about)
    about = "split to take examples from (default: dev)"
    parser.add_argument("--split", choices=("train", "dev", "test"), default="dev", help=about)
    about = "examples to look at (default: 64)"
    parser.add_argument("--examples", type=int, default=64, metavar="N", help=about)
    about = "folder of diagnosis.json and gradient_flow.png (default: RUN)"
    parser.add_argument("--output", metavar="FOLDER", help=about)
    add_device_flags(parser)
    return parser
