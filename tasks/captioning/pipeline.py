"""Captioning at work: see, number, decode, score."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqkit.data.batch import Batch, pad
from seqkit.data.codecs import Codec, build_codec, load_codec
from seqkit.data.vocabulary import Vocabulary
from seqkit.errors import ConfigError, DataError
from seqkit.files import cache_folder
from seqkit.generation import Generator
from seqkit.metrics import cider_d, corpus_bleu, rouge_l, tokenize_caption
from seqkit.metrics.bootstrap import Tallies
from seqkit.metrics.cider import CiderD
from seqkit.nn import EncoderDecoder, TokenEmbedding
from seqkit.nn.build import build_decoder
from seqkit.pipeline import Judgement, Pipeline, Scores
from seqkit.prediction import Prediction
from seqkit.report import Part, Pictures
from seqkit.transfer import Pretrained

from .backbone import SMALL_CNN, Backbone, build_backbone
from .captions import CaptionedPicture
from .config import CaptioningConfig, CaptioningModel
from .extraction import cache_key, picture_transform
from .features import FrozenFeatures
from .network import PictureEncoder, Seen
from .pictures import check_size, load_pictures, open_picture

BOS, EOS = Vocabulary.bos_idx, Vocabulary.eos_idx
SIGNATURE = (
    "CIDEr-D (sigma 6, times 10), BLEU-1..4 (closest reference length), ROUGE-L (beta 1.2) over lower-cased words "
    "without punctuation, as the COCO tools cut them"
)


@dataclass(frozen=True)
class Item:
    """A picture's file and its captions as ids between both marks."""

    path: Path
    captions: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class PictureBatch:
    """Pictures and all their captions.

    Attributes:
        seen: The pictures, one a row.
        captions: int64 [captions, len]; empty where there are none.
        rows: The picture of each caption, int64 [captions].
    """

    seen: Seen
    captions: Batch
    rows: Tensor

    def to(self, device: torch.device) -> PictureBatch:
        """The batch on that device."""
        return PictureBatch(self.seen.to(device), self.captions.to(device), self.rows.to(device))


