"""Captioning from end to end on a few drawn pictures: training, answers, the feature cache, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from seqkit.cli.main import main
from seqkit.tasks.captioning.captions import CaptionedPicture

import seqkit
from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError
from seqkit.prediction import Prediction
from seqkit.registry import get_task
from seqkit.report import Pictures
from seqkit.training.report import Reporter

COLOURS = ("red", "green", "blue", "yellow", "purple")
SHAPES = ("circle", "square")
TINY: dict[str, Any] = {
    "model": {"hidden_size": 32, "emb_size": 16, "dropout": 0.0},
    "training": {"epochs": 2, "batch_size": 5, "patience": 0},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """A table of ten pictures with two captions each, in three splits of which dev and test repeat train."""
    rows = ["picture,caption,split"]
    for colour in COLOURS:
        for shape in SHAPES:
            name = f"{colour}-{shape}.png"
            _draw(tmp_path / name, colour, shape)
            rows += [
                f"{name},a {colour} {shape},train",
                f"{name},there is a {colour} {shape},train",
            ]
            for split in ("dev", "test"):
                _draw(tmp_path / f"{split}-{name}", colour, shape)
                rows.append(f"{split}-{name},a {colour} {shape},{split}")
    path = tmp_path / "captions.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _draw(path: Path, colour: str, shape: str) -> None:
    picture = Image.new("RGB", (64, 64), "white")
    pencil = ImageDraw.Draw(picture)
    draw = pencil.ellipse if shape == "circle" else pencil.rectangle
    draw((16, 16, 48, 48), fill=colour)
    picture.save(path)


def _pictures(captions: Path) -> list[str]:
    return [str(captions.parent / f"{c}-{s}.png") for c in COLOURS for s in SHAPES]


def test_ten_pictures_are_learned_by_heart(captions: Path, tmp_path: Path) -> None:
    settings = {**TINY, "training": {**TINY["training"], "epochs": 40, "lr": 5e-3}}
    trained = seqkit.train("captioning", captions, out=tmp_path / "run", **settings)
    assert trained.metrics["scores"]["test"]["bleu1"] > 0.9
    answers = seqkit.load(trained.path).predict(_pictures(captions))
    named = sum(c in a.output for a, (c, _) in zip(answers, _colours_and_shapes(), strict=True))
    assert named >= 9


def _colours_and_shapes() -> list[tuple[str, str]]:
    return [(c, s) for c in COLOURS for s in SHAPES]


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru", "transformer"])
@pytest.mark.parametrize("features", ["grid", "vector"])
def test_answers_depend_on_the_picture_alone(
    cell: str, features: str, captions: Path, tmp_path: Path
) -> None:
    settings = {**TINY, "model": {**TINY["model"], "cell": cell, "features": features}}
    run = seqkit.load(seqkit.train("captioning", captions, out=tmp_path / "run", **settings).path)
    pictures = _pictures(captions)
    together = run.predict(pictures, batch_size=64)
    backwards = run.predict(pictures[::-1], batch_size=3)[::-1]
    for picture, one, other in zip(pictures, together, backwards, strict=True):
        alone = run.predict(picture)
        assert alone.output == one.output == other.output
        assert one.score == pytest.approx(alone.score, abs=1e-5)
        assert other.score == pytest.approx(alone.score, abs=1e-5)


def _weights_file(path: Path) -> str:
    """Untrained weights of a small torchvision network, as a file that counts as pretrained."""
    from safetensors.torch import save_file
    from seqkit.tasks.captioning.backbone import build_backbone

    backbone = build_backbone("squeezenet1_1", None, True)
    save_file(backbone.features.state_dict(), path)
    return str(path)


def _count_pictures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the number of pictures whenever features are computed."""
    from seqkit.tasks.captioning.features import FrozenFeatures

    seen: list[int] = []
    compute = FrozenFeatures.compute
    monkeypatch.setattr(FrozenFeatures, "compute",
                        lambda self, paths: (seen.append(len(paths)), compute(self, paths))[1])  # fmt: skip
    return seen


