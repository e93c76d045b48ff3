"""Settings of captioning. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seqkit.config import Faults
from seqkit.decoding import DecodingOptions
from seqkit.settings import DataConfig, GeneratorConfig, GeneratorTraining, Schedule


@dataclass(frozen=True)
class CaptioningData(DataConfig):
    """Where pictures and captions come from and how captions are cut."""

    path: str | None = None
    """Captions as CSV, TSV or JSON lines, COCO or Karpathy JSON, or a folder in Flickr8k's layout."""
    train: str | None = None
    """File of captions to learn from, instead of `path`."""
    pictures: str | None = None
    """Folder of the pictures, where it is not beside the captions."""
    picture_column: str = "picture"
    """Column of a table, or key of a JSON line, that names the picture; a row for each caption."""
    caption_column: str = "caption"
    """Column or key that holds the caption."""
    units: Literal["word", "char", "bpe", "unigram"] = "word"
    """What a caption is cut into: words, characters, or sentencepiece units."""
    vocab_size: int = 10000
    """Units known at most, the most frequent ones (0: all words or characters, or 8,000 pieces)."""
    min_count: int = 1
    """Occurrences that a word or character needs to be known."""
    max_tokens: int = 40
    """Units kept of a longer training caption (0: all)."""
    mirror: bool = False
    """Whether training sees every other picture mirrored, by chance; not where captions tell left from right."""
    cache: str | None = None
    """Folder of picture features that are computed once (none: seqkit's own cache folder)."""

    def faults(self) -> Faults:
        faults = super().faults()
        for name in ("vocab_size", "max_tokens"):
            faults.at_least(self, name, 0)
        faults.at_least(self, "min_count", 1, "occurrence")
        return faults


@dataclass(frozen=True)
class CaptioningModel(GeneratorConfig):
    """The network: pictures -> convolutional backbone -> decoder with attention."""

    backbone: str = "small_cnn"
    """What sees: small_cnn (trained with the decoder), efficientnet_lite0, 1 or 2, or any classifier of torchvision."""
    weights: str | None = None
    """Pretrained weights of the backbone: a name such as DEFAULT, or a .safetensors or .pth file (none: untrained)."""
    picture_size: int = 0
    """Side of the pictures that it sees, in pixels (0: what it was designed for). Larger ones give more places."""
    features: Literal["grid", "vector"] = "grid"
    """A vector for each place, to attend to (show, attend and tell), or one for the picture, which starts the decoder
    and, unless attention is none, is seen at every step (show and tell)."""
    fine_tune: bool = False
    """Whether pretrained weights are trained on; otherwise features are computed once and kept."""
    backbone_lr: float = 1e-4
    """Learning rate of pretrained weights that are trained on."""
    hidden_size: int = 128
    """Units of each decoder layer (transformer: width of the layer)."""
    input_feeding: bool = True
    """Whether a step also reads what the step before made of its attention; a transformer ignores it."""
    dropout: float = 0.1
    """Share of values zeroed in training, on features, word vectors and before outputs (0 to 1)."""
    tie: bool = False
    """Whether word vectors and output projection are one table."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.above(self, "backbone_lr", 0)
        faults.at_least(self, "picture_size", 0)
        if self.doubly_stochastic and self.features == "vector":
            rule = "needs `model.features` to be grid, as one vector has all the attention"
            faults.add("doubly_stochastic", rule, self.doubly_stochastic)
        return faults


@dataclass(frozen=True)
class CaptioningTraining(GeneratorTraining):
    """How the network learns; an example is a picture with all its captions."""

    epochs: int = 12
    """Passes over the training pictures, at most."""
    lr: float = 3e-3
    """Learning rate at its highest."""
    schedule: Schedule = "linear"
    """How the learning rate changes: over all steps, or (plateau) halved when the dev metric stands still."""
    clip_norm: float = 5.0
    """Largest norm of the gradient; longer ones are scaled down (0: off)."""


@dataclass(frozen=True)
class CaptioningDecoding(DecodingOptions):
    """How captions are decoded."""

    beam_size: int = 3
    """Hypotheses kept for each caption; beam only. 1 gives the same as greedy."""
    max_len: int = 40
    """Most steps, in units, the end mark included; what has not ended by then is cut."""


@dataclass(frozen=True)
class CaptioningConfig:
    """Captioning: picture -> sentence."""

    data: CaptioningData = field(default_factory=CaptioningData)
    model: CaptioningModel = field(default_factory=CaptioningModel)
    training: CaptioningTraining = field(default_factory=CaptioningTraining)
    decoding: CaptioningDecoding = field(default_factory=CaptioningDecoding)
