"""Sentiment, many-to-one: text -> label. Torch-free until something is trained or loaded."""

from .config import SentimentConfig, SentimentData, SentimentModel
from .reading import Review
from .task import SentimentTask

__all__ = ["Review", "SentimentConfig", "SentimentData", "SentimentModel", "SentimentTask"]
