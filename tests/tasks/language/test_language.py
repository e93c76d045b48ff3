"""The language task: its sample, its readers, and what other tasks take from its runs."""

from __future__ import annotations

import io
import math
import shutil
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from seqkit.cli.main import main
from seqkit.tasks.language.config import LanguageConfig, LanguageData
from seqkit.tasks.language.reading import read_texts
from seqkit.tasks.language.sample import make_sample

import seqkit
from seqkit.config import from_dict
from seqkit.errors import ConfigError
from seqkit.report import Plot
from seqkit.run import open_run
from seqkit.weights import read_weights

TEXTS = [f"the {a} {n} sat on a {p} ." for a in ("old", "new", "big") for n in ("cat", "dog", "owl")
         for p in ("mat", "box", "log", "bed")]  # fmt: skip
SMALL: dict[str, Any] = {"hidden_size": 8, "emb_size": 6}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of a language model."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    training = {"epochs": 6, "lr": 0.02, "batch_size": 4}
    run = seqkit.train(
        "language", folder / "texts.txt", out=folder / "run", model=SMALL, training=training
    )
    return run.path


def test_the_samples_splits_share_no_sentence_and_its_verbs_agree() -> None:
    sample = make_sample()
    assert {name: len(set(texts)) for name, texts in sample.items()} == {
        "train": 3000, "dev": 200, "test": 300,
    }  # fmt: skip
    assert not set(sample["train"]) & (set(sample["dev"]) | set(sample["test"]))
    assert make_sample() == sample
    plural = {"dogs", "cats", "children", "birds", "women", "farmers", "horses", "teachers"}
    for text in sample["test"]:
        words = text.lower().rstrip(".").split()
        subject = next(
            w for w in words if w in plural or w + "s" in plural or w in ("child", "woman")
        )
        verb = next(w for w in words if w.rstrip("s").removesuffix("e") in
                    ("se", "see", "follow", "lik", "call", "watch", "watche"))  # fmt: skip
        assert verb.endswith("s") == (subject not in plural), text


def test_the_model_learns_far_more_than_how_often_words_are(pretrained: Path) -> None:
    run = seqkit.load(pretrained)
    counts = Counter(word for text in TEXTS for word in (*text.split(), "end"))
    total = sum(counts.values())
    unigram = math.exp(-sum(n / total * math.log(n / total) for n in counts.values()))
    scores = run.evaluate(split="dev")
    assert scores.values["perplexity"] < unigram / 2
    assert scores.values == run.run.metrics()["scores"]["dev"]
    answer = run.predict("the old cat sat on")
    assert answer.output.startswith("a ") and answer.detail["perplexity"] < unigram


def test_long_texts_are_cut_and_a_reviews_test_part_is_never_read(tmp_path: Path) -> None:
    files = {
        f"set/train/{label}/{i}_1.txt": f"{label} {i} " + "word " * 6
        for label in ("neg", "pos")
        for i in range(6)
    }
    files["set/test/pos/0_1.txt"] = "secret"
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    splits = read_texts(LanguageData(path=str(tmp_path / "set.tar.gz"), max_words=5), seed=1)
    assert splits.test == [] and splits.dev
    pieces = [*splits.train, *splits.dev]
    assert len(pieces) == 24 and max(len(piece.split()) for piece in pieces) == 5
    assert not any("secret" in piece for piece in pieces)


def reviews(path: Path) -> Path:
    lines = ["text,label", *(f"{t},{'x' if 'cat' in t else 'y'}" for t in TEXTS)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_classifier_starts_from_the_run_and_then_needs_it_no_more(
    pretrained: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(pretrained, tmp_path / "source")
    config = from_dict(
        seqkit.registry.get_task("sentiment").Config,
        {"data": {"path": str(reviews(tmp_path / "r.csv"))}, "model": {"pretrained": str(source)}},
    )
    task = seqkit.registry.get_task("sentiment")
    pipeline = task.fit(config, task.read(config).train)
    weights = read_weights(source / "model.safetensors")
    network = pipeline.model
    torch.testing.assert_close(network.embedding.table.weight, weights["embedding.table.weight"])
    for name, weight in network.encoder.layers.state_dict().items():
        torch.testing.assert_close(weight, weights[f"encoder.layers.{name}"])
    assert "all recurrent weights taken" in pipeline.notes[0]
    run = seqkit.train(
        "sentiment",
        config=seqkit.config.to_dict(config),
        out=tmp_path / "run",
        training={"epochs": 1},
    )
    shutil.rmtree(source)
    assert seqkit.load(run.path).predict("the old cat").output in ("x", "y")
    assert open_run(run.path).config.model.hidden_size == SMALL["hidden_size"]


def test_tagging_takes_the_vectors_of_the_words_that_both_know(
    pretrained: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.conll").write_text("Old B-A\ncat O\nzebra O\n\n" * 9, encoding="utf-8")
    model = {"pretrained": str(pretrained), "emb_size": 6, "hidden_size": 8}
    task = seqkit.registry.get_task("ner")
    values = {"data": {"path": str(tmp_path / "t.conll")}, "model": model}
    config = from_dict(task.Config, values)
    pipeline = task.fit(config, task.read(config).train)
    assert "vectors of 2 of 3 units taken" in pipeline.notes[0]
    source = seqkit.load(pretrained, device="cpu").pipeline
    mine = pipeline.model.vectors.table.table.weight[pipeline.features.words.index["cat"]]
    theirs = source.model.table.weight[source.codec.index()["cat"]]
    torch.testing.assert_close(mine, theirs)
    wide = from_dict(task.Config, {**values, "model": {**model, "emb_size": 7}})
    with pytest.raises(ConfigError, match=r"6 numbers, but `model.emb_size` is 7"):
        task.fit(wide, task.read(wide).train)


def test_a_run_of_another_kind_is_no_pretraining(tmp_path: Path) -> None:
    run = seqkit.train("sentiment", reviews(tmp_path / "r.csv"), out=tmp_path / "run",
                       model=SMALL, training={"epochs": 1})  # fmt: skip
    with pytest.raises(
        ConfigError, match=r"must be a run of `seqkit pretrain`; .* is of sentiment"
    ):
        seqkit.train("sentiment", reviews(tmp_path / "r.csv"), out=tmp_path / "b",
                     model={"pretrained": str(run.path)})  # fmt: skip


def test_the_verb_trains_it_and_bad_settings_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    argv = ["pretrain", "--data", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "run"),
            "--training.epochs", "1", "--model.hidden_size", "4"]  # fmt: skip
    assert main(argv) == 0
    assert "perplexity" in capsys.readouterr().out
    assert main([*argv, "--model.num_layers", "2"]) == 2
    assert "`model.num_layers` must be 1 where `model.bidirectional`" in capsys.readouterr().err
    assert LanguageConfig().model.bidirectional


def test_an_explanation_names_the_units_that_were_read(pretrained: Path) -> None:
    (plot,) = [
        p for p in seqkit.load(pretrained).explain("the old cat").parts if isinstance(p, Plot)
    ]
    assert list(plot.ticks)[1:-1] == ["the", "old", "cat"] and len(plot.x) == 5
