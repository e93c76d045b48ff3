"""Tables on terminals of any width."""

from __future__ import annotations

import pytest
from rich.console import Console
from seqkit.cli import progress
from seqkit.cli.progress import print_table

ROWS = [
    {"network": "gru", "accuracy": 0.91, "parameters": 1_234_567, "memory": 2},
    {"network": "lstm-bidirectional", "accuracy": 0.9, "parameters": 1_234_000, "speed": 12.5},
]


def printed(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The table on a terminal of that width."""
    monkeypatch.setattr(progress, "open_console", lambda: Console(width=width, highlight=False))
    print_table("", ROWS)
    return capsys.readouterr().out


def test_a_table_is_whole_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(100, monkeypatch, capsys)
    assert text.count("network") == 1
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("width", [36, 50, 60])
def test_what_is_wider_than_the_terminal_goes_on_in_another_table(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(width, monkeypatch, capsys)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("network") == text.count("lstm-bidirectional") > 1
    assert all(word in text for word in ("0.91", "1,234,567", "1,234,000", "12.5"))
    assert "…" not in text


def test_a_row_may_lack_a_column_that_another_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [line.split("│") for line in printed(100, monkeypatch, capsys).splitlines()]
    lstm = next(line for line in cells if "lstm-bidirectional" in "".join(line))
    assert [cell.strip() for cell in lstm[1:-1]] == [
        "lstm-bidirectional",
        "0.9",
        "1,234,000",
        "",
        "12.5",
    ]


def test_a_training_says_that_it_waits_for_machine_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress.ConsoleReporter("accuracy").compiling()
    assert capsys.readouterr().out == f"{progress.MESSAGE}\n"
