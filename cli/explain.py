"""`seqkit explain RUN`: why a run answers as it does, as a page and pictures."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError
from seqkit.run import Run, open_run

from .flags import PlainParser, add_running_flags, check_running_flags, decoding_changes

EXAMPLES = 4
"""Inputs that are explained where none is given."""
MOST = 20
"""Inputs on a page at most."""
PAGE = "explain.html"


def run(argv: Sequence[str]) -> int:
    """Writes the page and returns the exit status."""
    options = _parser().parse_intermixed_args(argv)  # inputs may stand after flags
    check_running_flags(options)
    opened = open_run(options.run)
    inputs = _inputs(opened, options)
    changes = decoding_changes(options)
    from seqkit.predictor import load
    from seqkit.report import Page, Section, write_page

    predictor = load(opened, *options.ensemble, device=options.device, threads=options.threads)
    predictor.pipeline.set_decoding(changes)
    if inputs is None:
        inputs = _own_examples(opened, predictor.pipeline)
    sections = [predictor.explain(raw).section() for raw in inputs]
    if network := predictor.pipeline.explain_network():
        sections.append(Section("The network itself", network, "The same for every input."))
    path = Path(options.output or opened.path / "explain") / PAGE
    page = Page("Why it answers so", sections, opened.facts())
    pictures = len(write_page(page, path)) - 1
    print(f"Written to {path}, with {pictures} picture{'s' if pictures != 1 else ''} beside it.")
    return 0


def _parser() -> PlainParser:
    about = "Shows why a run answers as it does: a page and pictures."
    parser = PlainParser(prog="seqkit explain", description=about)
    parser.add_argument("run", metavar="RUN", help="run folder")
    about = f"texts (for captioning: pictures or folders); default: {EXAMPLES} examples that it was scored on"
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help=about)
    about = f"file with an input a line, instead of INPUT; the first {MOST} are explained"
    parser.add_argument("--input", metavar="FILE", help=about)
    about = "folder to write into (default: RUN/explain)"
    parser.add_argument("--output", metavar="FOLDER", help=about)
    add_running_flags(parser)
    return parser


def _inputs(opened: Run, options: argparse.Namespace) -> list[Any] | None:
    """The raw inputs that were asked for, none where nothing was."""
    if options.inputs and options.input:
        raise ConfigError("Give inputs as arguments or by --input, not both.")
    if options.inputs:
        expanded = (raw for word in options.inputs for raw in opened.task.expand(word))
        return list(itertools.islice(expanded, MOST))
    if options.input is None:
        return None
    path = Path(options.input)
    if not path.exists():
        raise DataError(f"{path}: no such file.")
    return list(itertools.islice(opened.task.inputs(path), MOST))


def _own_examples(opened: Run, pipeline: Any) -> list[Any]:
    """Some inputs that the run was scored on, or of the task's sample where its data is no longer there."""
    try:
        splits = opened.task.read(opened.config)
    except DataError as error:
        print(f"{error} Explaining examples of the built-in sample instead.")
        splits = opened.task.read(from_dict(opened.task.Config, {}))
    examples = splits.test or splits.dev
    step = max(1, len(examples) // EXAMPLES)
    return [pipeline.raw_input(example) for example in examples[step // 2 :: step][:EXAMPLES]]
