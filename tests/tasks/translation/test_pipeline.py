"""Translation at work: shared tables, learning, and answers that depend on nothing but the sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from seqkit.tasks.translation import TranslationConfig
from seqkit.tasks.translation.pipeline import TranslationPipeline, fit, load
from seqkit.tasks.translation.reading import Pair

import seqkit
from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError
from seqkit.nn import CELLS
from seqkit.predicting import Execution, predict_window
from seqkit.prediction import Prediction
from seqkit.weights import load_weights, save_weights

PAIRS = [
    Pair("The cat sleeps.", "Le chat dort."),
    Pair("The house is red.", "La maison est rouge."),
    Pair("She eats an apple.", "Elle mange une pomme."),
    Pair("We do not know him.", "Nous ne le connaissons pas."),
    Pair("Where is the water?", "Où est l'eau ?"),
    Pair("My brother reads.", "Mon frère lit."),
    Pair("The dogs run fast.", "Les chiens courent vite."),
    Pair("It is raining.", "Il pleut."),
    Pair("I like this song.", "J'aime cette chanson."),
    Pair("They have two sons.", "Ils ont deux fils."),
]
RAWS = [pair.src for pair in PAIRS]
MODEL = {"emb_size": 32, "hidden_size": 32, "dropout": 0.0}
WORDS = {"units": "word"}


def build(
    model: dict[str, Any] | None = None, data: dict[str, Any] | None = None, seed: int = 1
) -> TranslationPipeline:
    torch.manual_seed(seed)
    values = {"model": {**MODEL, **(model or {})}, "data": {**WORDS, **(data or {})}}
    return fit(from_dict(TranslationConfig, values), PAIRS)


def train(pipeline: TranslationPipeline, steps: int = 60, lr: float = 0.01) -> float:
    """Loss a token, in nats, after so many steps on all pairs."""
    optimizer = torch.optim.Adam(pipeline.model.parameters(), lr=lr)
    batch = pipeline.collate([pipeline.encode(pair) for pair in PAIRS])
    pipeline.model.train()
    for step in range(steps):
        pipeline.before_step(step)
        optimizer.zero_grad()
        loss, count = pipeline.loss(batch)
        (loss / count).backward()
        optimizer.step()
    pipeline.model.eval()
    loss, count = pipeline.loss(batch)
    return float(loss.detach() / count)


@pytest.fixture(scope="module")
def learned() -> TranslationPipeline:
    pipeline = build()
    train(pipeline)
    return pipeline


def fresh(pipeline: TranslationPipeline) -> TranslationPipeline:
    """The same network with decoding settings of its own."""
    copy = TranslationPipeline(pipeline.config, pipeline.codecs)
    copy.model.load_state_dict(pipeline.model.state_dict())
    copy.model.eval()
    return copy


def outputs(
    pipeline: TranslationPipeline, raws: list[str], batch_size: int = 32
) -> list[Prediction]:
    return predict_window(pipeline, raws, Execution(batch_size))


def assert_same(first: list[Prediction], second: list[Prediction]) -> None:
    for one, other in zip(first, second, strict=True):
        assert one.output == other.output
        assert one.score == pytest.approx(other.score, abs=1e-5)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-5)


@pytest.mark.parametrize("core", [*CELLS, "transformer"])
def test_ten_pairs_are_learned_by_heart(core: str) -> None:
    slow = core in ("transformer", "rnn_relu")
    pipeline = build({"cell": core})
    assert train(pipeline, steps=250 if slow else 80, lr=0.003 if slow else 0.01) < 0.1
    predictions = outputs(pipeline, RAWS)
    assert [p.output for p in predictions] == [pair.tgt for pair in PAIRS]
    assert pipeline.score(PAIRS, predictions).values["bleu"] == pytest.approx(100)


@pytest.mark.parametrize(
    "data", [{"units": "char"}, {"units": "bpe", "vocab_size": 90}, {"joint": False}]
)
def test_other_units_and_separate_vocabularies_learn_too(data: dict[str, Any]) -> None:
    pipeline = build({"tie": "two_way"}, data)
    assert train(pipeline, steps=80) < 0.3


def test_bpe_dropout_cuts_training_pairs_anew_each_epoch_and_nothing_else() -> None:
    plain = build(data={"units": "bpe", "vocab_size": 90})
    pipeline = build(data={"units": "bpe", "vocab_size": 90, "bpe_dropout": 0.3})
    assert plain.encode_anew(PAIRS, 1) is None
    first, second = pipeline.encode_anew(PAIRS, 1), pipeline.encode_anew(PAIRS, 2)
    assert first != second
    assert first == pipeline.encode_anew(PAIRS, 1)
    assert first is not None
    assert [pipeline.codecs["target"].decode(item.tgt) for item in first] == [p.tgt for p in PAIRS]
    assert pipeline.encode(PAIRS[0]) == plain.encode(PAIRS[0])


def test_mixed_precision_gives_nearly_the_gradients_of_full_precision() -> None:
    pipeline = build({"cell": "lstm", "label_smoothing": 0.1, "attention": "additive"})
    batch = pipeline.collate([pipeline.encode(pair) for pair in PAIRS])
    parameters = list(pipeline.model.parameters())
    loss, _ = pipeline.loss(batch)
    wanted = torch.autograd.grad(loss, parameters)
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = pipeline.loss(batch)
    assert mixed.item() == pytest.approx(loss.item(), rel=0.01)
    for found, exact in zip(torch.autograd.grad(mixed, parameters), wanted, strict=True):
        assert (found - exact).norm() < 0.05 * exact.norm() + 1e-3


def test_bpe_dropout_needs_bpe() -> None:
    with pytest.raises(ConfigError, match=r"bpe_dropout. needs .data\.units. to be bpe"):
        build(data={"bpe_dropout": 0.1})


@pytest.mark.parametrize(
    "model",
    [
        {"input_feeding": True},
        {"sampling": "linear", "sampling_end": 0.5, "sampling_steps": 40},
        {"attention": "none", "num_layers": 2, "decoder_layers": 1},
        {"bidirectional": False, "decoder_size": 48, "label_smoothing": 0.1},
    ],
)
def test_variants_of_the_network_learn_too(model: dict[str, Any]) -> None:
    assert train(build(model), steps=80) < 0.5


@pytest.mark.parametrize("core", ["lstm", "transformer"])
@pytest.mark.parametrize(("tie", "tables"), [("none", 3), ("two_way", 2), ("three_way", 1)])
def test_tied_tables_share_storage_before_and_after_loading(
    tmp_path: Path, core: str, tie: str, tables: int
) -> None:
    pipeline = build({"tie": tie, "cell": core})
    assert len(set(storages(pipeline))) == tables
    train(pipeline, steps=3)
    pipeline.save(tmp_path)
    save_weights(pipeline.model, tmp_path / "weights")
    again = load(pipeline.config, tmp_path)
    load_weights(again.model, tmp_path / "weights")
    again.model.eval()
    assert len(set(storages(again))) == tables
    assert_same(outputs(again, RAWS), outputs(pipeline, RAWS))


def storages(pipeline: TranslationPipeline) -> list[int]:
    """Where the source table, the target table and the output projection lie."""
    names = ("source.embedding.table", "decoder.embedding.table", "decoder.readout.projection")
    return [pipeline.model.get_parameter(f"{name}.weight").data_ptr() for name in names]


@pytest.mark.parametrize("units", ["word", "char", "bpe", "unigram"])
@pytest.mark.parametrize("joint", [True, False])
def test_codecs_are_shared_or_not_and_come_back(tmp_path: Path, units: str, joint: bool) -> None:
    pipeline = build({"tie": "two_way"}, {"units": units, "joint": joint, "vocab_size": 80})
    source, target = pipeline.codecs["source"], pipeline.codecs["target"]
    assert (source is target) is joint
    assert (source.identity() == target.identity()) is joint
    assert target.decode(target.encode("La maison est rouge.")) == "La maison est rouge."
    pipeline.save(tmp_path)
    again = load(pipeline.config, tmp_path)
    for name, codec in pipeline.codecs.items():
        assert again.codecs[name].identity() == codec.identity()


def test_answers_depend_on_nothing_but_the_sentence(learned: TranslationPipeline) -> None:
    texts = [*RAWS, *(f"{a[:-1]} {b}" for a in RAWS for b in RAWS[:6])]
    alone = [outputs(learned, [text])[0] for text in texts]
    assert_same(outputs(learned, texts, batch_size=64), alone)
    assert_same(outputs(learned, texts[::-1], batch_size=7)[::-1], alone)
    neighbour = " ".join(texts[i % len(texts)] for i in range(100))
    items = [learned.encode_input(text) for text in [*texts, neighbour]]
    assert max(map(learned.length, items)) > 500
    with torch.no_grad():
        beside = learned.predict(items, learned.collate(items))
    assert_same(beside[:-1], alone)
    assert beside[-1].output == outputs(learned, [neighbour])[0].output


def test_samples_depend_on_the_sentence_and_the_seed(learned: TranslationPipeline) -> None:
    pipeline = fresh(learned)
    pipeline.set_decoding({"method": "sample", "temperature": 3.0, "seed": 4})
    together = outputs(pipeline, RAWS)
    assert_same(outputs(pipeline, RAWS[::-1], batch_size=3)[::-1], together)
    pipeline.set_decoding({"seed": 5})
    assert [p.output for p in outputs(pipeline, RAWS)] != [p.output for p in together]


def test_an_unknown_word_is_read_but_never_written(learned: TranslationPipeline) -> None:
    answers = outputs(learned, ["The zyx sleeps.", "Qwerty uiop."])
    assert all("<unk>" not in answer.output for answer in answers)


def test_nothing_is_translated_to_nothing(learned: TranslationPipeline) -> None:
    answers = outputs(learned, ["", RAWS[0], "   "])
    assert [answer.output for answer in answers] == ["", PAIRS[0].tgt, ""]
    assert answers[0].score == 0 and answers[0].confidence == 1


def test_what_is_no_text_is_refused(learned: TranslationPipeline) -> None:
    with pytest.raises(DataError, match="reads texts, got int"):
        learned.encode_input(3)


def test_a_reversed_source_is_read_backwards() -> None:
    plain, reverse = build(), build(data={"reverse_source": True})
    ids = plain.encode(PAIRS[0]).src
    assert reverse.encode(PAIRS[0]).src == [*ids[-2::-1], ids[-1]]
    assert reverse.encode_input(RAWS[0]).src == reverse.encode(PAIRS[0]).src
    assert train(reverse) < 0.3


def test_scheduled_sampling_follows_its_steps_and_spares_evaluation() -> None:
    pipeline = build(
        {"sampling": "linear", "sampling_start": 0.1, "sampling_end": 0.5, "sampling_steps": 10}
    )
    probs = []
    for step in (0, 5, 10, 50):
        pipeline.before_step(step)
        probs.append(pipeline.model.sampling_prob)
    assert probs == pytest.approx([0.1, 0.3, 0.5, 0.5])
    batch = pipeline.collate([pipeline.encode(pair) for pair in PAIRS])
    pipeline.model.eval()
    before = pipeline.loss(batch)[0]
    pipeline.model.sampling_prob = 0.0
    assert torch.equal(pipeline.loss(batch)[0], before)


def test_label_smoothing_counts_in_training_only() -> None:
    smooth, plain = build({"label_smoothing": 0.2}), build()
    smooth.model.load_state_dict(plain.model.state_dict())
    batch = plain.collate([plain.encode(pair) for pair in PAIRS])
    assert not torch.allclose(smooth.loss(batch)[0], plain.loss(batch)[0])
    smooth.model.eval()
    assert torch.allclose(smooth.loss(batch)[0], plain.loss(batch)[0])


def test_more_alternatives_than_the_beam_widen_it(learned: TranslationPipeline) -> None:
    pipeline = fresh(learned)
    pipeline.set_decoding({"nbest": 8})
    assert pipeline.decoding.beam_size == 8
    answer = outputs(pipeline, RAWS[:1])[0]
    assert len(answer.alternatives) == 8 and answer.alternatives[0].output == answer.output
    assert json.loads(json.dumps(answer.to_json()))["tokens"] == answer.detail["tokens"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam_siz": 3}, r"decoding\.beam_siz`.* Did you mean 'beam_size'"),
        ({"beam_size": 0}, "beam_size must be at least 1"),
        (
            {"method": "greedy", "nbest": 3},
            "nbest must be 1 hypothesis where decoding.method is greedy",
        ),
        ({"beam_size": "wide"}, "`decoding.beam_size` must be a whole number"),
    ],
)
def test_decoding_settings_that_make_no_sense_are_refused(
    learned: TranslationPipeline, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fresh(learned).set_decoding(changes)


def test_attention_comes_when_asked_for_with_names_on_both_sides(
    learned: TranslationPipeline,
) -> None:
    pipeline = fresh(learned)
    assert "attention" not in outputs(pipeline, RAWS)[0].detail
    pipeline.set_decoding({"attention": True})
    for answer in outputs(pipeline, [*RAWS, "zyx"]):
        weights = answer.detail["attention"]
        assert len(weights) == len(answer.detail["tokens"])
        assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in weights)
        assert all(len(row) == len(answer.detail["src_tokens"]) for row in weights)
    assert answer.detail["src_tokens"] == ["<unk>", "<eos>"]


def test_an_ensemble_with_itself_is_itself(learned: TranslationPipeline) -> None:
    double = fresh(learned)
    double.ensemble_with([fresh(learned), fresh(learned)])
    assert_same(outputs(double, RAWS), outputs(learned, RAWS))


def test_an_ensemble_hears_the_other_network(learned: TranslationPipeline) -> None:
    both = fresh(learned)
    both.ensemble_with([build(seed=2)])
    alone, together = (outputs(p, RAWS[:1])[0] for p in (learned, both))
    assert together.confidence < 0.75 < alone.confidence  # the other one has learned nothing


def test_an_ensemble_needs_equal_vocabularies_and_direction(learned: TranslationPipeline) -> None:
    other = fit(learned.config, PAIRS[:5])
    with pytest.raises(ConfigError, match="needs one source vocabulary"):
        fresh(learned).ensemble_with([other])
    with pytest.raises(ConfigError, match=r"same `data.reverse_source`"):
        fresh(learned).ensemble_with([build(data={"reverse_source": True})])


def test_lower_case_shows_in_the_signature() -> None:
    pipeline = build(data={"lowercase": True})
    train(pipeline)
    scores = pipeline.score(PAIRS, outputs(pipeline, RAWS))
    assert "case:lc" in scores.signature and scores.values["bleu"] == pytest.approx(100)


def test_a_run_trains_loads_and_answers(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"en": [f"{i} cats" for i in range(30)], "fr": [f"{i} chats" for i in range(30)]}
    )
    settings = {"data": {"vocab_size": 60}, "model": MODEL, "training": {"epochs": 2}}
    trained = seqkit.train("translation", frame, out=tmp_path / "run", config=settings)
    assert {"bleu", "bleu_tokenized", "chrf"} == set(trained.metrics["scores"]["dev"])
    assert "BLEU|" in trained.metrics["signature"]
    predictor = seqkit.load(trained.path, trained.path)
    answer = predictor.predict("3 cats")
    assert isinstance(answer.output, str) and answer.score <= 0 and 0 <= answer.confidence <= 1
    assert predictor.predict(frame)["output"].map(type).eq(str).all()


def test_a_translation_is_judged_by_its_letters(learned: TranslationPipeline) -> None:
    same, other = (Prediction(None, text) for text in ("Le chat dort.", "Il pleut."))
    assert learned.judge(PAIRS[0], same).score == 1
    assert learned.judge(PAIRS[0], other).score < 0.3
