"""Files by name, wherever they lie: in a folder, packed, or inside an archive."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


class SourceError(Exception):
    """A source that lacks a file or cannot be read."""


class Source:
    """A file, or everything below a folder.

    Args:
        path: The file or folder.

    Raises:
        SourceError: if there is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SourceError(f"{path}: no such file or folder.")
        self.path = path
        self.files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())

    def find(self, *names: str) -> Path | None:
        """The file with the first of these names that is there, as it is or with `.gz` behind it."""
        wanted = [name for base in names for name in (base, f"{base}.gz")]
        found = {file.name: file for file in reversed(self.files)}
        return next((found[name] for name in wanted if name in found), None)

    def copy(self, name: str, target: Path, *others: str) -> bool:
        """Writes a file's content, unpacked, to `target`; False where the source has none of that name.

        Args:
            name: The file's name.
            target: Where to write.
            others: Further names it may have.
        """
        with self._opened((name, *others)) as stream:
            if stream is None:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(stream, file)
        return True

    def need(self, name: str, target: Path, *others: str) -> None:
        """As `copy`.

        Raises:
            SourceError: if the source has no such file.
        """
        if not self.copy(name, target, *others):
            raise SourceError(f"{self.path}: holds no {name}, neither as a file nor in an archive.")

    @contextmanager
    def _opened(self, names: tuple[str, ...]) -> Iterator[IO[bytes] | None]:
        file = self.find(*names)
        try:
            if file is not None:
                with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
                    yield stream
                return
            for archive in self._archives(".zip"):
                with zipfile.ZipFile(archive) as packed:
                    member = next(
                        (n for n in packed.namelist() if PurePosixPath(n).name in names), None
                    )
                    if member is not None:
                        with packed.open(member) as stream:
                            yield stream
                        return
            yield None
        except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError) as error:
            raise SourceError(f"{self.path}: not a complete archive ({error}).") from None

    def _archives(self, *suffixes: str) -> list[Path]:
        return [file for file in self.files if file.name.endswith(suffixes)]

    def copy_pictures(self, names: set[str], target: Path) -> int:
        """Copies the pictures of these names, from folders and zip archives, and returns how many there were."""
        target.mkdir(parents=True, exist_ok=True)
        found = {file.name: file for file in self.files if file.name in names}
        for name, file in found.items():
            shutil.copyfile(file, target / name)
        missing = names - set(found)
        for archive in self._archives(".zip") if missing else ():
            with zipfile.ZipFile(archive) as packed:
                for member in packed.namelist():
                    name = PurePosixPath(member).name
                    if name in missing and "__MACOSX" not in member:
                        (target / name).write_bytes(packed.read(member))
        return sum((target / name).is_file() for name in names)


def tar_texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every regular file in a tar archive, which is never unpacked to disk.

    Raises:
        SourceError: if it is damaged.
    """
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name, content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SourceError(f"{path}: not a complete tar archive ({error}).") from None
