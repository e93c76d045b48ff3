"""Rows in which both sides are seqkit: cached features, time outside the steps, more data, the start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import ner_rows
import sentiment_rows
import translation_rows
from preparing import Settings, at, config_of, read, recipe, seqkit_training, spread, write_lines
from processes import race
from row import Setup
from side_by_side import Times, alternate

import seqkit
from seqkit.config import merge
from seqkit.registry import get_task

CAPTIONS: Settings = recipe(
    "captioning", "flickr8k-attend", data={"mirror": False, "min_count": 1},
    training={"precision": "no", "schedule": "constant"}, decoding={"beam_size": 1},
)  # fmt: skip
PICTURES, LOOKED_AT = 240, 8
SENTENCE = "Not bad at all."
BARE = "import sys, torch; from safetensors.torch import load_file; load_file(sys.argv[1])"
TEXTS, GROWTH = 400, (10, 100)
REVIEWS, SENTENCES, PAIRS, SEEN = 12_500, 7_000, 14_500, 3_000
"""Of an epoch whose inside is looked at: half of the data set, so that its one checkpoint counts as it really does."""


def cached_features(setup: Setup, backbone: str = "") -> dict[str, Any]:
    """Seconds a picture of an epoch, with features that were computed before and with the CNN at work in it: the
    recipe's, or one of torchvision's as it starts out, since its speed does not hang on its weights."""
    settings = write_pictures(setup)
    if backbone:
        weights = setup.work / f"{backbone}.safetensors"
        write_untrained(backbone, weights)
        settings = merge(settings, {"model": {"backbone": backbone, "weights": str(weights)}})
    ours = seqkit_training(setup, "captioning", settings, "dev_loss", PICTURES)
    without = part(setup, "without")
    theirs = seqkit_training(
        without, "captioning", settings, "dev_loss", PICTURES, "--without-features"
    )
    times, known = race(ours, theirs, setup.repeats)
    return {"cases": {f"{PICTURES} pictures": times}, **known}


def write_untrained(backbone: str, path: Path) -> None:
    """Writes weights that a network of torchvision starts from; a ResNet's blocks then add nothing, so that numbers
    stay of a size."""
    from safetensors.torch import save_file
    from torchvision import models

    options = {"zero_init_residual": True} if backbone.startswith("resnet") else {}
    save_file(models.get_model(backbone, **options).state_dict(), path)


def write_pictures(setup: Setup, count: int = PICTURES) -> Settings:
    """So many of the pictures with their captions, and the settings that name them."""
    splits = read("captioning", CAPTIONS, setup.data / "flickr8k")
    parts = {"train": spread(splits.train, count), "dev": spread(splits.dev, LOOKED_AT)}
    named = {"cache": str(setup.work / "cache")}
    for name, pictures in parts.items():
        rows = [
            json.dumps({"picture": str(picture.path), "caption": caption})
            for picture in pictures for caption in picture.captions
        ]  # fmt: skip
        named[name] = str(setup.work / f"{name}-captions.jsonl")
        write_lines(Path(named[name]), rows)
    return merge(CAPTIONS, {"data": named})


def inside_steps(setup: Setup) -> dict[str, Any]:
    """Seconds of an epoch of each task, beside those of its forward, backward and update alone."""
    bilstm = sentiment_rows.BILSTM
    sentiment_rows.prepare(part(setup, "sentiment"), bilstm, REVIEWS)
    ner_rows.prepare(part(setup, "ner"), trained=SENTENCES)
    translation_rows.prepare(part(setup, "translation"), trained=PAIRS)
    settings = {
        "sentiment": (at(setup.work / "sentiment", bilstm), "dev_accuracy"),
        "ner": (at(setup.work / "ner", ner_rows.SETTINGS), "dev_f1"),
        "translation": (at(setup.work / "translation", translation_rows.SETTINGS), "dev_loss"),
        "captioning": (write_pictures(setup, SEEN), "dev_loss"),
    }
    return {"cases": {name: shares(setup, name, *chosen) for name, chosen in settings.items()}}


def part(setup: Setup, name: str) -> Setup:
    """The setup with a folder of its own."""
    folder = setup.work / name
    folder.mkdir(exist_ok=True)
    return replace(setup, work=folder)


def shares(setup: Setup, task: str, settings: Settings, quality: str) -> Times:
    """Seconds of whole epochs (`ours`), and of the work in their steps (`theirs`)."""
    times: Times = {"ours": [], "theirs": []}
    with seqkit_training(part(setup, f"{task}-run"), task, settings, quality, 1) as side:
        for _ in range(setup.repeats):
            times["ours"].append(side.seconds())
            times["theirs"].append(side.last["inside"])
    return times


def growing_data(setup: Setup) -> dict[str, Any]:
    """Seconds a text of an epoch over ten and a hundred times as many texts, beside those over few."""
    cases, memory = {}, {}
    for times_more in GROWTH:
        sides = []
        for count in (times_more * TEXTS, TEXTS):
            own = part(setup, f"{times_more}-{count}")
            write_texts(own.work, count)
            settings = at(own.work, sentiment_rows.BILSTM)
            sides.append(seqkit_training(own, "sentiment", settings, "dev_accuracy", count))
        ours, theirs = sides
        cases[f"{times_more} x {TEXTS} texts"], _ = race(ours, theirs, setup.repeats)
        memory = {"ours": ours.last["megabytes"], "theirs": theirs.last["megabytes"]}
    return {"cases": cases, "quality": memory}


def write_texts(folder: Path, count: int) -> None:
    """So many texts of the built-in sample, over and over."""
    splits = get_task("sentiment").read(config_of("sentiment", {}))
    for name, texts, many in (("train", splits.train, count), ("dev", splits.dev, len(splits.dev))):
        lines = (json.dumps({"text": text.text, "label": text.label}) for text in cycle(texts))
        write_lines(folder / f"{name}.jsonl", list(islice(lines, many)))


def start(setup: Setup) -> dict[str, Any]:
    """Seconds of the command that answers one sentence, beside those of torch and the weights alone."""
    run = seqkit.train("sentiment", out=setup.work / "run", training={"epochs": 1}).path
    answer = [sys.executable, "-m", "seqkit", "predict", str(run), SENTENCE]
    bare = [sys.executable, "-c", BARE, str(run / "model.safetensors")]
    for command in (answer, bare):
        lasting(command)
    times = alternate(lambda: lasting(answer), lambda: lasting(bare), setup.repeats)
    return {"cases": {"one sentence": times}}


def lasting(command: Sequence[str]) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
