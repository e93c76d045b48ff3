"""Translation of Multi30k's captions, beside joeynmt: the same units, sizes and batches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from preparing import (
    Settings,
    at,
    config_of,
    read,
    seqkit_prediction,
    seqkit_training,
    spread,
    write_lines,
)
from processes import Side, race
from row import Setup

from seqkit.registry import get_task

SETTINGS: Settings = {
    "data": {"units": "bpe", "vocab_size": 4000, "joint": True, "src_lang": "en", "tgt_lang": "fr"},
    "model": {
        "cell": "gru", "emb_size": 256, "hidden_size": 256, "decoder_size": 256,
        "attention": "additive", "tie": "three_way", "dropout": 0.3,
    },
    "training": {"batch_size": 64, "lr": 0.002, "clip_norm": 1.0, "schedule": "constant"},
    "decoding": {"beam_size": 5},
}  # fmt: skip
LENGTH = 16
"""Units of each decoded sentence, its end mark included: networks that have learned little would never end it."""
FIXED = {**SETTINGS, "decoding": {"beam_size": 5, "min_len": LENGTH - 1, "max_len": LENGTH}}
"""The settings with which every sentence is as long as the others."""
TRAINED, SCORED = 3840, 128

Parts = dict[str, list[Any]]
"""Pairs of `train` and `dev`."""


def training(setup: Setup) -> dict[str, Any]:
    """Seconds a target unit of an epoch over a share of the pairs."""
    parts, pipeline = prepare(setup)
    units = target_units(pipeline, parts["train"])
    ours = seqkit_training(setup, "translation", at(setup.work, SETTINGS), "dev_loss", units)
    times, known = race(ours, joeynmt(setup, pipeline, parts, units), setup.repeats)
    return {"cases": {f"{TRAINED:,} pairs": times}, **known}


def decoding(setup: Setup) -> dict[str, Any]:
    """Seconds a sentence of beam search, each sentence as long as the others."""
    parts, pipeline = prepare(setup)
    inputs = [pair.src for pair in parts["dev"]]
    ours = seqkit_prediction(setup, "translation", at(setup.work, FIXED), inputs, len(inputs))
    theirs = joeynmt(setup, pipeline, parts, len(inputs), "--decode")
    times, known = race(ours, theirs, setup.repeats)
    return {"cases": {f"{SCORED} sentences of {LENGTH} units": times}, **known}


def target_units(pipeline: Any, pairs: Sequence[Any]) -> int:
    """Units that a decoder writes for the pairs, end marks included."""
    return sum(len(pipeline.encode(pair).tgt) - 1 for pair in pairs)


def prepare(setup: Setup, trained: int = TRAINED) -> tuple[Parts, Any]:
    """Writes shares of the data for our side; the pairs, and a pipeline that cuts them as it will."""
    splits = read("translation", SETTINGS, setup.data / "multi30k")
    parts = {"train": spread(splits.train, trained), "dev": spread(splits.dev, SCORED)}
    for name, pairs in parts.items():
        write_lines(setup.work / f"{name}.en", [pair.src for pair in pairs])
        write_lines(setup.work / f"{name}.fr", [pair.tgt for pair in pairs])
    pipeline = get_task("translation").fit(config_of("translation", SETTINGS), parts["train"])
    return parts, pipeline


def joeynmt(setup: Setup, pipeline: Any, parts: Parts, units: int, *options: str) -> Side:
    """The side of joeynmt, which gets texts that are cut into units already."""
    cut = setup.work / "cut"
    for folder in (cut, setup.work / "joeynmt"):
        folder.mkdir()
    units_by_id = {number: unit for unit, number in pipeline.codecs["target"].index().items()}
    for name, pairs in parts.items():
        items = [pipeline.encode(pair) for pair in pairs]
        write_lines(cut / f"{name}.en", [cut_text(units_by_id, item.src[:-1]) for item in items])
        write_lines(cut / f"{name}.fr", [cut_text(units_by_id, item.tgt[1:-1]) for item in items])
    write_lines(cut / "units", list(units_by_id.values()))
    settings = setup.work / "joeynmt.json"
    settings.write_text(json.dumps(their_settings(setup)), encoding="utf-8")
    arguments = ["--settings", settings, "--threads", str(setup.threads), *options]
    return Side(setup, "joeynmt_translation", arguments, units)


def cut_text(units_by_id: Mapping[int, str], ids: Sequence[int]) -> str:
    """Units with a blank between.

    >>> cut_text({4: "▁un", 5: "e"}, [4, 5, 1])
    '▁un e <unk>'
    """
    return " ".join(units_by_id.get(i, "<unk>") for i in ids)


def their_settings(setup: Setup) -> dict[str, Any]:
    """Ours in joeynmt's words."""
    cut, model, training = setup.work / "cut", SETTINGS["model"], SETTINGS["training"]
    side = {"level": "word", "voc_file": str(cut / "units")}
    core = {
        "type": "recurrent", "rnn_type": model["cell"], "hidden_size": model["hidden_size"],
        "embeddings": {"embedding_dim": model["emb_size"]}, "dropout": model["dropout"], "num_layers": 1,
    }  # fmt: skip
    decoder = {"attention": "bahdanau", "input_feeding": False, "init_hidden": "bridge"}
    return {
        "name": "speed", "model_dir": str(setup.work / "joeynmt"), "use_cuda": False,
        "data": {
            "train": str(cut / "train"), "dev": str(cut / "dev"), "dataset_type": "plain",
            "src": {"lang": "en", **side}, "trg": {"lang": "fr", **side},
        },
        "training": {
            "optimizer": "adam", "learning_rate": training["lr"], "learning_rate_min": 0,
            "clip_grad_norm": training["clip_norm"], "batch_size": training["batch_size"],
            "batch_type": "sentence", "normalization": "tokens", "epochs": 1, "validation_freq": 10**9,
            "scheduling": "exponential", "decrease_factor": 1.0,  # constant, which has no name of its own
        },
        "testing": {
            "beam_size": SETTINGS["decoding"]["beam_size"], "beam_alpha": 1.0, "batch_size": training["batch_size"],
            "batch_type": "sentence", "min_output_length": LENGTH - 1, "max_output_length": LENGTH,
        },
        "model": {
            "tied_embeddings": True, "tied_softmax": True,
            "encoder": {**core, "bidirectional": True}, "decoder": {**core, **decoder},
        },
    }  # fmt: skip
