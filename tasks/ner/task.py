"""What named entities are and how their data is read. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.splits import complete, read_splits, split_files
from seqkit.data.tag_schemes import bio_spans
from seqkit.task import Splits, Task

from .config import NerConfig
from .faults import column_faults
from .reading import Sentence, is_columns, read_file, read_frame, read_tokens

if TYPE_CHECKING:
    from .pipeline import NerPipeline

COLUMNS = (".conll", ".bio", ".iob", ".iob2", ".bioes")
"""Endings of files that hold a token a line, also as inputs without tags."""


class NerTask(Task[NerConfig, Sentence]):
    """Many-to-many in step: gives each token a tag, and reads entities off the tags."""

    name = "ner"
    shape = "many-to-many (synced)"
    summary = "text -> named entities"
    metric = "f1"
    example = "Last year Charlotte married a dentist in Milan."
    Config = NerConfig

    def read(self, config: NerConfig) -> Splits[Sentence]:
        """CoNLL columns, CSV or JSON lines; else the built-in sample."""
        data = config.data
        if data.names_nothing:
            return _sample()
        return read_splits(data, lambda file: read_file(file, data), seed=config.training.seed)

    def read_frame(self, config: NerConfig, frame: Any) -> Splits[Sentence]:
        """All sentences of a DataFrame as training data."""
        splits = Splits(train=read_frame(frame, config.data), source="DataFrame")
        return complete(splits, config.data.dev_fraction, config.training.seed)

    def faults(self, config: NerConfig, splits: Splits[Sentence] | None) -> Iterator[str]:
        """Every faulty line of CoNLL columns."""
        if config.data.names_nothing:
            return
        files = [f for f in split_files(config.data).values() if is_columns(f)]
        yield from column_faults(files, config.data)

    def words(self, example: Sentence) -> Sequence[str]:
        """Its tokens."""
        return example.tokens

    def labels(self, example: Sentence) -> Sequence[str]:
        """The types of its entities."""
        return [span.label for span in bio_spans(example.tags)]

    def input_column(self, config: NerConfig) -> str:
        """The column of texts."""
        return config.data.text_column

    def inputs(self, path: Path) -> Iterable[Any]:
        """A text a line; of a file of columns (`.conll`, `.bio`, ...) the tokens of each sentence."""
        if path.name.lower().removesuffix(".gz").endswith(COLUMNS):
            return read_tokens(path)
        return super().inputs(path)

    def fit(
        self, config: NerConfig, train: Sequence[Sentence], others: Sequence[Sentence] = ()
    ) -> NerPipeline:
        """A pipeline with the words, characters and types of `train`."""
        from .pipeline import fit

        return fit(config, train, others)

    def load(self, config: NerConfig, folder: Path) -> NerPipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import load

        return load(config, folder)


def _sample() -> Splits[Sentence]:
    from .sample import make_sample

    splits = {
        name: [Sentence(tuple(tokens), tuple(tags)) for tokens, tags in sentences]
        for name, sentences in make_sample().items()
    }
    return Splits.of(splits, "built-in sample")
