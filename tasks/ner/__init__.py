"""Named entities, many-to-many in step: tokens -> as many tags -> entities. Torch-free until trained or loaded."""

from .config import NerConfig, NerData, NerModel, NerTraining
from .reading import Sentence
from .task import NerTask

__all__ = ["NerConfig", "NerData", "NerModel", "NerTask", "NerTraining", "Sentence"]
