"""What captioning is and how its data is read. Torch-free."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.readers import iter_lines, table_from_dataframe
from seqkit.data.splits import complete
from seqkit.errors import DataError
from seqkit.files import cache_folder
from seqkit.metrics.caption_tokens import tokenize_caption
from seqkit.task import Splits, Task

from .captions import CaptionedPicture, read_captions
from .config import CaptioningConfig
from .pictures import list_pictures

if TYPE_CHECKING:
    from .pipeline import CaptioningPipeline


class CaptioningTask(Task[CaptioningConfig, CaptionedPicture]):
    """One-to-many: sees a picture and says what is on it."""

    name = "captioning"
    shape = "one-to-many"
    summary = "picture -> sentence"
    metric = "cider"
    example = ""
    Config = CaptioningConfig

    def read(self, config: CaptioningConfig) -> Splits[CaptionedPicture]:
        """Tables, Flickr8k's layout, COCO or Karpathy JSON; else the built-in sample of drawn scenes."""
        data = config.data
        if data.names_nothing:
            return Splits.of(sample_pictures(), "built-in sample")
        files = {name: Path(p) for name in ("train", "dev", "test") if (p := getattr(data, name))}
        parts: dict[str, list[CaptionedPicture]] = {}
        if data.path is not None:
            parts = self._captions(config, Path(data.path))
        for name, file in files.items():
            found = self._captions(config, file)
            everything = [picture for part in found.values() for picture in part]
            parts[name] = found.get(name, everything)  # a file may tell its own splits
        source = data.path or ", ".join(map(str, files.values()))
        return complete(Splits.of(parts, source), data.dev_fraction, config.training.seed)

    def read_frame(self, config: CaptioningConfig, frame: Any) -> Splits[CaptionedPicture]:
        """All rows of a DataFrame, a caption a row, as training data."""
        columns = (config.data.picture_column, config.data.caption_column)
        captions: dict[str, list[str]] = {}
        for row in table_from_dataframe(frame, columns):
            captions.setdefault(row[columns[0]], []).append(row[columns[1]])
        folder = Path(config.data.pictures or ".")
        pictures = [
            CaptionedPicture(folder / name, tuple(texts)) for name, texts in captions.items()
        ]
        return complete(
            Splits(train=pictures, source="DataFrame"),
            config.data.dev_fraction,
            config.training.seed,
        )

    def faults(
        self, config: CaptioningConfig, splits: Splits[CaptionedPicture] | None
    ) -> Iterator[str]:
        """Each picture that is damaged."""
        from .pictures import open_picture

        if splits is None:
            return
        for picture in (*splits.train, *splits.dev, *splits.test):
            try:
                open_picture(picture.path)
            except DataError as error:
                yield str(error)

    def words(self, example: CaptionedPicture) -> Sequence[str]:
        """The words of its captions."""
        return [word for caption in example.captions for word in tokenize_caption(caption)]

    def input_column(self, config: CaptioningConfig) -> str:
        """The column of pictures."""
        return config.data.picture_column

    def expand(self, argument: str) -> Iterable[str]:
        """A picture, or all pictures of a folder."""
        path = Path(argument)
        return map(str, list_pictures(path)) if path.is_dir() else [argument]

    def inputs(self, path: Path) -> Iterable[str]:
        """The pictures of a folder, one picture, or those that a text file names, one a line."""
        if path.is_dir() or path.suffix.lower() != ".txt":
            return self.expand(str(path))
        return iter_lines(path)

    def fit(
        self,
        config: CaptioningConfig,
        train: Sequence[CaptionedPicture],
        others: Sequence[CaptionedPicture] = (),
    ) -> CaptioningPipeline:
        """A pipeline with the vocabulary of `train`'s captions."""
        from .pipeline import fit

        return fit(config, train)

    def load(self, config: CaptioningConfig, folder: Path) -> CaptioningPipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import load

        return load(config, folder)

    def _captions(self, config: CaptioningConfig, path: Path) -> dict[str, list[CaptionedPicture]]:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder.")
        data = config.data
        return read_captions(
            path,
            pictures=Path(data.pictures) if data.pictures else None,
            picture_column=data.picture_column,
            caption_column=data.caption_column,
        )


def sample_pictures() -> dict[str, list[CaptionedPicture]]:
    """The built-in sample; its pictures are drawn into the cache folder, whole or not at all."""
    from .sample import make_sample

    home = cache_folder() / "captioning-sample-1"
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, ignore_cleanup_errors=True) as temporary:
        fresh = Path(temporary) / "pictures"
        splits = make_sample(fresh)
        if not home.is_dir():
            try:
                os.rename(fresh, home)
            except OSError:
                if not home.is_dir():  # another process may have been quicker
                    raise
    return {
        name: [dataclasses.replace(picture, path=home / picture.path.name) for picture in pictures]
        for name, pictures in splits.items()
    }
