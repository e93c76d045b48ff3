"""`seqkit VERB ...`: finds the verb, runs it, turns errors into one line and exit status 2. Torch-free."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence

import seqkit
from seqkit import launch
from seqkit.compiling import MESSAGE, told_of_compiling
from seqkit.errors import SeqkitError, UnknownNameError, printable

VERBS = {
    "train": "train a network and write a run folder",
    "pretrain": "train a language model that other trainings can start from",
    "predict": "answer texts, pictures or files with a run",
    "explain": "show why a run answers as it does, as a page and pictures",
    "evaluate": "score a run on labelled data",
    "compare": "hold networks or runs against each other",
    "diagnose": "measure how far back a run's layers learn, and why not farther",
    "tasks": "list the tasks that are installed, with their recipes",
    "info": "tell what a run is and how good it is",
    "doctor": "check the installation, or a data set",
}

USAGE_ERROR = 2
SIGNALLED = 128
"""Shells give a program that a signal ended this status and the signal's number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 2 a mistake of the user's, 128 and the signal's number
    where one stopped it (130: Ctrl-C)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if launch.rank() > 0:  # of several processes, the first one speaks
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        verb = _verb(argv)
        if verb is None:
            return 0
        with told_of_compiling(_tell_of_compiling):
            return int(importlib.import_module(f"seqkit.cli.{verb}").run(argv[1:]))
    except SeqkitError as error:
        return _complain(str(error))
    except KeyboardInterrupt as stop:
        if launch.local_rank() == 0:
            print(f"\nseqkit: {stop or 'interrupted'}", file=sys.stderr)
        return SIGNALLED + getattr(stop, "number", signal.SIGINT)
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # the reader has gone: nothing left to say to it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        return _complain(f"{error.filename or 'writing'}: {error.strerror}")


def _verb(argv: list[str]) -> str | None:
    """The verb to run; None where help or the version was all that was asked for."""
    if argv and argv[0] in VERBS:
        return argv[0]
    parser = argparse.ArgumentParser(
        prog="seqkit",
        usage="seqkit VERB ... [--help]",
        description="Recurrent networks of every shape: train, use and compare them.",
        epilog="verbs:\n" + "\n".join(f"  {verb:<10}{what}" for verb, what in VERBS.items())
        + "\n\nfirst steps:\n  seqkit train sentiment\n  seqkit predict runs/sentiment-1 \"Not bad at all.\"",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"seqkit {seqkit.__version__}")
    if not argv or argv[0] in ("-h", "--help", "--version"):
        with contextlib.suppress(SystemExit):
            parser.parse_args(argv or ["--help"])
        return None
    raise UnknownNameError("verb", argv[0], VERBS)


def _tell_of_compiling() -> None:
    """Says why nothing happens for a while."""
    if launch.local_rank() == 0:
        print(MESSAGE, file=sys.stderr, flush=True)


def _complain(message: str) -> int:
    """Says what is wrong, once a machine: what one process finds is known to all of them."""
    if launch.local_rank() == 0:
        lines = (printable(line) for line in message.split("\n"))
        print("seqkit: error: " + "\n".join(lines), file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
