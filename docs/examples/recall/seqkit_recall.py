"""Recall: letters in, the first of them out. How far back does a network remember?"""

import random
from dataclasses import dataclass, field

from seqkit.settings import CoreConfig, DataConfig, TrainingConfig
from seqkit.task import Splits, Task

KEYS, NOISE = "abcd", "uvwxyz"


@dataclass(frozen=True)
class RecallData(DataConfig):
    """What is made up."""

    length: int = 20
    """Letters of an example: one of abcd, and noise behind it."""


@dataclass(frozen=True)
class RecallConfig:
    """Settings: each is a flag, a key in YAML and a keyword in Python."""

    data: RecallData = field(default_factory=RecallData)
    model: CoreConfig = field(default_factory=lambda: CoreConfig(hidden_size=32, dropout=0.0))
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(lr=3e-3, patience=0))


class RecallTask(Task):
    """What `seqkit tasks` shows, and where examples come from. Torch is not loaded for that."""

    name, shape, metric, example = "recall", "many-to-one", "accuracy", "axyzzyxw"
    summary = "letters -> the first of them"
    Config = RecallConfig

    def read(self, config):
        """Made-up texts, always the same."""
        rng = random.Random(0)
        noise = config.data.length - 1
        texts = [rng.choice(KEYS) + "".join(rng.choices(NOISE, k=noise)) for _ in range(3000)]
        return Splits(texts[:2000], texts[2000:2500], texts[2500:], "made up")

    def fit(self, config, train, others=()):
        """A new network; nothing is learned from the texts beforehand."""
        from seqkit_recall_network import RecallPipeline

        return RecallPipeline(config)

    def load(self, config, folder):
        """The network whose weights come next."""
        return self.fit(config, ())
