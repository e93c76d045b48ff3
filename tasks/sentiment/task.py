"""What sentiment is. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.tokens import split_words
from seqkit.task import Splits, Task

from .config import SentimentConfig
from .reading import ARCHIVES, Review, read_review_frame, read_reviews

if TYPE_CHECKING:
    from .pipeline import SentimentPipeline


class SentimentTask(Task[SentimentConfig, Review]):
    """Many-to-one: reads a text to its end and names its label."""

    name = "sentiment"
    shape = "many-to-one"
    summary = "text -> label"
    metric = "accuracy"
    example = "The plot is thin, but the music is wonderful."
    Config = SentimentConfig

    def read(self, config: SentimentConfig) -> Splits[Review]:
        """Tables (CSV, TSV, JSON lines), folders a label, or an archive of such folders; else the built-in sample."""
        return read_reviews(config.data, config.training.seed)

    def read_frame(self, config: SentimentConfig, frame: Any) -> Splits[Review]:
        """All rows of a DataFrame, as training data."""
        return read_review_frame(config.data, frame, config.training.seed)

    def faults(self, config: SentimentConfig, splits: Splits[Review] | None) -> Iterator[str]:
        """Texts without a word, and labels that differ in case or blanks alone."""
        if splits is None:
            return
        labels: dict[str, set[str]] = {}
        for name in ("train", "dev", "test"):
            for number, review in enumerate(getattr(splits, name), start=1):
                labels.setdefault(review.label.strip().lower(), set()).add(review.label)
                if not review.text.strip():
                    yield f"{splits.source}: {name} example {number}: the text is empty."
        for variants in labels.values():
            if len(variants) > 1:
                found = ", ".join(repr(label) for label in sorted(variants))
                yield f"{splits.source}: labels that differ in case or blanks alone: {found}."

    def words(self, example: Review) -> Sequence[str]:
        """Its words and signs, in lower case."""
        return split_words(example.text.lower())

    def labels(self, example: Review) -> Sequence[str]:
        """Its label."""
        return [example.label]

    def holds_splits(self, path: Path) -> bool:
        """Folders and archives of folders do."""
        return path.is_dir() or path.name.endswith(ARCHIVES)

    def input_column(self, config: SentimentConfig) -> str:
        """The column of texts."""
        return config.data.text_column

    def fit(
        self, config: SentimentConfig, train: Sequence[Review], others: Sequence[Review] = ()
    ) -> SentimentPipeline:
        """A pipeline with the vocabulary and labels of `train`."""
        from .pipeline import fit

        return fit(config, train, others)

    def load(self, config: SentimentConfig, folder: Path) -> SentimentPipeline:
        """The pipeline saved in `folder`."""
        from .pipeline import load

        return load(config, folder)
