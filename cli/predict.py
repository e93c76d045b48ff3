"""`seqkit predict RUN`: answers from arguments, a file or standard input, as text, JSON lines or CSV."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seqkit import launch
from seqkit.errors import ConfigError, DataError, printable
from seqkit.run import Run, open_run

from .flags import (
    PlainParser,
    add_batch_flags,
    add_limit_flags,
    add_running_flags,
    check_running_flags,
    decoding_changes,
    limits_of,
)

if TYPE_CHECKING:
    from seqkit.prediction import Prediction


def run(argv: Sequence[str]) -> int:
    """Answers every input and returns the exit status."""
    options = _parser().parse_intermixed_args(argv)  # inputs may stand after flags
    check_running_flags(options)
    limits = limits_of(options)
    opened = open_run(options.run, limits)
    inputs = _inputs(opened, options)
    batch_size = 1 if _asks_person(options) else options.batch_size
    changes = decoding_changes(options)
    from seqkit.predictor import load
    from seqkit.processes import join

    processes = join()
    predictor = load(
        opened, *options.ensemble, device=options.device, threads=options.threads,
        precision=options.precision, limits=limits,
    )  # fmt: skip
    predictor.pipeline.set_decoding(changes)
    answers = predictor.stream(inputs, batch_size=batch_size, processes=processes)
    with _output(options.output if processes.is_main else None) as file:
        write = _writer(options.format, file, changes.get("nbest", 1))
        for answer in answers:
            write(answer)
            file.flush()  # who asks by a pipe waits for it
    return 0


def _parser() -> PlainParser:
    about = "Answers inputs with a trained run, in their order."
    parser = PlainParser(prog="seqkit predict", description=about)
    parser.add_argument("run", metavar="RUN", help="run folder")
    about = "texts (for captioning: pictures or folders)"
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help=about)
    about = "file with an input a line, instead of INPUT (- is standard input)"
    parser.add_argument("--input", metavar="FILE", help=about)
    about = "file to write, instead of standard output"
    parser.add_argument("--output", metavar="FILE", help=about)
    about = "text for people, JSON lines or CSV for programs (default: text)"
    parser.add_argument("--format", choices=("text", "jsonl", "csv"), default="text", help=about)
    about = "answers for each input, best first"
    parser.add_argument("--nbest", type=int, metavar="N", help=about)
    add_batch_flags(parser)
    add_running_flags(parser)
    add_limit_flags(parser)
    return parser


def _inputs(opened: Run, options: argparse.Namespace) -> Iterable[Any]:
    """The raw inputs, read one by one."""
    if options.inputs and options.input:
        raise ConfigError("Give inputs as arguments or by --input, not both.")
    if options.inputs:
        return [raw for word in options.inputs for raw in opened.task.expand(word)]
    if options.input and options.input != "-":
        path = Path(options.input)
        if not path.exists():
            raise DataError(f"{path}: no such file.")
        return opened.task.inputs(path)
    if launch.size() > 1:
        raise ConfigError("Several processes cannot share standard input; give --input FILE.")
    if _asks_person(options):
        print(
            "Reading inputs from the terminal, one a line; an end of file ends them.",
            file=sys.stderr,
        )
    return _standard_input()


def _asks_person(options: argparse.Namespace) -> bool:
    """Whether inputs are typed in, so that each is to be answered before the next."""
    return not options.inputs and options.input in (None, "-") and sys.stdin.isatty()


def _standard_input() -> Iterator[str]:
    """Lines of standard input; it is bytes until each line proves to be UTF-8."""
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            yield raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"standard input: line {number}: not UTF-8 (byte 0x{raw[error.start]:02x})."
            ) from None


@contextlib.contextmanager
def _output(name: str | None) -> Iterator[TextIO]:
    """Standard output or a file; lines written before an error stay."""
    if name is None:
        yield sys.stdout
        return
    with open(name, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        yield file


def _writer(kind: str, file: TextIO, nbest: int) -> Any:
    """The function that writes one answer."""
    if kind == "jsonl":
        return lambda answer: print(
            json.dumps(_portable(answer.to_json()), ensure_ascii=False), file=file
        )
    if kind == "csv":
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["input", "output", "score", "confidence"])
        return lambda a: table.writerow(
            [a.input, _cell(a.output), _number(a.score), _number(a.confidence)]
        )
    return lambda answer: print(_as_text(answer, nbest), file=file)


def _as_text(answer: Prediction, nbest: int) -> str:
    lines = [printable(" ".join(answer.text.splitlines()))]
    if nbest > 1:
        lines += [
            f"  {i}. {a.confidence:.3f}  {printable(_cell(a.output))}"
            for i, a in enumerate(answer.alternatives[:nbest], 1)
        ]
    return "\n".join(lines)


def _cell(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _portable(values: dict[str, Any]) -> dict[str, Any]:
    """Paths as text, so that JSON takes them."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
