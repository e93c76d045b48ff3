"""Texts sorted into one folder a label, on disk or inside a tar archive. Torch-free."""

from __future__ import annotations

import codecs
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from seqkit.data.readers import StrPath, decoded, opened_bytes
from seqkit.errors import DataError, did_you_mean

NOT_LABELS = frozenset({"unsup"})  # the unlabelled reviews of the Large Movie Review Dataset


class LabelledText(NamedTuple):
    """A text, its label, and what it is about where that is told, else an empty string.

    The Large Movie Review Dataset tells it: line n of `urls_pos.txt`, beside the label folders, is the film of
    `pos/n_9.txt`, counted from 0.
    """

    text: str
    label: str
    topic: str = ""


def read_label_folders(path: StrPath) -> list[LabelledText]:
    """Texts sorted into one folder a label, one `.txt` file a text (`neg/0_3.txt`, `pos/1_9.txt`).

    Args:
        path: The folder that holds the label folders. Folders named `unsup` or with a leading dot,
            and folders without a `.txt` file, are no labels.

    Returns:
        Texts ordered by label, then file name, without surrounding blanks.

    Raises:
        DataError: if there is no such folder or no text in it, or a text is blank or not UTF-8.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{path}: no such folder; expected one folder a label with .txt files.")
    texts = {
        (file.parent.name, file.name): _file_text(file)
        for file in folder.glob("*/*.txt")
        if file.is_file() and _is_labelled(file.parent.name, file.name)
    }
    if not texts:
        raise DataError(f"{path}: no label folder with .txt files, such as pos/1.txt.")
    urls = {file.name: _file_text(file) for file in folder.glob("urls_*.txt")}
    return _ordered(texts, urls)


def read_label_archive(path: StrPath, *splits: str) -> dict[str, list[LabelledText]]:
    """Splits of a tar archive of label folders, read in one pass and without unpacking it to disk.

    Args:
        path: A `.tar`, `.tar.gz`, `.tar.bz2` or `.tar.xz` file with members
            `[.../]SPLIT/LABEL/NAME.txt`, such as `aclImdb/train/pos/0_9.txt`.
        splits: Folder names of the splits wanted, such as `train`.

    Returns:
        By split, the same as `read_label_folders` for its folder.

    Raises:
        DataError: if the archive is missing or damaged, lacks one of the splits (with those it has), or a
            text is blank or not UTF-8.
    """
    texts: dict[str, dict[tuple[str, str], str]] = {split: {} for split in splits}
    urls: dict[str, dict[str, str]] = {split: {} for split in splits}
    folders: set[tuple[str, ...]] = set()
    with _tar_opened(path) as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            if not member.isfile() or len(parts) < 2:
                continue
            if parts[-2] in splits and parts[-1].startswith("urls_"):
                urls[parts[-2]][parts[-1]] = _member_text(archive, member, path)
            if len(parts) < 3 or not _is_labelled(parts[-2], parts[-1]):
                continue
            folders.add(parts[:-2])
            if parts[-3] in splits:
                texts[parts[-3]][parts[-2], parts[-1]] = _member_text(archive, member, path)
    for split in splits:
        if not texts[split]:
            raise DataError(_no_split(path, split, folders))
    return {split: _ordered(texts[split], urls[split]) for split in splits}


def _member_text(archive: tarfile.TarFile, member: tarfile.TarInfo, path: StrPath) -> str:
    content = archive.extractfile(member)
    assert content is not None  # it is a file
    return _text(content.read(), f"{path}: {member.name}")


def _no_split(path: StrPath, split: str, folders: Set[tuple[str, ...]]) -> str:
    """What is said of an archive without a split; `folders` are those that label folders stand in."""
    # Text files beside the label folders make their parent look like a split: take the deepest.
    depth = max(map(len, folders), default=0)
    found = sorted({folder[-1] for folder in folders if len(folder) == depth})
    return (
        f"{path}: no split {split!r} with label folders. "
        f"Found: {', '.join(found) or 'none'}." + did_you_mean(split, found)
    )


@contextmanager
def _tar_opened(path: StrPath) -> Iterator[tarfile.TarFile]:
    """The archive as a stream: seeking back in a compressed file would unpack it again."""
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file.")
    try:
        with tarfile.open(path, "r|*") as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path}: not a complete tar archive ({error}).") from None


def _is_labelled(label: str, name: str) -> bool:
    # Archives made on macOS carry a hidden twin "._name.txt" of each file.
    hidden = label.startswith(".") or name.startswith(".")
    return name.endswith(".txt") and not hidden and label not in NOT_LABELS


def _file_text(file: Path) -> str:
    with opened_bytes(file) as stream:
        return _text(stream.read(), file)


def _text(raw: bytes, where: StrPath) -> str:
    text = decoded(raw.removeprefix(codecs.BOM_UTF8), where, 1).strip()
    if not text:
        raise DataError(f"{where}: the file is empty.")
    return text


def _ordered(texts: Mapping[tuple[str, str], str], urls: Mapping[str, str]) -> list[LabelledText]:
    topics = {name: text.splitlines() for name, text in urls.items()}
    return [
        LabelledText(texts[label, name], label, _topic(name, topics.get(f"urls_{label}.txt", [])))
        for label, name in sorted(texts)
    ]


def _topic(name: str, topics: list[str]) -> str:
    """The line that the number at the beginning of a file's name points to, if there is one."""
    number = name.partition("_")[0]
    return topics[int(number)] if number.isdigit() and int(number) < len(topics) else ""
