"""What a task must say of itself, before torch is imported.

A task is a torch-free description: its name, its settings, how its data is read. The live parts (vocabularies,
network, decoding, metric) are its `Pipeline`, made by `fit` or `load` when they are needed.
"""

from __future__ import annotations

import importlib.resources
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from seqkit.config import read_yaml
from seqkit.errors import ConfigError, DataError, UnknownNameError

if TYPE_CHECKING:
    from importlib.abc import Traversable

    from seqkit.pipeline import Pipeline

ConfigT = TypeVar("ConfigT")
ExampleT = TypeVar("ExampleT")


@dataclass(frozen=True)
class Splits(Generic[ExampleT]):
    """Labelled examples by split.

    Attributes:
        train, dev, test: Examples; a split that the source lacks is empty.
        source: Where they come from, for people.
        notes: What the reader wants to be known, such as pairs left out.
    """

    train: Sequence[ExampleT] = ()
    dev: Sequence[ExampleT] = ()
    test: Sequence[ExampleT] = ()
    source: str = ""
    notes: Sequence[str] = field(default_factory=tuple)

    @classmethod
    def of(
        cls, parts: Mapping[str, Sequence[ExampleT]], source: str, notes: Sequence[str] = ()
    ) -> Splits[ExampleT]:
        """Splits from a mapping of some of `train`, `dev` and `test`."""
        train, dev, test = (parts.get(name, ()) for name in ("train", "dev", "test"))
        return cls(train, dev, test, source, notes)

    def get(self, name: str) -> Sequence[ExampleT]:
        """The split of that name.

        Raises:
            UnknownNameError: if it is not train, dev or test.
            DataError: if the source has no examples for it.
        """
        if name not in ("train", "dev", "test"):
            raise UnknownNameError("split", name, ("train", "dev", "test"))
        examples: Sequence[ExampleT] = getattr(self, name)
        if not examples:
            have = [n for n in ("train", "dev", "test") if getattr(self, n)]
            raise DataError(f"{self.source}: no {name} split; found {', '.join(have) or 'none'}.")
        return examples


class Task(ABC, Generic[ConfigT, ExampleT]):
    """One shape of recurrent network at work on one kind of data."""

    name: ClassVar[str]
    """What the user types."""
    shape: ClassVar[str]
    """many-to-one, one-to-many, many-to-many, or many-to-many (synced)."""
    summary: ClassVar[str]
    """One line: what goes in, what comes out."""
    metric: ClassVar[str]
    """Key of the score that selects the best epoch; higher is better."""
    example: ClassVar[str]
    """An input that a first `seqkit predict` can be tried with; empty where a text makes no sense."""
    pretrains: ClassVar[bool] = False
    """Whether other tasks can start from its runs; `seqkit pretrain` then trains it."""
    Config: type[ConfigT]
    """Frozen dataclass of sections: `data` (a DataConfig), `model` (a CoreConfig), `training`, and your own."""

    @abstractmethod
    def read(self, config: ConfigT) -> Splits[ExampleT]:
        """The labelled data that `config.data` names, or the built-in sample where it names none."""

    @abstractmethod
    def fit(
        self, config: ConfigT, train: Sequence[ExampleT], others: Sequence[ExampleT] = ()
    ) -> Pipeline[Any, Any, Any]:
        """A pipeline with vocabularies learned from `train` and an untrained network.

        `others` are the examples that will be scored. Nothing may be learned from them; but where word vectors come
        from a file, their words may be looked up there too.
        """

    @abstractmethod
    def load(self, config: ConfigT, folder: Path) -> Pipeline[Any, Any, Any]:
        """The pipeline whose preprocessing was saved in `folder`, its network's weights still to come."""

    def read_frame(self, config: ConfigT, frame: Any) -> Splits[ExampleT]:
        """The labelled data in a pandas DataFrame.

        Raises:
            ConfigError: if the task takes none.
        """
        raise ConfigError(f"{self.name}: takes no DataFrame; give a path.")

    def input_column(self, config: ConfigT) -> str:
        """Column of a DataFrame that holds the inputs to answer."""
        return "text"

    def other_data(self, path: Path) -> dict[str, Any]:
        """Values of `config.data` for other data of the same format: a folder as a whole, a file as its test split."""
        values: dict[str, Any] = {"path": None, "train": None, "dev": None, "test": None}
        return {**values, "path" if self.holds_splits(path) else "test": str(path)}

    def holds_splits(self, path: Path) -> bool:
        """Whether a path stands for several splits; the default is that folders do."""
        return path.is_dir()

    def expand(self, argument: str) -> Iterable[Any]:
        """The inputs that one argument of `predict` stands for; the default is the argument itself."""
        return [argument]

    def inputs(self, path: Path) -> Iterable[Any]:
        """Unlabelled inputs of `predict --input PATH`, one by one; the default is a line each."""
        from seqkit.data.readers import iter_lines

        return iter_lines(path)

    def faults(self, config: ConfigT, splits: Splits[ExampleT] | None) -> Iterator[str]:
        """What is wrong with the data that `config.data` names, a sentence each with its file and line.

        The default is nothing beside what `read` refuses; a task that reads on after a fault finds more.

        Args:
            config: Settings.
            splits: What `read` gave; None where it refused, which is told if no fault is found here.
        """
        return iter(())

    def words(self, example: ExampleT) -> Sequence[str]:
        """The words of an example's input, to be counted; the default is none."""
        return ()

    def labels(self, example: ExampleT) -> Sequence[str]:
        """What the example is labelled with, to be counted; the default is nothing."""
        return ()

    def recipe_names(self) -> list[str]:
        """Names of the settings files that come with the task."""
        folder = self._recipe_folder()
        if folder is None or not folder.is_dir():
            return []
        return sorted(p.name[: -len(".yaml")] for p in folder.iterdir() if p.name.endswith(".yaml"))

    def recipe(self, name: str) -> dict[str, Any]:
        """The settings of one recipe.

        Raises:
            UnknownNameError: if the task has no such recipe.
        """
        return {key: value for key, value in self._recipe_file(name).items() if key != "needs"}

    def recipe_needs(self, name: str) -> dict[str, dict[str, str]]:
        """The public files that a recipe is for, by setting, see `recipes.py`."""
        needs: dict[str, dict[str, str]] = self._recipe_file(name).get("needs", {})
        return needs

    def _recipe_file(self, name: str) -> dict[str, Any]:
        folder = self._recipe_folder()
        if folder is None or name not in self.recipe_names():
            raise UnknownNameError(f"recipe of {self.name}", name, self.recipe_names())
        with importlib.resources.as_file(folder / f"{name}.yaml") as path:
            return read_yaml(path)

    def _recipe_folder(self) -> Traversable | None:
        """`recipes` in the package that defines the task; None where a module outside any package does."""
        package = sys.modules[type(self).__module__].__package__
        return importlib.resources.files(package) / "recipes" if package else None


def split_off(
    examples: Sequence[ExampleT], share: float, seed: int
) -> tuple[list[ExampleT], list[ExampleT]]:
    """(rest, drawn): a share of the examples drawn at random, at least one, both in their old order."""
    import random

    count = max(1, round(len(examples) * share))
    drawn = set(random.Random(seed).sample(range(len(examples)), min(count, len(examples) - 1)))
    rest = [e for i, e in enumerate(examples) if i not in drawn]
    return rest, [e for i, e in enumerate(examples) if i in drawn]
