"""Language models: text -> its next words. Torch-free until something is trained or loaded."""

from .config import LanguageConfig, LanguageData, LanguageModelConfig
from .task import LanguageTask

__all__ = ["LanguageConfig", "LanguageData", "LanguageModelConfig", "LanguageTask"]
