"""`seqkit doctor data ner`: every planted fault with its line, none where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from seqkit.cli.main import main
from seqkit.tasks.ner.config import NerData
from seqkit.tasks.ner.faults import column_faults

SOUND = "Ada B-PER\nLovelace I-PER\nmet O\nher O\n\nAcme B-ORG\nin O\nParis B-LOC\n\n"
WAYS = {
    "bio": SOUND,
    "iob1": SOUND.replace("B-", "I-"),
    "bioes": "Ada B-PER\nLovelace E-PER\nmet O\nher O\n\nAcme S-ORG\nin O\nParis S-LOC\n\n",
}


def faults(tmp_path: Path, content: str | bytes, **settings: object) -> list[str]:
    path = tmp_path / "train.conll"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = column_faults([path], NerData(**settings))  # type: ignore[arg-type]
    return [fault.removeprefix(f"{path}: ") for fault in found]


@pytest.mark.parametrize("scheme", WAYS)
def test_sound_files_have_no_fault(scheme: str, tmp_path: Path) -> None:
    assert faults(tmp_path, WAYS[scheme]) == []
    assert faults(tmp_path, "\ufeff" + WAYS[scheme].replace("\n", "\r\n")) == []
    assert faults(tmp_path, "-DOCSTART- O\n\n" + WAYS[scheme] + "👩‍🚀 O\nkhāne‌am O\n") == []


PLANTED = [
    (b"Lovelace I-PER", b"Lovelace", "1 columns, 2 in most lines."),
    (b"Lovelace I-PER", b"Lovelace extra I-PER", "3 columns, 2 in most lines."),
    (b"Lovelace I-PER", b"Lovelace I-ORG", "I-ORG cannot follow B-PER in the scheme bio"),
    (b"her O", b"her I-PER", "I-PER cannot follow O in the scheme bio"),
    (b"met O", b"met o", "the tag 'o' looks like O, and is not."),
    (b"met O", b"met 0", "the tag '0' looks like O, and is not."),
    (b"Paris B-LOC", b"Paris X-LOC", "'X-LOC' is no tag"),
    (b"Paris B-LOC", b"Paris B-", "'B-' is no tag"),
    (b"Paris B-LOC", b"Paris LOC", "'LOC' is no tag"),
    (b"Paris B-LOC", b"Paris B-LCO", "the label 'LCO' stands once in all, 'LOC' "),
    (b"Paris B-LOC", b"Paris S-LOC", "S-LOC is no tag of the scheme bio"),
    (b"Paris B-LOC", b"Par\xefs B-LOC", "not UTF-8 (byte 0xef)."),
    (b"met O", b"m\xe2\x80\x8bet O", "holds U+200B, which nobody sees."),
    (b"met O", b"m\x00et O", "holds U+0000, which nobody sees."),
    (
        b"her O\n\n",
        b"her O\n\xc2\xa0\n",
        "looks blank but holds U+00A0; blank lines end sentences.",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), PLANTED)
def test_a_planted_fault_is_named_with_its_line(
    old: bytes, new: bytes, message: str, tmp_path: Path
) -> None:
    copies = [SOUND.encode()] * 200
    copies[100] = copies[100].replace(old, new, 1)
    text = b"".join(copies)
    place = b"".join(copies[:100]) + copies[100][: copies[100].index(new)]
    line = place.count(b"\n") + 1 + ("blank" in message)
    found = faults(tmp_path, text)
    assert found[0].startswith(f"line {line}: ") and message in found[0]
    assert len(found) == 1


def test_all_of_them_together_are_told_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [SOUND.encode()] * 400
    for number, (old, new, _) in enumerate(PLANTED):
        copies[20 * number + 5] = copies[0].replace(old, new, 1)
    found = faults(tmp_path, b"".join(copies))
    lines = [int(fault.split()[1].rstrip(":")) for fault in found]
    assert len(found) == len(PLANTED) and lines == sorted(lines)
    for _, _, message in PLANTED:
        assert any(message in fault for fault in found)
    assert main(["doctor", "data", "ner", str(tmp_path / "train.conll")]) == 1
    printed = capsys.readouterr().out
    assert f"{len(found)} faults found." in printed and found[3] in printed


def test_a_missing_blank_line_shows_as_a_sentence_without_end(tmp_path: Path) -> None:
    assert faults(tmp_path, SOUND + "so O\n" * 301) == [
        "line 10: a sentence of 301 tokens begins; is a blank line missing?"
    ]


def test_an_empty_token_and_an_empty_tag_are_told_apart(tmp_path: Path) -> None:
    tabs = SOUND.replace(" ", "\t") * 3
    found = faults(tmp_path, tabs + "\tO\n\nso\t\n", separator="\t")
    assert found == ["line 28: the token is empty.", "line 30: the tag is empty."]


def test_two_columns_are_needed(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "Ada\nmet\n")
    assert "most lines have 1 columns" in fault


def test_a_file_without_a_fault_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.conll").write_text(SOUND * 20, encoding="utf-8")
    assert main(["doctor", "data", "ner", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "No fault found." in printed and "PER" in printed
    assert main(["doctor", "data", "ner", str(tmp_path / "none.conll")]) == 2
    assert "no such file" in capsys.readouterr().err


DATA = os.environ.get("SEQKIT_DATA")


@pytest.mark.skipif(not DATA, reason="SEQKIT_DATA is not set")
def test_the_published_files_have_no_false_fault() -> None:
    assert DATA is not None
    for name in ("conll2003", "wnut17"):
        files = sorted(path for path in (Path(DATA) / name).iterdir() if "README" not in path.name)
        found = list(column_faults(files, NerData()))
        assert all("nobody sees" in fault for fault in found), found[:3]  # two tweets do hold such
        assert len(found) == (0 if name == "conll2003" else 2)
