"""Installs the peers that speed.py compares with, each into a virtual environment of its own.

    python benchmarks/peers.py --out ENVIRONMENTS [keras joeynmt flair]

Versions are fixed to what was tried together. A peer that cannot be installed is named, and its rows of the table say
that it is missing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

PEERS = {
    "keras": ["tensorflow-cpu==2.21.0", "keras==3.15.1"],
    "joeynmt": ["torch==2.14.1", "joeynmt==2.3.0", "importlib-metadata==10.2.0"],
    "flair": ["torch==2.14.1", "flair==0.15.1"],
}
"""What is installed, one after the other."""


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the environments.

    Raises:
        SystemExit: if a peer could not be installed.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the environments")
    parser.add_argument("names", nargs="*", default=list(PEERS), help="peers (default: all)")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - set(PEERS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    failed = [name for name in options.names if not install(name, options.out)]
    if failed:
        raise SystemExit(f"Not installed: {', '.join(failed)}")


def install(name: str, out: Path) -> bool:
    """Makes the environment of a peer; whether all of it could be installed."""
    venv.create(out / name, with_pip=True, clear=True)
    for requirement in PEERS[name]:
        command = [str(python(out, name)), "-m", "pip", "install", "-q", requirement]
        if subprocess.run(command).returncode != 0:
            return False
    return True


def python(out: Path, name: str) -> Path:
    """The Python of a peer's environment."""
    return out / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


if __name__ == "__main__":
    main()
