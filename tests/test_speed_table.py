"""The table of speed: ratios of medians, rows that are merged, peers that are missing."""

from __future__ import annotations

import doctest
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[1]
MODULES = ("speed", "rows", "row", "side_by_side", "processes", "peers", "kernel_rows", "preparing",
           "sentiment_rows", "ner_rows", "translation_rows", "own_rows", "floors", "tables")  # fmt: skip


class Benchmarks:
    """The scripts in `benchmarks/`, imported as they import each other."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Benchmarks:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for name in MODULES:  # forgotten again after the test
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Benchmarks()


def record(ours: float, theirs: float, **further: Any) -> dict[str, Any]:
    times = {"ours": [ours, 9 * ours, ours / 9], "theirs": [theirs] * 3}
    return {
        "cases": {"one": times}, "processor": "P, 2 cores", "threads": 1, "repeats": 3,
        "versions": {"torch": "2.9"}, **further,
    }  # fmt: skip


def setup_of(bench: Benchmarks, folder: Path) -> Any:
    return bench.row.Setup(folder, folder, folder, folder, repeats=2, threads=1)


def test_sides_take_turns_and_the_first_one_changes(bench: Benchmarks) -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    times = bench.side_by_side.alternate(lambda: side("o", 1.0), lambda: side("t", 3.0), 3)
    assert order == ["o", "t", "t", "o", "o", "t"]
    assert times == {"ours": [1.0] * 3, "theirs": [3.0] * 3}
    assert bench.side_by_side.ratio(times) == 3.0


def test_a_row_tells_the_ratio_of_medians_both_figures_quality_and_where(bench: Benchmarks) -> None:
    quality = {"ours": 0.81, "theirs": 0.7}
    table = bench.speed.table({"ner-training": record(0.001, 0.02, quality=quality)})
    assert "| 20.00 | 10 | 1,000 tokens/s | 50 tokens/s | dev F1 0.81 / 0.7 |" in table
    last = "Measured on P, 2 cores, threads of either side: 1, medians of 3; torch 2.9."
    assert table.endswith(last)


def test_a_row_of_several_shapes_tells_their_mean_and_the_least(bench: Benchmarks) -> None:
    found = record(0.01, 0.01)
    found["cases"]["two"] = {"ours": [0.01], "theirs": [0.04]}
    table = bench.speed.table({"gru": found})
    assert "| 2.00, never below 1.00 | 2.5, never below 1 | 10 ms | 20 ms |" in table
    assert "| two | 4.00 | 10 ms | 40 ms |" in table


def test_a_missing_peer_is_a_row_that_says_so(bench: Benchmarks, tmp_path: Path) -> None:
    def measure(setup: Any) -> dict[str, Any]:
        bench.processes.Side(setup, "flair_ner", [])
        return {}

    row = bench.row.Row("ner-training", "work", "flair", "10", measure, "tokens/s")
    found = bench.speed.measured(row, setup_of(bench, tmp_path))
    reason = f"flair is not installed in {tmp_path} (benchmarks/peers.py)"
    assert found == {"missing": reason}
    assert f"| not measured: {reason} | 10 |" in bench.speed.table({"ner-training": found})


def test_a_side_that_fails_is_told_by_the_last_line_of_its_log(
    bench: Benchmarks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.processes, "SIDES", tmp_path)
    (tmp_path / "seqkit_broken.py").write_text("raise ValueError('too small')", encoding="utf-8")
    side = bench.processes.Side(setup_of(bench, tmp_path), "seqkit_broken", [])
    with pytest.raises(bench.row.MissingError, match="seqkit failed: ValueError: too small"), side:
        pass


def test_two_processes_work_when_they_are_asked(
    bench: Benchmarks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "from talking import asked, tell\nprint('noise')\ntell(version='3')\n"
    script += "while asked():\n    tell(seconds=8.0, quality=0.5)\n"
    (tmp_path / "seqkit_fake.py").write_text(script, encoding="utf-8")
    talking = ROOT / "benchmarks" / "sides" / "talking.py"
    (tmp_path / "talking.py").write_text(talking.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(bench.processes, "SIDES", tmp_path)
    setup = setup_of(bench, tmp_path)
    ours, theirs = (bench.processes.Side(setup, "seqkit_fake", [], units) for units in (4, 2))
    times, known = bench.processes.race(ours, theirs, 2)
    assert times == {"ours": [2.0, 2.0], "theirs": [4.0, 4.0]}
    assert known == {"versions": {"seqkit": "3"}, "quality": {"ours": 0.5, "theirs": 0.5}}


def test_a_table_goes_on_where_it_stopped(bench: Benchmarks) -> None:
    rows = [row.name for row in bench.rows.ROWS]
    done = {rows[0]: record(1, 2), rows[1]: {"missing": "no peer"}}
    assert [row.name for row in bench.speed.due(None, done)] == rows[1:]
    assert [row.name for row in bench.speed.due([rows[0]], done)] == [rows[0]]


def test_what_was_measured_outlives_a_peer_that_is_missing(bench: Benchmarks) -> None:
    old, new = record(1, 2), record(1, 3)
    assert bench.speed.merged({"gru": old}, "gru", {"missing": "gone"}) == {"gru": old}
    assert bench.speed.merged({"gru": old}, "gru", new) == {"gru": new}
    assert bench.speed.merged({}, "gru", {"missing": "gone"}) == {"gru": {"missing": "gone"}}


def test_a_measured_row_is_kept_and_the_page_gets_the_table(
    bench: Benchmarks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, kept = tmp_path / "speed.md", tmp_path / "speed.json"
    begin, end = bench.speed.MARKS
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    row = bench.row.Row("gru", "w", "a", "2", lambda _: record(1, 2), "s", 1)
    monkeypatch.setattr(bench.speed, "ROWS", (row,))
    monkeypatch.setattr(bench.speed, "limit_threads", lambda threads: None)
    bench.speed.main(
        ["--data", str(tmp_path), "--records", str(kept), "--page", str(page), "--write"]
    )
    records = bench.speed.read_records(kept)
    assert records["gru"]["cases"]["one"]["theirs"] == [2, 2, 2]
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert bench.speed.table(records) in text


def test_what_a_peer_reads_is_cut_and_padded_as_its_examples_say(bench: Benchmarks) -> None:
    for module in (bench.sentiment_rows, bench.translation_rows):
        assert doctest.testmod(module) == (0, 1)


@pytest.mark.parametrize("cell", ["rnn_tanh", "gru", "lstm"])
@pytest.mark.parametrize("learning", [True, False])
def test_both_ways_of_a_layer_give_the_same(bench: Benchmarks, cell: str, learning: bool) -> None:
    kernels = bench.kernel_rows
    cases = kernels.measure(cell, learning=learning, repeats=1, shapes=(kernels.Shape(3, 6, 4, 2),))
    (times,) = cases.values()
    assert len(times["ours"]) == len(times["theirs"]) == 1


def test_results_that_differ_are_refused(bench: Benchmarks) -> None:
    import torch

    with pytest.raises(AssertionError):
        bench.kernel_rows.check_alike([torch.zeros(2)], [torch.full((2,), 0.01)])


def test_a_floor_is_the_products_at_the_speed_of_large_ones(
    bench: Benchmarks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = bench.floors.Account(batches=2)
    layer, batch = nn.Linear(30, 40), torch.rand(20, 30)
    with account.counting():
        layer(batch)
    assert account.flops == 2 * 20 * 30 * 40
    account.seconds = [0.3, 0.1, 0.2]
    account.operations = {"aten::addmm": (0.15, 4), "aten::tanh": (0.05, 2), "detach": (0.0, 1)}
    kept = tmp_path / "speed.json"
    kept.write_text(json.dumps({"gru": record(1, 2)}), encoding="utf-8")
    monkeypatch.setattr(bench.floors, "RECORDS", kept)
    monkeypatch.setattr(bench.floors, "WORK", {"gru": lambda setup: (account, 10)})
    row = bench.row.Row("gru", "w", "a", "4", record, "s", 1)
    setup = bench.row.Setup(tmp_path, Path(), Path(), Path(), 5, 2)
    cells = bench.floors.line(row, 1e6, setup).split(" | ")
    # ten units in 0.2 s; 48,000 operations at a million a second; theirs, 2 s, by 4
    assert cells[1:4] == ["0.02 s", "0.0048 s", "0.5 s"]
    assert cells[5].startswith("`addmm` 75% (2), `tanh` 25% (1)")