class CaptioningPipeline(Generator[CaptionedPicture, Item, PictureBatch]):
    """Picture -> backbone -> decoder -> words.

    Where the backbone stays as it is, its features are computed once: into a cache on disk while training and
    scoring (`fixed_features`), on the fly while predicting.

    Args:
        config: Settings.
        codec: Cuts captions and numbers the units.
        backbone: What sees.
        frozen: Whether the backbone stays as it is.
    """

    def __init__(
        self, config: CaptioningConfig, codec: Codec, backbone: Backbone, *, frozen: bool
    ) -> None:
        super().__init__(config, _build_model(config, len(codec), backbone), {"target": codec})
        self.backbone = backbone
        self.frozen = frozen
        self.transform = picture_transform(backbone)
        self.features = FrozenFeatures(backbone)
        self.mirrored = FrozenFeatures(backbone, mirrored=True)
        self._cider: CiderD | None = None
        self._to_mirror: list[Path] = []
        if frozen:
            backbone.requires_grad_(False)

    def save(self, folder: Path) -> None:
        self.codecs["target"].save(folder, "captions")

    def fixed_features(
        self, inputs: Iterable[Any], on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Computes and keeps the features of pictures that are not in the cache yet."""
        if not self.frozen:
            return
        folder = Path(self.config.data.cache or cache_folder() / "features")
        self.features.keep([Path(raw) for raw in inputs], folder, on_progress)
        if self._to_mirror:
            self.mirrored.keep(self._to_mirror, folder, on_progress)

    def encode(self, example: CaptionedPicture) -> Item:
        codec, limit = self.codecs["target"], self.config.data.max_tokens or None
        ids = (codec.encode(_plain(caption))[:limit] for caption in example.captions)
        return Item(example.path, tuple((BOS, *caption, EOS) for caption in ids))

    def encode_input(self, raw: Any) -> Item:
        if not isinstance(raw, (str, Path)):
            raise DataError(
                f"Captioning reads files of pictures, got {type(raw).__name__}: {raw!r}."
            )
        check_size(Path(raw), self.limits.max_pixels)
        return Item(Path(raw))

    def raw_input(self, example: CaptionedPicture) -> str:
        return str(example.path)

    def length(self, item: Item) -> int:
        """1: pictures stay mixed, since batch norm must not see those of long captions by themselves."""
        return 1

    def collate(self, items: Sequence[Item]) -> PictureBatch:
        captions = [caption for item in items for caption in item.captions]
        rows = [row for row, item in enumerate(items) for _ in item.captions]
        empty = Batch(torch.zeros(0, 1, dtype=torch.long), torch.zeros(0, dtype=torch.long))
        seen = self._seen([item.path for item in items])
        return PictureBatch(
            seen, pad(captions) if captions else empty, torch.tensor(rows, dtype=torch.long)
        )

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        if self.self_critical:
            return self.critical_loss(batch.seen, batch.captions, batch.rows)
        likelihood = self.model(batch.seen, batch.captions, batch.rows)
        return likelihood, (batch.captions.lengths - 1).sum()

    def prepare_training(self, train: Sequence[CaptionedPicture]) -> None:
        """Learns how rare words are in the training captions, which decides what a sampled caption is worth, and notes
        which pictures will be mirrored."""
        if self.config.data.mirror:
            self._to_mirror = [picture.path for picture in train]
        if self.config.training.self_critical:
            self._cider = CiderD([[_plain(c).split() for c in e.captions] for e in train])

    def rewards(self, texts: Sequence[str], references: Sequence[str]) -> list[float]:
        """CIDEr-D of each caption."""
        assert self._cider is not None
        known = [reference.split() for reference in references]
        return [self._cider.score(text.split(), known) for text in texts]

    def predict(self, items: Sequence[Item], batch: PictureBatch) -> list[Prediction]:
        limit = self.decoding.max_len
        return self.generate(
            batch.seen,
            limits=[limit] * len(items),
            row_ids=[zlib.crc32(os.fsencode(item.path)) for item in items],
            src_lengths=[self.backbone.num_positions] * len(items),
        )

    def score(
        self, examples: Sequence[CaptionedPicture], predictions: Sequence[Prediction]
    ) -> Scores:
        hypotheses = [tokenize_caption(p.output) for p in predictions]
        references = [
            [tokenize_caption(caption) for caption in example.captions] for example in examples
        ]
        bleu = corpus_bleu(hypotheses, references)
        values = {"cider": cider_d(hypotheses, references)[0]}
        values |= {f"bleu{n}": score for n, score in enumerate(bleu, start=1)}
        values["rouge_l"] = rouge_l(hypotheses, references)
        return Scores(values, SIGNATURE)

    def tallies(
        self, examples: Sequence[CaptionedPicture], predictions: Sequence[Prediction]
    ) -> Tallies:
        """Each picture's CIDEr-D, its n-grams weighed by how rare they are in all the references."""
        hypotheses = [tokenize_caption(p.output) for p in predictions]
        references = [[tokenize_caption(c) for c in example.captions] for example in examples]
        return Tallies.ratio(cider_d(hypotheses, references)[1], [1] * len(examples))

    def input_text(self, raw: Any) -> str:
        """The picture's name; where it lies does not matter."""
        return Path(raw).name

    def explain(self, item: Item, batch: PictureBatch, prediction: Prediction) -> list[Part]:
        """The picture, lit word by word where the decoder looked."""
        rows, columns = self.backbone.grid_size
        attention = prediction.detail.get("attention")
        picture = self.transform.cropped(open_picture(item.path))
        if not attention or self.config.model.features == "vector":
            about = "The network sees the picture as one vector: it cannot look at a part of it."
            return [Pictures("The picture", picture, [], [], about)]
        grids = [
            [word[row * columns : (row + 1) * columns] for row in range(rows)] for word in attention
        ]
        about = (
            "The picture as the network gets it, then bright where the decoder looked when it wrote each word; it sees "
            f"{rows} x {columns} places."
        )
        return [
            Pictures("Attention, word by word", picture, prediction.detail["tokens"], grids, about)
        ]

    def judge(self, example: CaptionedPicture, prediction: Prediction) -> Judgement:
        return self.judge_against(prediction, [_plain(caption) for caption in example.captions])

    def ensemble_with(
        self, others: Sequence[Pipeline[CaptionedPicture, Item, PictureBatch]]
    ) -> None:
        for other in others:
            if isinstance(other, CaptioningPipeline) and other._sight() != self._sight():
                raise ConfigError(
                    "An ensemble needs one backbone, frozen in all runs or trained in all of them."
                )
        super().ensemble_with(others)

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """Pretrained weights that are trained on have a learning rate of their own."""
        if self.frozen or not self.backbone.pretrained:
            return super().parameter_groups(lr)
        seeing = set(self.backbone.parameters())
        telling = [p for p in self.model.parameters() if p not in seeing]
        return [
            {"params": telling, "lr": lr},
            {"params": list(self.backbone.parameters()), "lr": self.config.model.backbone_lr},
        ]

    def summary(self) -> dict[str, Any]:
        rows, columns = self.backbone.grid_size
        size = f"{rows} x {columns} places of {self.backbone.feature_size} features"
        state = "frozen" if self.frozen else "trained"
        return {
            "vocabulary": len(self.codecs["target"]),
            "backbone": f"{self.backbone.name}, {state}, {size}",
        }

    def _sight(self) -> tuple[object, ...]:
        """Equal for pipelines whose networks take the same pictures or features."""
        return self.frozen, cache_key(self.backbone) if self.frozen else self.transform

    def _seen(self, paths: Sequence[Path]) -> Seen:
        """The pictures; in training with `data.mirror` each one's mirror image instead with probability 1/2."""
        swapped = torch.zeros(len(paths), dtype=torch.bool)
        if self.model.training and self.config.data.mirror:
            swapped = torch.rand(len(paths)) < 0.5
        if not self.frozen:
            pictures = load_pictures(paths, self.transform)
            return Seen(torch.where(swapped.view(-1, 1, 1, 1), pictures.flip(-1), pictures), None)
        features = self.features.of(paths)
        if swapped.any():
            features[swapped] = self.mirrored.of(
                [path for path, swap in zip(paths, swapped.tolist(), strict=True) if swap]
            )
        return Seen(None, features)


def fit(config: CaptioningConfig, train: Sequence[CaptionedPicture]) -> CaptioningPipeline:
    """A pipeline with the vocabulary of the training captions.

    Raises:
        ConfigError: if the backbone or its weights are not to be had.
    """
    data, model = config.data, config.model
    texts = [_plain(caption) for picture in train for caption in picture.captions]
    codec = build_codec(
        data.units, texts, vocab_size=data.vocab_size, min_count=data.min_count,
        keep=config.training.keep_tokens,
    )  # fmt: skip
    backbone = _build_backbone(config, model.weights)
    pipeline = CaptioningPipeline(config, codec, backbone, frozen=_is_frozen(config))
    if model.pretrained:
        embedding = pipeline.model.decoder.embedding
        pipeline.notes = [Pretrained.open(model.pretrained).start(embedding, codec.index())]
    return pipeline


def load(config: CaptioningConfig, folder: Path) -> CaptioningPipeline:
    """The pipeline that `CaptioningPipeline.save` wrote; the backbone's weights come with the run's.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    backbone = _build_backbone(config, None)
    return CaptioningPipeline(
        config, load_codec(folder, "captions"), backbone, frozen=_is_frozen(config)
    )


def _build_backbone(config: CaptioningConfig, weights: str | None) -> Backbone:
    model = config.model
    return build_backbone(model.backbone, weights, model.features == "grid", model.picture_size)


def _is_frozen(config: CaptioningConfig) -> bool:
    model = config.model
    return model.backbone != SMALL_CNN and model.weights is not None and not model.fine_tune


def _plain(caption: str) -> str:
    """A caption in the words that are scored: lower-case, without punctuation."""
    return " ".join(tokenize_caption(caption))


def _build_model(config: CaptioningConfig, vocab_size: int, backbone: Backbone) -> EncoderDecoder:
    """backbone -> projection -> decoder."""
    model = config.model
    source = PictureEncoder(backbone, model.hidden_size, model.dropout)
    scaled = model.cell != "transformer"  # a transformer scales its inputs itself
    embedding = TokenEmbedding(
        "learned", vocab_size, model.emb_size,
        scaled=scaled, init=model.init, dropout=model.embedding_dropout,
    )  # fmt: skip
    decoder = build_decoder(
        model.cell, embedding, model.hidden_size, model.num_layers,
        memory_size=source.output_size, state_size=source.output_size, state_layers=source.state_layers,
        attention=_attention(model), input_feeding=model.input_feeding,
        conditional=model.conditional, deep_output=model.deep_output,
        tied=model.tie, dropout=model.dropout, init=model.init, num_heads=model.num_heads,
    )  # fmt: skip
    return EncoderDecoder(source, decoder, model.label_smoothing, model.doubly_stochastic)


def _attention(model: CaptioningModel) -> str:
    """How the decoder sees the memory; one vector has all the attention, so that every output sees it."""
    alone = model.features == "vector" and model.attention != "none"
    return "dot" if alone else model.attention
