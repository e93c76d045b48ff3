"""What a language model is. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.task import Splits, Task

from .config import LanguageConfig
from .reading import ARCHIVES, read_text_frame, read_texts

if TYPE_CHECKING:
    from .pipeline import LanguagePipeline


class LanguageTask(Task[LanguageConfig, str]):
    """Foretells each unit of a text; what it learns, other tasks can start from."""

    name = "language"
    shape = "many-to-many (synced)"
    summary = "text -> its next words; pretraining for the other tasks"
    metric = "log_prob"
    example = "The small dogs"
    pretrains = True
    Config = LanguageConfig

    def read(self, config: LanguageConfig) -> Splits[str]:
        """Lines, tables, label folders or an archive of them; else the built-in sample."""
        return read_texts(config.data, config.training.seed)

    def read_frame(self, config: LanguageConfig, frame: Any) -> Splits[str]:
        """All rows of a DataFrame, as training data."""
        return read_text_frame(config.data, frame, config.training.seed)

    def holds_splits(self, path: Path) -> bool:
        """Folders and archives of folders do."""
        return path.is_dir() or path.name.endswith(ARCHIVES)

    def input_column(self, config: LanguageConfig) -> str:
        """The column of texts."""
        return config.data.text_column

    def fit(
        self, config: LanguageConfig, train: Sequence[str], others: Sequence[str] = ()
    ) -> LanguagePipeline:
        """A pipeline with the vocabulary of `train`."""
        from .pipeline import fit

        return fit(config, train)

    def load(self, config: LanguageConfig, folder: Path) -> LanguagePipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import load

        return load(config, folder)