def test_mirror_images_of_training_pictures_are_kept_too(
    captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _count_pictures(monkeypatch)
    model = {"backbone": "squeezenet1_1", "weights": _weights_file(tmp_path / "w.safetensors")}
    settings = {**TINY, "model": {**TINY["model"], **model}}
    data = {"path": str(captions), "mirror": True}
    trained = seqkit.train("captioning", data, out=tmp_path / "a", **settings)
    assert sum(seen) == 20
    seqkit.train("captioning", data, out=tmp_path / "b", **settings)
    assert sum(seen) == 20
    run = seqkit.load(trained.path)
    assert run.evaluate(split="dev").values == trained.metrics["scores"]["dev"]


def test_half_of_the_training_pictures_are_mirrored_and_no_other(
    captions: Path, tmp_path: Path
) -> None:
    task = get_task("captioning")
    config = from_dict(task.Config, {**TINY, "data": {"path": str(captions), "mirror": True}})
    pipeline = task.fit(config, task.read(config).train)
    uneven = Image.new("RGB", (64, 64), "white")
    uneven.paste("black", (0, 0, 20, 64))
    uneven.save(tmp_path / "uneven.png")
    item = pipeline.encode_input(tmp_path / "uneven.png")

    def pictures() -> torch.Tensor:
        seen = pipeline.collate([item] * 40).seen.pictures
        assert seen is not None
        return seen

    pipeline.model.eval()
    plain = pictures()
    assert torch.equal(plain, plain[:1].expand_as(plain))
    pipeline.model.train()
    drawn = pictures()
    swapped = [torch.equal(picture, plain[0].flip(-1)) for picture in drawn]
    assert 5 < sum(swapped) < 35
    assert all(torch.equal(p, plain[0]) or s for p, s in zip(drawn, swapped, strict=True))


def test_a_frozen_backbone_sees_each_picture_once(
    captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _count_pictures(monkeypatch)
    model = {"backbone": "squeezenet1_1", "weights": _weights_file(tmp_path / "w.safetensors")}
    settings = {**TINY, "model": {**TINY["model"], **model}}
    heard: list[tuple[int, int]] = []

    class Listener(Reporter):
        """Keeps what it hears of features."""

        def features_done(self, done: int, total: int) -> None:
            heard.append((done, total))

    first = seqkit.train(
        "captioning", captions, out=tmp_path / "a", reporter=Listener(), **settings
    )
    assert heard == [(10, 10)]
    assert sum(seen) == 10  # dev and test pictures have the content of train's
    second = seqkit.train("captioning", captions, out=tmp_path / "b", **settings)
    assert sum(seen) == 10
    assert first.metrics["scores"] == second.metrics["scores"]
    (tmp_path / "w.safetensors").unlink()  # the run has the weights
    run = seqkit.load(first.path)
    assert run.evaluate(split="dev").values == first.metrics["scores"]["dev"]
    cached = sorted((tmp_path / "cache").rglob("*"))
    assert run.predict(_pictures(captions)[0]).confidence > 0
    assert sorted((tmp_path / "cache").rglob("*")) == cached


def test_a_fine_tuned_backbone_has_its_own_learning_rate(captions: Path, tmp_path: Path) -> None:
    from seqkit.config import from_dict
    from seqkit.registry import get_task

    weights = _weights_file(tmp_path / "w.safetensors")
    task = get_task("captioning")
    model = {
        "backbone": "squeezenet1_1",
        "weights": weights,
        "fine_tune": True,
        "backbone_lr": 1e-5,
    }
    config = from_dict(task.Config, {"data": {"path": str(captions)}, "model": model})
    pipeline = task.fit(config, task.read(config).train)
    telling, seeing = pipeline.parameter_groups(1e-3)
    assert (telling["lr"], seeing["lr"]) == (1e-3, 1e-5)
    assert all(p.requires_grad for p in seeing["params"])
    total = sum(p.numel() for p in pipeline.model.parameters())
    assert sum(p.numel() for g in (telling, seeing) for p in g["params"]) == total


def test_the_command_line_trains_answers_and_scores(
    captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    quick = ["--training.epochs", "1", "--model.hidden_size", "16", "--model.emb_size", "16"]
    assert main(["train", "captioning", "--data", str(captions), "--out", run, *quick]) == 0
    capsys.readouterr()
    picture = _pictures(captions)[0]
    assert main(["predict", run, picture, "--format", "jsonl", "--nbest", "3"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["input"] == picture and len(answer["alternatives"]) == 3
    assert {"output", "score", "confidence", "tokens", "normalized_score"} <= set(answer)
    (tmp_path / "folder").mkdir()
    _draw(tmp_path / "folder" / "one.png", "red", "circle")
    assert main(["predict", run, str(tmp_path / "folder")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["evaluate", run]) == 0
    assert "CIDEr-D" in capsys.readouterr().out


def test_a_picture_that_cannot_be_seen_is_named(
    captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = seqkit.load(seqkit.train("captioning", captions, out=tmp_path / "run", **TINY).path)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        run.predict(str(broken))
    assert main(["predict", str(tmp_path / "run"), str(broken)]) == 2
    assert "broken.jpg" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        run.predict("nowhere.png")
    table = tmp_path / "with-broken.csv"
    table.write_text("picture,caption\nbroken.jpg,a\nred-circle.png,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        seqkit.train("captioning", table, out=tmp_path / "other", **TINY)


def test_an_unknown_backbone_is_named(captions: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'resnet18'"):
        seqkit.train("captioning", captions, out=tmp_path / "run", model={"backbone": "resnet8"})


def test_a_file_with_splits_of_its_own_is_scored_on_its_test_split(
    captions: Path, tmp_path: Path
) -> None:
    from seqkit.config import from_dict
    from seqkit.registry import get_task

    task = get_task("captioning")
    config = from_dict(task.Config, {"data": task.other_data(captions)})
    assert [p.path.name.startswith("test-") for p in task.read(config).test] == [True] * 10


@pytest.mark.parametrize("features", ["grid", "vector"])
def test_an_explanation_lights_the_picture_word_by_word(
    features: str, captions: Path, tmp_path: Path
) -> None:
    settings = {**TINY, "model": {**TINY["model"], "features": features}}
    run = seqkit.load(seqkit.train("captioning", captions, out=tmp_path / "run", **settings).path)
    picture = _pictures(captions)[0]
    explanation = run.explain(picture)
    (part,) = [p for p in explanation.parts if isinstance(p, Pictures)]
    assert explanation.title == Path(picture).name
    assert explanation.prediction.output == run.predict(picture).output
    assert part.picture.size == (run.pipeline.transform.size,) * 2
    if features == "vector":
        assert list(part.words) == [] and "cannot look" in part.about
        return
    assert list(part.words) == explanation.prediction.detail["tokens"]
    for grid in part.weights:
        assert (len(grid), len(grid[0])) == run.pipeline.backbone.grid_size
        assert sum(map(sum, grid)) == pytest.approx(1, abs=1e-4)


def test_a_caption_is_judged_by_the_reference_that_it_is_nearest_to(
    captions: Path, tmp_path: Path
) -> None:
    run = seqkit.load(seqkit.train("captioning", captions, out=tmp_path / "run", **TINY).path)
    answer = Prediction(None, "a dog runs")
    judgement = run.pipeline.judge(CaptionedPicture(Path("x"), ("A cat.", "A dog runs!")), answer)
    assert (judgement.wanted, judgement.score) == ("a dog runs", 1.0)
