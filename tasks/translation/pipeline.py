"""Translation at work: cut, number, encode, decode, score."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqkit.data.batch import Batch, move, pad
from seqkit.data.codecs import Codec, PieceCodec, build_codec, load_codec, unit_names
from seqkit.data.vocabulary import Vocabulary
from seqkit.errors import ConfigError, DataError
from seqkit.generation import Generator, with_source_tokens
from seqkit.metrics.bootstrap import Tallies
from seqkit.metrics.translation import bleu_tallies, translation_scores
from seqkit.nn import Encoder, EncoderDecoder, SourceEncoder, TokenEmbedding
from seqkit.nn.build import build_decoder
from seqkit.pipeline import Judgement, Pipeline, Scores
from seqkit.prediction import Alternative, Prediction
from seqkit.transfer import Pretrained

from .config import TranslationConfig, TranslationModel
from .reading import Pair

BOS, EOS = Vocabulary.bos_idx, Vocabulary.eos_idx


@dataclass(frozen=True)
class Item:
    """A source as ids up to its end mark, and its translation between both marks where it has one."""

    src: list[int] | np.ndarray
    tgt: list[int] | np.ndarray = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class PairBatch:
    """Sources, int64 [batch, src_len], and targets, int64 [batch, tgt_len]."""

    src: Batch
    tgt: Batch

    def to(self, device: torch.device) -> PairBatch:
        """The batch on that device."""
        return move(self, device)


class TranslationPipeline(Generator[Pair, Item, PairBatch]):
    """Text -> ids -> encoder -> decoder -> ids -> text.

    Args:
        config: Settings.
        codecs: `source` and `target`; the same one for both in a joint vocabulary.
    """

    def __init__(self, config: TranslationConfig, codecs: Mapping[str, Codec]) -> None:
        sizes = len(codecs["source"]), len(codecs["target"])
        super().__init__(config, _build_model(config, *sizes), codecs)

    def save(self, folder: Path) -> None:
        if self.config.data.joint:
            self.codecs["source"].save(folder, "joint")
            return
        for name, codec in self.codecs.items():
            codec.save(folder, name)

    def encode(self, example: Pair) -> Item:
        target = self.codecs["target"].encode(example.tgt)
        return Item(self._source_ids(example.src), [BOS, *target, EOS])

    def encode_anew(self, examples: Sequence[Pair], epoch: int) -> list[Item] | None:
        """With `data.bpe_dropout`, every epoch cuts the sentences in another way."""
        if not self.config.data.bpe_dropout:
            return None
        sources = self._drawn("source", [pair.src for pair in examples], 2 * epoch)
        targets = self._drawn("target", [pair.tgt for pair in examples], 2 * epoch + 1)
        return [
            Item(self._read_order(src), [BOS, *tgt, EOS])
            for src, tgt in zip(sources, targets, strict=True)
        ]

    def encoding(self) -> object:
        identities = [codec.identity() for codec in self.codecs.values()]
        return identities, self.config.data.reverse_source

    def pack(self, item: Item) -> list[int]:
        return [len(item.src), *item.src, *item.tgt]

    def unpack(self, row: np.ndarray) -> Item:
        end = 1 + int(row[0])
        return Item(row[1:end], row[end:])

    def encode_input(self, raw: Any) -> Item:
        if not isinstance(raw, str):
            raise DataError(f"Translation reads texts, got {type(raw).__name__}: {raw!r}.")
        return Item(self._source_ids(raw))

    def raw_input(self, example: Pair) -> str:
        return example.src

    def length(self, item: Item) -> int:
        return max(len(item.src), len(item.tgt))

    def collate(self, items: Sequence[Item]) -> PairBatch:
        return PairBatch(pad([item.src for item in items]), pad([item.tgt for item in items]))

    def loss(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        if self.self_critical:
            rows = torch.arange(len(batch.tgt), device=batch.tgt.values.device)
            return self.critical_loss(batch.src, batch.tgt, rows)
        return self.model(batch.src, batch.tgt), (batch.tgt.lengths - 1).sum()

    def predict(self, items: Sequence[Item], batch: PairBatch) -> list[Prediction]:
        answers = self.generate(
            batch.src,
            limits=[2 * len(item.src) + 10 for item in items],
            row_ids=[zlib.crc32(str(item.src).encode()) for item in items],
            src_lengths=[len(item.src) for item in items],
        )
        return [self._completed(*pair) for pair in zip(items, answers, strict=True)]

    def score(self, examples: Sequence[Pair], predictions: Sequence[Prediction]) -> Scores:
        outputs, references = [p.output for p in predictions], [[e.tgt] for e in examples]
        data = self.config.data
        scores = translation_scores(outputs, references, data.lowercase, data.tgt_lang)
        values = {
            "bleu": scores.bleu, "bleu_tokenized": scores.bleu_tokenized, "chrf": scores.chrf
        }  # fmt: skip
        return Scores(values, scores.signature)

    def tallies(self, examples: Sequence[Pair], predictions: Sequence[Prediction]) -> Tallies:
        outputs, references = [p.output for p in predictions], [[e.tgt] for e in examples]
        return bleu_tallies(outputs, references, self.config.data.lowercase)

    def step_names(self, item: Item) -> list[str]:
        return unit_names(self.codecs["source"], item.src)

    def judge(self, example: Pair, prediction: Prediction) -> Judgement:
        return self.judge_against(prediction, [example.tgt])

    def ensemble_with(self, others: Sequence[Pipeline[Pair, Item, PairBatch]]) -> None:
        reverse = self.config.data.reverse_source
        if any(other.config.data.reverse_source != reverse for other in others):
            raise ConfigError("An ensemble needs runs with the same `data.reverse_source`.")
        super().ensemble_with(others)

    def summary(self) -> dict[str, Any]:
        data = self.config.data
        languages = f"{data.src_lang} -> {data.tgt_lang}"
        if data.joint:
            return {"languages": languages, "joint vocabulary": len(self.codecs["source"])}
        sizes = {f"{name} vocabulary": len(codec) for name, codec in self.codecs.items()}
        return {"languages": languages, **sizes}

    def _source_ids(self, text: str) -> list[int]:
        return self._read_order(self.codecs["source"].encode(text))

    def _read_order(self, ids: list[int]) -> list[int]:
        """A source's ids as the encoder reads them, with the end mark."""
        return [*(reversed(ids) if self.config.data.reverse_source else ids), EOS]

    def _drawn(self, side: str, texts: Sequence[str], number: int) -> list[list[int]]:
        """Ids of texts by BPE-dropout; `number` tells sides and epochs apart."""
        codec = self.codecs[side]
        assert isinstance(codec, PieceCodec)
        seed = zlib.crc32(f"{self.config.training.seed} {number}".encode())
        return codec.encode_with_dropout(texts, self.config.data.bpe_dropout, seed)

    def _completed(self, item: Item, answer: Prediction) -> Prediction:
        if item.src == [EOS]:  # nothing to translate; a network would make something up
            detail = {"normalized_score": 0.0, "tokens": []}
            return Prediction(None, "", 0.0, 1.0, [Alternative("", 0.0, 1.0)], detail)
        return with_source_tokens(answer, self.step_names(item))


