"""Sentiment's own settings and formats: units, truncation, vectors, heads, labels, folders."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from seqkit.tasks.sentiment import Review, SentimentConfig
from seqkit.tasks.sentiment.config import SentimentData
from seqkit.tasks.sentiment.pipeline import SentimentPipeline
from seqkit.tasks.sentiment.reading import read_reviews

import seqkit
from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError
from seqkit.registry import get_task

TASK = get_task("sentiment")
TRAIN = [Review(f"a {w} film number {i}", label) for i in range(12)
         for w, label in (("good", "pos"), ("bad", "neg"))]  # fmt: skip
TINY: dict[str, Any] = {"model": {"hidden_size": 8, "emb_size": 8}, "training": {"epochs": 2}}


def pipeline(train: list[Review] = TRAIN, **sections: Any) -> SentimentPipeline:
    """An untrained pipeline with some settings."""
    config = from_dict(SentimentConfig, {**TINY, **sections})
    built = TASK.fit(config, train)
    assert isinstance(built, SentimentPipeline)
    return built


def table(path: Path, reviews: list[Review] = TRAIN) -> Path:
    """The reviews as CSV."""
    lines = ["text,label", *(f"{r.text},{r.label}" for r in reviews)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("keep", "expected"), [("first", "abc"), ("last", "hij"), ("both", "abj")])
def test_a_long_text_keeps_the_end_that_was_asked_for(keep: str, expected: str) -> None:
    data = {"units": "char", "max_tokens": 3, "keep": keep}
    built = pipeline([Review("abcdefghij", "x"), Review("k", "y")], data=data)
    assert built.codec.decode(built.encode_input("abcdefghij").ids) == expected


@pytest.mark.parametrize("units", ["word", "word_only", "char", "bpe", "unigram"])
def test_all_units_train_load_and_answer(units: str, tmp_path: Path) -> None:
    data = {"path": str(table(tmp_path / "r.csv")), "units": units, "vocab_size": 60}
    trained = seqkit.train("sentiment", data, out=tmp_path / "run", **TINY)
    assert seqkit.load(trained.path).predict("a good film").output in ("pos", "neg")


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
@pytest.mark.parametrize("embedding", ["learned", "one_hot", "integer"])
def test_every_pooling_takes_every_embedding(pooling: str, embedding: str) -> None:
    built = pipeline(model={"hidden_size": 8, "pooling": pooling, "embedding": embedding})
    loss, count = built.loss(built.collate([built.encode(review) for review in TRAIN]))
    loss.backward()
    assert torch.isfinite(loss) and int(count) == len(TRAIN)


def test_pretrained_vectors_bring_their_width_and_stay_when_frozen(tmp_path: Path) -> None:
    vectors = tmp_path / "glove.txt"
    vectors.write_text("good 1 2 3\nbad 4 5 6\nunused 7 8 9\n", encoding="utf-8")
    model = {"hidden_size": 8, "vectors": str(vectors), "freeze_vectors": True}
    settings = {**TINY, "model": model}
    trained = seqkit.train(
        "sentiment", {"path": str(table(tmp_path / "r.csv"))}, out=tmp_path / "run", **settings
    )
    vectors.unlink()  # a run needs nothing but its folder
    run = seqkit.load(trained.path)
    assert run.config.model.emb_size == 3
    row = run.pipeline.codec.vocabulary.index["good"]
    assert run.pipeline.model.embedding.table.weight[row].tolist() == [1, 2, 3]


def test_the_coverage_of_vectors_is_told(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("good 1 2\n", encoding="utf-8")
    built = pipeline(
        [Review("good", "x"), Review("awful", "y")], model={"vectors": str(tmp_path / "v.txt")}
    )
    assert built.notes == ["v.txt: vectors for 1 of 2 words (50.0%)."]
    with pytest.raises(ConfigError, match=r"`data.units` must be word"):
        pipeline(model={"vectors": str(tmp_path / "v.txt")}, data={"units": "char"})


def test_a_sigmoid_head_is_for_two_labels_and_its_probabilities_sum_to_1() -> None:
    built = pipeline(model={"hidden_size": 8, "head": "sigmoid"})
    items = [built.encode_input("a good film")]
    (answer,) = built.predict(items, built.collate(items))
    assert sum(answer.detail["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ConfigError, match="is for 2 labels; the data has 3"):
        pipeline([*TRAIN, Review("so so", "neutral")], model={"head": "sigmoid"})


def test_three_labels_are_ranked_and_an_unknown_one_is_refused() -> None:
    built = pipeline([*TRAIN, Review("so so", "neutral")])
    items = [built.encode_input("so so")]
    (answer,) = built.predict(items, built.collate(items))
    assert {a.output for a in answer.alternatives} == {"pos", "neg", "neutral"}
    with pytest.raises(DataError, match="'mixed' was not in the training data"):
        built.encode(Review("so so", "mixed"))


def test_truncated_backpropagation_needs_one_direction() -> None:
    with pytest.raises(
        ConfigError, match=r"`model.tbptt_steps` needs `model.bidirectional` to be false"
    ):
        pipeline(model={"tbptt_steps": 5})
    built = pipeline(model={"hidden_size": 8, "tbptt_steps": 2, "bidirectional": False})
    loss, _ = built.loss(built.collate([built.encode(review) for review in TRAIN]))
    loss.backward()
    assert torch.isfinite(loss)


def test_folders_tables_and_archives_read_alike(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number, review in enumerate(TRAIN):
            file = tmp_path / "folders" / split / review.label / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(review.text, encoding="utf-8")
    with tarfile.open(tmp_path / "reviews.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "folders", arcname="reviews")
    (tmp_path / "r.tsv").write_text(
        "text\tlabel\n" + "".join(f"{r.text}\t{r.label}\n" for r in TRAIN), encoding="utf-8")  # fmt: skip
    (tmp_path / "r.jsonl").write_text(
        "".join(json.dumps({"text": r.text, "label": r.label}) + "\n" for r in TRAIN), encoding="utf-8")  # fmt: skip
    names = ["folders", "reviews.tar.gz", "r.tsv", "r.jsonl"]
    read = [
        TASK.read(from_dict(SentimentConfig, {"data": {"path": str(tmp_path / n)}})) for n in names
    ]
    for splits in read:
        key = sorted((r.text, r.label) for part in (splits.train, splits.dev) for r in part)
        assert key == sorted((r.text, r.label) for r in TRAIN)
    assert [len(s.test) for s in read] == [24, 24, 0, 0]


def test_a_run_is_scored_on_the_test_split_of_an_archive(tmp_path: Path) -> None:
    for split, reviews in (("train", TRAIN), ("test", TRAIN[:6])):
        for number, review in enumerate(reviews):
            file = tmp_path / "a" / split / review.label / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(review.text, encoding="utf-8")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a", arcname="a")
    data = {"path": str(table(tmp_path / "r.csv"))}
    run = seqkit.load(seqkit.train("sentiment", data, out=tmp_path / "run", **TINY).path)
    for source in ("a", "a.tar.gz"):
        assert "over 6 texts" in run.evaluate(str(tmp_path / source)).signature


def test_an_archive_without_splits_names_what_it_has(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("a/dev/pos/1.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"good"))
    with pytest.raises(DataError, match=r"no split 'train'.*Found: dev"):
        TASK.read(from_dict(SentimentConfig, {"data": {"path": str(tmp_path / "a.tar")}}))


def test_reviews_of_one_film_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    for label in ("neg", "pos"):
        (tmp_path / "train" / label).mkdir(parents=True)
        for number in range(20):
            file = tmp_path / "train" / label / f"{number}_{number % 10}.txt"
            file.write_text(f"{label} {number}", encoding="utf-8")
        films = "\n".join(f"http://film/{number // 4}" for number in range(20))
        (tmp_path / "train" / f"urls_{label}.txt").write_text(films, encoding="utf-8")
    splits = read_reviews(SentimentData(path=str(tmp_path), dev_fraction=0.3), seed=1)
    films = [{review.topic for review in part} for part in (splits.train, splits.dev)]
    assert len(splits.dev) == 16 and films[0].isdisjoint(films[1])
    assert films[0] | films[1] == {f"http://film/{n}" for n in range(5)}


def test_words_of_the_scored_texts_are_known_where_they_have_a_vector(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("good 1 2\ngrand 3 4\nunused 5 6\n", encoding="utf-8")
    config = from_dict(SentimentConfig, {**TINY, "model": {"vectors": str(tmp_path / "v.txt")}})
    built = TASK.fit(config, TRAIN, [Review("a grand, dull film", "pos")])
    assert "grand" in built.codec.vocabulary
    assert not {"dull", "unused"} & set(built.codec.vocabulary.index)
    row = built.codec.vocabulary.index["grand"]
    assert built.model.embedding.table.weight[row].tolist() == [3.0, 4.0]
