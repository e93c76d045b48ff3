"""What translation is and how its data is read. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.tokens import split_words
from seqkit.task import Splits, Task

from .config import TranslationConfig
from .faults import pair_faults
from .reading import Pair, PairReader

if TYPE_CHECKING:
    from .pipeline import TranslationPipeline


class TranslationTask(Task[TranslationConfig, Pair]):
    """Many-to-many: reads a sentence to its end, then writes it in another language."""

    name = "translation"
    shape = "many-to-many"
    summary = "sentence -> sentence in another language"
    metric = "bleu"
    example = "The old cat is not happy."
    Config = TranslationConfig

    def read(self, config: TranslationConfig) -> Splits[Pair]:
        """Line-aligned files or tables (CSV, TSV, JSON lines); else the built-in sample."""
        data = config.data
        if data.names_nothing:
            return _sample()
        return PairReader(data, config.training.seed).read()

    def read_frame(self, config: TranslationConfig, frame: Any) -> Splits[Pair]:
        """All rows of a DataFrame, as training data."""
        return PairReader(config.data, config.training.seed).read_frame(frame)

    def faults(self, config: TranslationConfig, splits: Splits[Pair] | None) -> Iterator[str]:
        """Blank sides, pairs that are hardly translations of each other, and what cannot be read."""
        yield from pair_faults(config.data, config.training.seed, refused=splits is None)

    def words(self, example: Pair) -> Sequence[str]:
        """The source's words and signs."""
        return split_words(example.src)

    def input_column(self, config: TranslationConfig) -> str:
        """The column of sources."""
        return config.data.src_column or config.data.src_lang

    def fit(
        self, config: TranslationConfig, train: Sequence[Pair], others: Sequence[Pair] = ()
    ) -> TranslationPipeline:
        """A pipeline with vocabularies learned from `train`."""
        from .pipeline import fit

        return fit(config, train)

    def load(self, config: TranslationConfig, folder: Path) -> TranslationPipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import load

        return load(config, folder)


def _sample() -> Splits[Pair]:
    from .sample import make_sample

    splits = {name: [Pair(*pair) for pair in pairs] for name, pairs in make_sample().items()}
    return Splits.of(splits, "built-in sample")
