"""What the tasks that answer with sentences share: decoding, ensembles, scheduled sampling."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.config import from_dict, merge, to_dict
from seqkit.data.batch import Batch, pad
from seqkit.data.codecs import Codec, unit_names
from seqkit.data.vocabulary import Vocabulary
from seqkit.decoding import (
    DecodingOptions,
    Ensemble,
    EnsembleState,
    Hypothesis,
    SpecialIds,
    StepModel,
    decode,
)
from seqkit.decoding.risk import expected_agreement, profile, sentence_chrf
from seqkit.errors import ConfigError
from seqkit.nn.captured import Captured
from seqkit.nn.models import EncoderDecoder
from seqkit.pipeline import BatchT, ExampleT, ItemT, Judgement, Pipeline
from seqkit.prediction import Alternative, Prediction
from seqkit.report import Grid, Part
from seqkit.settings import GeneratorConfig, GeneratorTraining
from seqkit.training.schedules import sampling_probability

NBEST = 5
"""Answers that an explanation shows at most."""
IDS = SpecialIds(Vocabulary.pad_idx, Vocabulary.bos_idx, Vocabulary.eos_idx, Vocabulary.unk_idx)
"""The ids of the special units, the same in every codec."""


class Generator(Pipeline[ExampleT, ItemT, BatchT]):
    """A pipeline whose network is an encoder and a decoder, and whose answers are sentences.

    Args:
        config: Settings with the sections `model`, a `GeneratorConfig`, and `decoding`.
        model: The network.
        codecs: By name, what cuts texts into units; `target` is the one of the sentences produced.

    Attributes:
        decoding: The decoding settings as `set_decoding` left them.
        return_attention: Whether answers tell where the decoder looked.
    """

    model: EncoderDecoder

    def __init__(self, config: Any, model: EncoderDecoder, codecs: Mapping[str, Codec]) -> None:
        self.config = config
        self.model = model
        self.codecs = dict(codecs)
        self.decoding: DecodingOptions = config.decoding
        self.return_attention = False
        self._others: list[EncoderDecoder] = []
        self._steps: dict[EncoderDecoder, StepModel[Any]] = {}
        self._epoch = 1

    def before_epoch(self, epoch: int) -> None:
        """Notes the epoch, which decides whether training is self-critical."""
        self._epoch = epoch

    @property
    def self_critical(self) -> bool:
        """Whether the loss is about sampled sentences now."""
        training: GeneratorTraining = self.config.training
        return (
            self.model.training
            and training.self_critical > 0
            and self._epoch >= training.self_critical_start
        )

    @property
    def learns_stepwise(self) -> bool:
        model: GeneratorConfig = self.config.model
        decoder = model.input_feeding or model.conditional or model.sampling != "none"
        return decoder or self.config.training.self_critical > 0

    def before_step(self, step: int) -> None:
        """Sets how often the decoder reads its own choice in this step (scheduled sampling)."""
        model: GeneratorConfig = self.config.model
        if model.sampling != "none":
            self.model.sampling_prob = sampling_probability(
                model.sampling, step, model.sampling_start, model.sampling_end, model.sampling_steps
            )

    def set_decoding(self, changes: dict[str, Any]) -> None:
        """Changes decoding settings, and whether answers hold `attention`.

        A beam narrower than the `nbest` asked for is widened to it.

        Raises:
            ConfigError: if a setting is unknown or its value is not allowed.
        """
        changes = dict(changes)
        self.return_attention = bool(changes.pop("attention", self.return_attention))
        nbest = changes.get("nbest")
        beam_size = changes.get("beam_size", self.decoding.beam_size)
        if isinstance(nbest, int) and isinstance(beam_size, int):
            changes["beam_size"] = max(nbest, beam_size)
        now = {**to_dict(self.config), "decoding": to_dict(self.decoding)}
        config = from_dict(type(self.config), merge(now, {"decoding": changes}))
        self.decoding = config.decoding

    def settle(self) -> None:
        """On a GPU steps of the decoder are recorded from now on; the weights must stay where they are."""
        device = next(self.model.parameters()).device
        if device.type == "cuda":
            self._steps = {n: Captured(n, device) for n in (self.model, *self._others)}

    def ensemble_with(self, others: Sequence[Pipeline[ExampleT, ItemT, BatchT]]) -> None:
        """Answers from now on by the mean of the probabilities of all these networks.

        Raises:
            ConfigError: if a vocabulary differs.
        """
        for other in others:
            if not isinstance(other, Generator):
                raise ConfigError("An ensemble needs networks that all generate sentences.")
            for name, codec in self.codecs.items():
                if codec.identity() != other.codecs[name].identity():
                    raise ConfigError(
                        f"An ensemble needs one {name} vocabulary, but those of the runs differ; "
                        "train them on the same data with the same `data` settings."
                    )
        self._others = [other.model.eval() for other in others if isinstance(other, Generator)]

    def generate(
        self,
        src: Any,
        *,
        limits: Sequence[int],
        row_ids: Sequence[int],
        src_lengths: Sequence[int],
    ) -> list[Prediction]:
        """An answer for each row of a source batch, `input` still to be filled in.

        Args:
            src: What the network's `start` takes.
            limits: Most steps of each row, the end mark included, beside `decoding.max_len`.
            row_ids: A number for each row that its random choices depend on, where it is sampled.
            src_lengths: Real steps of each row's memory, to cut the attention to.
        """
        model, state = self._starting(src)
        device = next(self.model.parameters()).device
        options = self.decoding
        if options.method == "mbr":
            options = dataclasses.replace(
                options, nbest=options.mbr_samples, seed=options.seed or 0
            )
        rows = decode(
            model, state, len(limits), IDS, options, self.return_attention,
            max_lens=limits, row_ids=row_ids, device=device,
        )  # fmt: skip
        if options.method == "mbr":
            rows = [self._least_risky(hypotheses) for hypotheses in rows]
        return [
            sentence_prediction(hypotheses, self.codecs["target"], src_len)
            for hypotheses, src_len in zip(rows, src_lengths, strict=True)
        ]

    def _starting(self, src: Any) -> tuple[StepModel[Any], Any]:
        """(what scores the next unit, its state before the first): the network, or the ensemble that it is part of."""
        networks = [self.model, *self._others]
        steps = [self._steps.get(network, network) for network in networks]
        states = [network.start(src) for network in networks]
        if not self._others:
            return steps[0], states[0]
        return Ensemble(steps), EnsembleState(tuple(states))

    def predict_in_full(self, items: Sequence[ItemT], batch: BatchT) -> list[Prediction]:
        """As `predict`, with the attention, and all answers of the beam."""
        before = self.decoding, self.return_attention
        wide = self.decoding.beam_size if self.decoding.method == "beam" else 1
        nbest = max(self.decoding.nbest, min(NBEST, wide))
        self.decoding, self.return_attention = dataclasses.replace(before[0], nbest=nbest), True
        try:
            return self.predict(items, batch)
        finally:
            self.decoding, self.return_attention = before

    def explain(self, item: ItemT, batch: BatchT, prediction: Prediction) -> list[Part]:
        """Where the decoder looked, where it has attention and the columns have names."""
        detail = prediction.detail
        if not detail.get("attention") or "src_tokens" not in detail:
            return []
        about = (
            "Where the decoder looked (columns) when it wrote each unit (rows). Each row sums to 1."
        )
        rows, columns = detail["tokens"], detail["src_tokens"]
        return [Grid("Attention", detail["attention"], rows, columns, about, "written", "read")]

    def judge_against(self, prediction: Prediction, references: Sequence[str]) -> Judgement:
        """Sentence chrF, 0 to 1, against the best of the references."""
        ours = profile(prediction.output)
        scores = [sentence_chrf(ours, profile(reference)) for reference in references]
        best = max(range(len(scores)), key=scores.__getitem__)
        return Judgement(references[best], prediction.output, scores[best])

    def rewards(self, texts: Sequence[str], references: Sequence[str]) -> list[float]:
        """How good each of some sampled sentences is, given the references of their source; the default is chrF."""
        known = [profile(reference) for reference in references]
        return [max(sentence_chrf(profile(text), other) for other in known) for text in texts]

    def critical_loss(self, src: Any, tgt: Batch, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, number of units) of self-critical training, mixed with the likelihood as the settings say.

        Sampled sentences gain or lose probability by how much better or worse they are than the mean of the other
        samples of their source (Rennie et al. 2017, https://arxiv.org/abs/1612.00563; the baseline is that of Luo
        2020, https://arxiv.org/abs/2003.09971).

        Args:
            src: What the network's `start` takes.
            tgt: References, int64 [references, len], between `bos_idx` and `eos_idx`.
            rows: The source of each reference, int64 [references], in order.
        """
        training, units = self.config.training, (tgt.lengths - 1).sum()
        share, count = training.self_critical, training.self_critical_samples
        longest = int(tgt.lengths.max()) - 1
        with without_dropout(self.model):
            samples = self._samples(src, int(rows.max()) + 1, count, longest)
        texts = self._reference_texts(tgt, rows)
        rewards = torch.tensor([
            self.rewards([self.codecs["target"].decode(hyp.tokens) for hyp in drawn], texts[row])
            for row, drawn in enumerate(samples)
        ])  # fmt: skip
        others = (rewards.sum(dim=1, keepdim=True) - rewards) / (count - 1)
        device = tgt.values.device
        advantage = (rewards - others).flatten().to(device)
        drawn = pad([
            [IDS.bos_idx, *hyp.tokens, *([IDS.eos_idx] if hyp.finished else [])]
            for row in samples for hyp in row
        ]).to(device)  # fmt: skip
        origin = torch.arange(len(samples), device=device).repeat_interleave(count)
        with without_dropout(self.model):  # of the very network that drew them
            log_probs = self.model.log_probs(src, drawn, origin)
        sampled_units = (drawn.lengths - 1).sum()
        critical = -(advantage * log_probs).sum() * (units / sampled_units)
        if share == 1:
            return critical, units
        return share * critical + (1 - share) * self.model(src, tgt, rows), units

    @torch.no_grad()
    def _samples(self, src: Any, num_rows: int, count: int, longest: int) -> list[list[Hypothesis]]:
        """Sentences of `longest` steps at most, drawn by numbers that torch's seed decides."""
        seed = int(torch.randint(2**31, ()))
        options = dataclasses.replace(
            self.config.decoding, method="sample", nbest=count, seed=seed, forbid_unk=False,
            min_len=0, max_len=min(longest, self.config.decoding.max_len),
            no_repeat_ngram=0, temperature=1.0, top_k=0, top_p=1.0,
        )  # fmt: skip
        device = next(self.model.parameters()).device
        state = self.model.start(src)
        return decode(self.model, state, num_rows, IDS, options, device=device)

    def _reference_texts(self, tgt: Batch, rows: Tensor) -> list[list[str]]:
        """The references of each source as text."""
        texts: list[list[str]] = [[] for _ in range(int(rows.max()) + 1)]
        for row, ids, length in zip(
            rows.tolist(), tgt.values.tolist(), tgt.lengths.tolist(), strict=True
        ):
            texts[row].append(self.codecs["target"].decode(ids[1 : length - 1]))
        return texts

    def _least_risky(self, samples: Sequence[Hypothesis]) -> list[Hypothesis]:
        """The `nbest` samples that agree best with all others, alike ones once; `score` is that agreement."""
        texts = [self.codecs["target"].decode(hyp.tokens) for hyp in samples]
        agreement = expected_agreement(texts)
        order = sorted(range(len(samples)), key=lambda i: (-agreement[i], -samples[i].score))
        unlike = {texts[i]: i for i in reversed(order)}  # the best of alike ones
        best = [i for i in order if unlike[texts[i]] == i][: self.decoding.nbest]
        return [dataclasses.replace(samples[i], score=agreement[i]) for i in best]


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """A network in training does without dropout in this context, as it will when it answers."""
    model.eval()
    try:
        yield
    finally:
        model.train()


