"""Captioning, one-to-many: picture -> sentence. Torch-free until something is trained or loaded."""

from .captions import CaptionedPicture
from .config import CaptioningConfig, CaptioningData, CaptioningModel
from .task import CaptioningTask

__all__ = [
    "CaptionedPicture",
    "CaptioningConfig",
    "CaptioningData",
    "CaptioningModel",
    "CaptioningTask",
]
