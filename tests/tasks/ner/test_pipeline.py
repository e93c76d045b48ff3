"""The task as a whole: it learns, answers validly, and answers the same in any company."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqkit.tasks.ner import NerConfig, NerTask, Sentence
from seqkit.tasks.ner import pipeline as pipeline_module
from seqkit.tasks.ner.pipeline import NerPipeline

import seqkit
from seqkit.config import from_dict, merge, to_dict
from seqkit.data.tag_schemes import check_tags
from seqkit.errors import ConfigError, DataError
from seqkit.nn.kernels import has_numba, start_compiled
from seqkit.nn.precision import has_bfloat16
from seqkit.nn.workers import set_workers
from seqkit.predicting import Execution, predict_window
from seqkit.prediction import Prediction

TASK = NerTask()
SMALL = {"model": {"hidden_size": 16, "emb_size": 12, "char_size": 8, "dropout": 0.0}}
NAMES = ("Ada", "Lovelace", "joined", "Acme", "Ltd", "near", "Oslo", "3", "U.N.", "met", "Bo")
TYPES = ("PER", "ORG", "LOC")


def sentence(number: int) -> Sentence:
    """Tokens that tell their tags, in an order of each sentence's own."""
    tokens = [NAMES[(number * 5 + i * 7) % len(NAMES)] for i in range(3 + number % 6)]
    titled = [token[0].isupper() for token in tokens]
    kinds = [TYPES[len(token) % 3] for token in tokens]
    tags = []
    for i, kind in enumerate(kinds):
        goes_on = i > 0 and titled[i - 1] and kinds[i - 1] == kind
        tags.append(f"{'I' if goes_on else 'B'}-{kind}" if titled[i] else "O")
    return Sentence(tuple(tokens), tuple(tags))


TEN = [sentence(number) for number in range(10)]


def pipeline(values: dict[str, Any] | None = None, seed: int = 0) -> NerPipeline:
    torch.manual_seed(seed)
    return TASK.fit(from_dict(NerConfig, merge(SMALL, values or {})), TEN)


def conll(path: Path, sentences: Sequence[Sentence]) -> Path:
    lines = ("\n".join(map(" ".join, zip(s.tokens, s.tags, strict=True))) for s in sentences)
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return path


def learned(values: dict[str, Any] | None = None, steps: int = 120) -> NerPipeline:
    made = pipeline(values)
    batch = made.collate([made.encode(example) for example in TEN])
    optimizer = torch.optim.Adam(made.model.parameters(), lr=0.02)
    made.model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss, count = made.loss(batch)
        (loss / count).backward()
        optimizer.step()
    made.model.eval()
    return made


@pytest.fixture(scope="module")
def trained() -> NerPipeline:
    return learned()


def answers(made: NerPipeline, raws: Sequence[Any], batch_size: int = 64) -> list[Prediction]:
    return predict_window(made, raws, Execution(batch_size))


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_ten_sentences_are_learned_by_heart(crf: bool, scheme: str) -> None:
    made = learned({"model": {"crf": crf, "tag_scheme": scheme, "unk_prob": 0.0}})
    scores = made.score(TEN, answers(made, [made.raw_input(e) for e in TEN]))
    assert scores.values == {"f1": 1.0, "precision": 1.0, "recall": 1.0}
    batch = made.collate([made.encode(e) for e in TEN])
    loss, count = made.loss(batch)
    assert float(loss.detach()) / int(count) < 0.05


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru", "transformer"])
@pytest.mark.parametrize("characters", ["cnn", "rnn", "none"])
def test_every_cell_and_character_encoder_learns(cell: str, characters: str) -> None:
    values = {"model": {"cell": cell, "characters": characters}}
    before, after = pipeline(values), learned(values, steps=8)
    losses = [
        float(m.loss(m.collate([m.encode(e) for e in TEN]))[0].detach()) for m in (before, after)
    ]
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("seed", range(3))
def test_tags_are_valid_even_of_a_network_that_knows_nothing(
    crf: bool, scheme: str, seed: int
) -> None:
    made = pipeline({"model": {"crf": crf, "tag_scheme": scheme, "init": "torch"}}, seed)
    for parameter in made.model.parameters():
        parameter.data.mul_(4.0)
    made.set_decoding({"nbest": 4})
    for answer in answers(
        made, ["Bo", "Ada Bo", "Bo met Ada near Oslo, Acme and the U.N. in 3 days"]
    ):
        check_tags(answer.detail["tags"], "bio")
        assert len(answer.detail["tags"]) == len(answer.detail["tokens"])