def sentence_prediction(hypotheses: Sequence[Hypothesis], codec: Codec, src_len: int) -> Prediction:
    """The answer that an n-best list gives.

    Args:
        hypotheses: Best first, one at least.
        codec: Turns their ids into text.
        src_len: Real steps of the memory, to cut the attention to.

    Returns:
        A prediction with the best sentence as `output` and all of them as `alternatives`; its detail
        holds `tokens` and `normalized_score` (what the list is ranked by: nats, or the agreement of
        mbr), and `attention` [tokens, src_len] where the best hypothesis has any.
    """
    alternatives = [
        Alternative(codec.decode(hyp.tokens), hyp.log_prob, confidence(hyp)) for hyp in hypotheses
    ]
    top, best = hypotheses[0], alternatives[0]
    detail: dict[str, Any] = {
        "normalized_score": round(top.score, 6),
        "tokens": unit_names(codec, top.tokens),
    }
    if top.attention is not None:
        detail["attention"] = _rounded(top.attention[:, :src_len])
    return Prediction(
        None, best.output, best.score, best.confidence, alternatives, detail, best.output
    )


def confidence(hypothesis: Hypothesis) -> float:
    """Geometric mean of the probabilities of the hypothesis' tokens, the end mark included, 0 to 1."""
    return math.exp(hypothesis.log_prob / len(hypothesis.token_log_probs))


def with_source_tokens(prediction: Prediction, tokens: Sequence[str]) -> Prediction:
    """The prediction with names for the columns of its attention, where it has any."""
    if "attention" not in prediction.detail:
        return prediction
    return dataclasses.replace(prediction, detail={**prediction.detail, "src_tokens": list(tokens)})


def _rounded(weights: Tensor) -> list[list[float]]:
    return [[round(weight, 6) for weight in row] for row in weights.tolist()]
