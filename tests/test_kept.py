"""What is kept on disk: made once, found again, made anew when damaged, and bounded in size."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from seqkit import kept as module
from seqkit.files import cache_folder
from seqkit.kept import content_digest, kept


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kept"


class Writer:
    """Writes a text, and counts how often it was asked to."""

    def __init__(self, text: str = "contents") -> None:
        self.text, self.calls = text, 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "a.txt").write_text(self.text, encoding="utf-8")


def read(folder: Path) -> str:
    return (folder / "a.txt").read_text(encoding="utf-8")


def test_what_is_there_is_not_made_again_and_other_origins_are_other_entries() -> None:
    writer = Writer()
    for made_from in (("x", 1), ("x", 1), ("x", 2), "x"):
        assert kept("kind", made_from, writer, read) == "contents"
    assert writer.calls == 3


@pytest.mark.parametrize("fault", ["altered", "cut", "lost", "no sums", "brackets for sums"])
def test_a_damaged_entry_is_said_and_made_again(
    fault: str, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer()
    kept("kind", 1, writer, read)
    (entry,) = cache.iterdir()
    if fault == "no sums":
        (entry / module.SUMS).unlink()
    elif fault == "brackets for sums":
        (entry / module.SUMS).write_text("[" * 100_000, encoding="utf-8")
    elif fault == "lost":
        (entry / "a.txt").unlink()
    else:
        (entry / "a.txt").write_text("c0ntents" if fault == "altered" else "con", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert kept("kind", 1, writer, read) == "contents"
    assert writer.calls == 2 and "damaged" in caplog.text


def test_a_failure_while_writing_leaves_nothing(cache: Path) -> None:
    def failing(folder: Path) -> None:
        (folder / "a.txt").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept("kind", 1, failing, read)
    assert list(cache.iterdir()) == []


def test_the_entry_of_a_process_that_was_faster_is_used(cache: Path) -> None:
    def overtaken(folder: Path) -> None:
        kept("kind", 1, Writer("theirs"), read)
        Writer("mine")(folder)

    assert kept("kind", 1, overtaken, read) == "theirs"
    assert len(list(cache.iterdir())) == 1


def test_many_threads_may_make_one_entry() -> None:
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(kept("kind", 1, Writer(), read)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["contents"] * 8


def test_the_entry_that_was_not_used_for_longest_makes_room(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer("x" * 1000)
    for number in (1, 2):
        kept(f"kind{number}", number, writer, read)
    old, _ = sorted(cache.iterdir())
    for age, entry in enumerate(sorted(cache.iterdir())):
        os.utime(entry, (1000 + age, 1000 + age))
    kept("kind1", 1, writer, read)  # used again, so it is the younger one now
    leftover = cache / ".left-by-a-kill"
    leftover.mkdir()
    os.utime(leftover, (0, 0))
    monkeypatch.setattr(module, "ROOM", 2500)
    kept("kind3", 3, writer, read)
    assert [path.name[:5] for path in sorted(cache.iterdir())] == ["kind1", "kind3"]
    assert old.name.startswith("kind1")
    monkeypatch.setattr(module, "ROOM", 10)
    kept("kind4", 4, writer, read)  # larger than the room, yet kept, alone
    assert [path.name[:5] for path in cache.iterdir()] == ["kind4"]


def test_a_cache_that_cannot_be_written_to_is_said_and_gives_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache_folder().parent.mkdir(exist_ok=True)
    cache_folder().write_text("a file where the folder should be", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert kept("kind", 1, Writer(), read) is None
    assert "cannot be kept" in caplog.text


def test_every_example_and_its_place_count_in_the_digest() -> None:
    digests = {content_digest(texts) for texts in (["a", "b"], ["b", "a"], ["ab"], ["a'b"], ["a"])}
    assert len(digests) == 5