def fit(config: TranslationConfig, train: Sequence[Pair]) -> TranslationPipeline:
    """A pipeline with vocabularies learned from the training pairs.

    Raises:
        DataError: if sentencepiece cannot learn from them.
    """
    sources, targets = [pair.src for pair in train], [pair.tgt for pair in train]
    if config.data.joint:
        joint = _build_codec(config, sources + targets)
        codecs = {"source": joint, "target": joint}
    else:
        codecs = {"source": _build_codec(config, sources), "target": _build_codec(config, targets)}
    pipeline = TranslationPipeline(config, codecs)
    if config.model.pretrained:
        source = pipeline.model.source
        assert isinstance(source, SourceEncoder) and isinstance(source.embedding, TokenEmbedding)
        pretrained, units = Pretrained.open(config.model.pretrained), codecs["source"].index()
        pipeline.notes = [pretrained.start(source.embedding, units, source.encoder)]
    return pipeline


def load(config: TranslationConfig, folder: Path) -> TranslationPipeline:
    """The pipeline that `TranslationPipeline.save` wrote.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    if config.data.joint:
        joint = load_codec(folder, "joint")
        return TranslationPipeline(config, {"source": joint, "target": joint})
    return TranslationPipeline(
        config, {name: load_codec(folder, name) for name in ("source", "target")}
    )


def _build_codec(config: TranslationConfig, texts: Sequence[str]) -> Codec:
    data = config.data
    return build_codec(
        data.units, texts, vocab_size=data.vocab_size, min_count=data.min_count,
        lowercase=data.lowercase, joined=True, keep=config.training.keep_tokens,
    )  # fmt: skip


def _build_model(config: TranslationConfig, src_size: int, tgt_size: int) -> EncoderDecoder:
    """embedding -> encoder -> decoder, with as many tables shared as `model.tie` says."""
    model = config.model
    tgt_embedding = _build_embedding(model, tgt_size)
    joined = model.tie == "three_way"
    src_embedding = tgt_embedding if joined else _build_embedding(model, src_size)
    encoder = Encoder(
        model.cell, model.emb_size, model.hidden_size, model.num_layers,
        bidirectional=model.bidirectional, **model.encoder_options,
    )  # fmt: skip
    decoder = build_decoder(
        model.cell, tgt_embedding, model.decoder_size or encoder.output_size,
        model.decoder_layers or model.num_layers,
        memory_size=encoder.output_size, state_size=encoder.output_size,
        state_layers=encoder.state_layers, attention=model.attention,
        input_feeding=model.input_feeding, conditional=model.conditional,
        deep_output=model.deep_output, tied=model.tie != "none", dropout=model.dropout,
        init=model.init, num_heads=model.num_heads,
    )  # fmt: skip
    source = SourceEncoder(src_embedding, encoder)
    return EncoderDecoder(source, decoder, model.label_smoothing, model.doubly_stochastic)


def _build_embedding(model: TranslationModel, vocab_size: int) -> TokenEmbedding:
    """A table of vectors; a transformer scales them itself."""
    scaled = model.cell != "transformer"
    return TokenEmbedding(
        "learned", vocab_size, model.emb_size,
        scaled=scaled, init=model.init, dropout=model.embedding_dropout,
    )  # fmt: skip
