"""Translation, many-to-many: sentence -> sentence. Torch-free until something is trained or loaded."""

from .config import TranslationConfig, TranslationData, TranslationModel, TranslationTraining
from .task import TranslationTask

__all__ = [
    "TranslationConfig",
    "TranslationData",
    "TranslationModel",
    "TranslationTask",
    "TranslationTraining",
]