@pytest.mark.parametrize("cell", ["rnn_relu", "lstm", "gru", "transformer"])
@pytest.mark.parametrize("model", [{}, {"crf": False}, {"characters": "rnn"}])
def test_an_answer_does_not_depend_on_its_neighbours(cell: str, model: dict[str, Any]) -> None:
    made = learned({"model": {"cell": cell, **model}}, steps=20)
    texts = ["Ada met Bo.", "Oslo", "", "The U.N. joined Acme Ltd near Oslo, 1996-08-30."]
    alone = [answers(made, [text])[0] for text in texts]
    together = answers(made, texts)
    beside_long = [answers(made, [text, "Bo met Ada " * 170])[0] for text in texts]
    for other in (together, beside_long):
        for first, second in zip(alone, other, strict=True):
            assert first.detail["tags"] == second.detail["tags"]
            assert first.score == pytest.approx(second.score, rel=1e-5, abs=1e-5)
            for left, right in zip(first.output, second.output, strict=True):
                assert left["confidence"] == pytest.approx(right["confidence"], abs=1e-5)


@pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")
@pytest.mark.parametrize("cell", ["lstm", "transformer"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_words_that_come_again_are_computed_once_and_answered_alike(
    cell: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if precision == "bf16" and not has_bfloat16(torch.device("cpu")):
        pytest.skip("no bfloat16 on this CPU")
    start_compiled()
    monkeypatch.setattr(pipeline_module, "WORDS", 5)  # in several parts
    made = learned({"model": {"cell": cell, "characters": "rnn"}}, steps=20)
    texts = [
        "Ada met Bo.",
        "",
        "Oslo",
        "The U.N. joined Acme Ltd near Oslo, 1996-08-30.",
        "Oslo",
    ] * 4
    known: list[int] = []
    know = made.model.know
    monkeypatch.setattr(made.model, "know", lambda words: known.append(len(words)) or know(words))
    for workers in (1, 2):
        set_workers(workers)
        found = predict_window(made, texts, Execution(3, precision=precision))
        assert len(known) == workers and known[-1] == 3
        wanted = [predict_window(made, [text], Execution(precision=precision))[0] for text in texts]
        assert len(known) == workers  # one batch has its own words
        for first, second in zip(found, wanted, strict=True):
            assert first.detail["tags"] == second.detail["tags"]
            near = 1e-5 if precision == "float32" else 0.05
            assert first.score == pytest.approx(second.score, rel=near, abs=near)
    predict_window(made, ["Ada met Bo.", "The U.N. joined Acme."], Execution(1))
    assert [len(answer.output) for answer in predict_window(made, [""] * 4, Execution(2))] == [
        0
    ] * 4
    assert len(known) == 2  # few words come again, or there are none


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_entities_are_slices_of_the_raw_text(trained: NerPipeline, text: str) -> None:
    (answer,) = answers(trained, [text])
    last = 0
    for entity in answer.output:
        assert last <= entity["start"] < entity["end"]
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["confidence"] <= 1
        last = entity["end"]


def test_a_list_of_tokens_is_taken_as_it_is(trained: NerPipeline) -> None:
    tokens = ["Ada Lovelace", "joined", "U.N", "."]
    (answer,) = answers(trained, [tokens])
    assert answer.detail["tokens"] == tokens and answer.input == tokens
    for entity in answer.output:
        assert " ".join(tokens)[entity["start"] : entity["end"]] == entity["text"]


@pytest.mark.parametrize("empty", ["", " \n ", []])
def test_an_empty_text_has_no_entities(trained: NerPipeline, empty: Any) -> None:
    (answer,) = answers(trained, [empty])
    assert (answer.output, answer.score, answer.confidence, answer.text) == ([], 0.0, 1.0, "")


@pytest.mark.parametrize("wrong", [3, None, ["Bo", 3], ["Bo", ""], {"text": "Bo"}])
def test_what_is_no_text_is_refused(trained: NerPipeline, wrong: Any) -> None:
    with pytest.raises(DataError, match="a text or a list of tokens"):
        trained.encode_input(wrong)


@pytest.mark.parametrize("crf", [True, False])
def test_scores_and_confidences_are_probabilities_of_the_tags(crf: bool) -> None:
    made = learned({"model": {"crf": crf}}, steps=15)
    made.set_decoding({"nbest": 5})
    (answer,) = answers(made, ["Ada met Bo near Oslo"])
    batch = made.collate(
        [made.encode(Sentence(tuple(answer.detail["tokens"]), tuple(answer.detail["tags"])))]
    )
    assert answer.score == pytest.approx(-float(made.loss(batch)[0].detach()), abs=1e-4)
    assert answer.confidence == pytest.approx(math.exp(answer.score / 5))
    scores = [a.score for a in answer.alternatives]
    assert scores == sorted(scores, reverse=True) and len(scores) == 5
    outputs = [[(e["start"], e["end"], e["type"]) for e in a.output] for a in answer.alternatives]
    assert all(outputs.count(output) == 1 for output in outputs)
    assert answer.alternatives[0].output == answer.output


@pytest.mark.parametrize("crf", [True, False])
def test_a_recall_bias_finds_more_entities_and_leaves_training_alone(crf: bool) -> None:
    tokens = [list(example.tokens) for example in TEN]
    found, losses = [], []
    for bias in (-20.0, 0.0, 20.0):
        made = pipeline({"model": {"recall_bias": bias, "crf": crf}})
        tags = [tag for answer in answers(made, tokens) for tag in answer.detail["tags"]]
        found.append(sum(tag != "O" for tag in tags))
        losses.append(made.loss(made.collate([made.encode(example) for example in TEN]))[0])
    assert found[0] == 0 < found[1] <= found[2] == sum(map(len, tokens))
    assert losses[0] == losses[1] == losses[2]


def test_fewer_sequences_than_asked_for_are_all_there_are() -> None:
    made = pipeline({"model": {"tag_scheme": "bio"}})
    made.set_decoding({"nbest": 50})
    (answer,) = answers(made, ["Bo"])
    assert len(answer.alternatives) == 1 + len(TYPES)
    total = sum(math.exp(a.score) for a in answer.alternatives)
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"beam_size": 3}, "beam_size: .* have nbest"), ({"nbest": 0}, "nbest must be at least 1")],
)
def test_decoding_settings_that_mean_nothing_are_refused(
    trained: NerPipeline, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        trained.set_decoding(changes)


def test_a_type_that_training_never_showed_counts_as_missed(trained: NerPipeline) -> None:
    example = Sentence(("Bo", "met", "Ada"), ("B-EVENT", "O", "B-PER"))
    assert trained.encode(example).tags[0] == 0
    scores = trained.score([example], answers(trained, [trained.raw_input(example)]))
    assert scores.values["recall"] <= 0.5
    assert {
        "type": "EVENT",
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 1,
    } in scores.tables["types"]


def test_training_data_without_entities_is_refused() -> None:
    with pytest.raises(DataError, match="no entity"):
        TASK.fit(NerConfig(), [Sentence(("a", "b"), ("O", "O"))])


def test_rare_words_are_read_as_unknown_in_training_only() -> None:
    rare = Sentence(("Zed", "met", "met"), ("B-PER", "O", "O"))
    values = {"model": {"unk_prob": 1.0, "characters": "none", "case_size": 0}}
    made = TASK.fit(from_dict(NerConfig, merge(SMALL, values)), [rare])
    batch = made.collate([made.encode(rare)])
    here = batch.words.values == made.features.words.index["zed"]
    unknown = made.model.vectors.table(torch.tensor(1))
    made.model.train()
    assert torch.equal(made.model.vectors(batch)[here][0], unknown)
    assert not torch.equal(made.model.vectors(batch)[~here][0], unknown)
    made.model.eval()
    assert not torch.equal(made.model.vectors(batch)[here][0], unknown)


def test_pretrained_vectors_start_the_words_and_can_stay(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("ada 1 2 3\noslo 4 5 6\n", encoding="utf-8")
    made = pipeline({"model": {"vectors": str(file), "freeze_vectors": True}})
    table = made.model.vectors.table.table
    assert table is not None and made.config.model.emb_size == 3
    assert table.weight[made.features.words.index["oslo"]].tolist() == [4, 5, 6]
    assert not table.weight.requires_grad
    assert "2 of" in made.notes[0]


def test_a_run_answers_as_it_did_when_it_was_trained(tmp_path: Path) -> None:
    path = conll(tmp_path / "train.conll", TEN)
    settings = {**SMALL, "training": {"epochs": 2}}
    first = seqkit.train("ner", data=path, out=tmp_path / "run", config=settings)
    assert set(first.metrics["scores"]["dev"]) == {"f1", "precision", "recall"}
    texts = ["Ada Lovelace joined Acme.", ["Bo", "met"], ""]
    once, again = (seqkit.load(first.path).predict(texts) for _ in range(2))
    assert [a.to_json() for a in once] == [a.to_json() for a in again]
    scores = seqkit.load(first.path).evaluate(split="dev")
    assert scores.values == pytest.approx(first.metrics["scores"]["dev"])


@pytest.mark.parametrize("name", TASK.recipe_names())
def test_recipes_are_settings_of_the_task(name: str) -> None:
    assert from_dict(NerConfig, TASK.recipe(name)).data == NerConfig().data


@pytest.mark.slow
def test_the_built_in_sample_is_learned(tmp_path: Path) -> None:
    trained = seqkit.train("ner", out=tmp_path / "run")
    assert trained.metrics["scores"]["test"]["f1"] >= 0.95


def test_words_of_the_scored_sentences_are_known_where_they_have_a_vector(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("ada 1 2 3\nturing 4 5 6\nunused 7 8 9\n", encoding="utf-8")
    config = from_dict(NerConfig, merge(SMALL, {"model": {"vectors": str(file)}}))
    others = [Sentence(("Turing", "slept"), ("B-PER", "O"))]
    words = TASK.fit(config, TEN, others).features.words
    assert "turing" in words and not {"slept", "unused"} & set(words.index)
    seldom = [*TEN, Sentence(("Turing",), ("B-PER",))]
    strict = from_dict(NerConfig, merge(to_dict(config), {"data": {"min_count": 9}}))
    made = TASK.fit(strict, seldom)
    assert "turing" in made.features.words and not made.model.vectors.seen_once.any()


def test_a_run_of_other_labels_lends_all_it_knows_but_the_labels(tmp_path: Path) -> None:
    settings = {**SMALL, "training": {"epochs": 2}}
    data = conll(tmp_path / "first.conll", TEN)
    source = seqkit.train("ner", data=data, out=tmp_path / "first", config=settings).path
    taught = seqkit.load(source, device="cpu").pipeline
    assert isinstance(taught, NerPipeline)
    values = merge(SMALL, {"model": {"pretrained": str(source)}})
    config = from_dict(NerConfig, values)
    renamed = {"PER": "PER", "LOC": "lake", "ORG": "zoo"}  # as many labels, in another order
    other = [
        Sentence(s.tokens, tuple(t[:2] + renamed[t[2:]] if t != "O" else t for t in s.tags))
        for s in TEN
    ]
    made = TASK.fit(config, other)
    theirs, mine = taught.model.state_dict(), made.model.state_dict()
    for name, weight in theirs.items():
        if "encoder" in name or "convolution" in name:
            assert torch.equal(weight, mine[name]), name
    for table, units in (
        ("vectors.table.table", "words"),
        ("vectors.characters.embedding", "chars"),
    ):
        ids = [
            getattr(p.features, units).index["o" if units == "chars" else "oslo"]
            for p in (taught, made)
        ]
        assert torch.equal(theirs[f"{table}.weight"][ids[0]], mine[f"{table}.weight"][ids[1]])
    head = "tagger.head.weight"
    for tag in ("O", "B-PER"):
        assert torch.equal(theirs[head][taught.tag_index[tag]], mine[head][made.tag_index[tag]])
    zoo = mine[head][made.tag_index["B-zoo"]]
    assert not any(torch.equal(row, zoo) for row in theirs[head])
    (note,) = made.notes
    assert "5 of 13 tags and all other weights taken but tagger.crf.transitions." in note
    same = TASK.fit(config, TEN)
    assert "13 of 13 tags and all other weights taken." in same.notes[0]
    assert all(
        torch.equal(w, theirs[f"tagger.{n}"]) for n, w in same.model.tagger.named_parameters()
    )


def test_a_run_of_another_task_is_refused(tmp_path: Path) -> None:
    small = {"hidden_size": 8, "emb_size": 8}
    training = {"epochs": 1, "batch_size": 64}
    path = seqkit.train("sentiment", out=tmp_path / "run", model=small, training=training).path
    values = merge(SMALL, {"model": {"pretrained": str(path)}})
    with pytest.raises(
        ConfigError, match=r"a run of ner or of `seqkit pretrain`; .* is of sentiment"
    ):
        TASK.fit(from_dict(NerConfig, values), TEN)


def test_vectors_stay_as_they_are_beside_a_pretrained_run_too(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("oslo 4 5 6\n", encoding="utf-8")
    vectors = {"model": {"vectors": str(file), "freeze_vectors": True}}
    values = merge(SMALL, {**vectors, "training": {"epochs": 1}})
    data = conll(tmp_path / "first.conll", TEN)
    source = seqkit.train("ner", data=data, out=tmp_path / "first", config=values).path
    made = pipeline(merge(vectors, {"model": {"pretrained": str(source)}}))
    table = made.model.vectors.table.table
    assert table is not None and not table.weight.requires_grad
