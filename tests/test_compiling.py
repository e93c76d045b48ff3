"""Whoever waits for machine code to be compiled is told so, once."""

from __future__ import annotations

import pytest
from seqkit.cli.main import main

from seqkit.compiling import MESSAGE, compiling, told_of_compiling


def test_the_nearest_listener_is_told_once_and_the_one_around_it_thereafter() -> None:
    told: list[str] = []
    with told_of_compiling(lambda: told.append("around")):
        with told_of_compiling(lambda: told.append("within")):
            compiling()
            compiling()
        assert told == ["within"]
        compiling()
    compiling()  # nobody listens
    assert told == ["within", "around"]


def test_what_is_compiled_tells_and_what_has_been_does_not() -> None:
    pytest.importorskip("numba", reason="the extra `compiled` is not installed")
    from seqkit.nn.machine_code import numba

    told: list[int] = []
    double = numba.njit(lambda x: 2 * x)
    for wanted in ([0], [0]):
        with told_of_compiling(lambda: told.append(len(told))):
            assert double(3) == 6
        assert told == wanted


def test_commands_say_why_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: list[str]) -> int:
        compiling()
        compiling()
        return 0

    monkeypatch.setattr("seqkit.cli.tasks.run", run)
    assert main(["tasks"]) == 0
    assert capsys.readouterr() == ("", f"{MESSAGE}\n")
