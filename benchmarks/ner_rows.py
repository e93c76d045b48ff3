"""Named entities of CoNLL-2003, beside flair: the same sizes and batches."""

from __future__ import annotations

from typing import Any

from preparing import Settings, at, read, seqkit_prediction, seqkit_training, spread, write_lines
from processes import Side, race
from row import Setup

SETTINGS: Settings = {
    "model": {
        "cell": "lstm", "hidden_size": 200, "emb_size": 100, "dropout": 0.5, "crf": True,
        "characters": "rnn", "char_emb_size": 25, "char_size": 50, "case_size": 0,
    },
    "training": {"batch_size": 32, "lr": 0.004, "clip_norm": 1.0},
}  # fmt: skip
TRAINED, SCORED, TAGGED = 2048, 256, 1024


def training(setup: Setup) -> dict[str, Any]:
    """Seconds a token of an epoch over a share of the sentences."""
    parts = prepare(setup)
    tokens = sum(len(sentence.tokens) for sentence in parts["train"])
    ours = seqkit_training(setup, "ner", at(setup.work, SETTINGS), "dev_f1", tokens)
    times, known = race(ours, flair(setup, tokens), setup.repeats)
    return {"cases": {f"{TRAINED:,} sentences": times}, **known}


def prediction(setup: Setup) -> dict[str, Any]:
    """Seconds a token of tagging."""
    parts = prepare(setup, TAGGED)
    inputs = [list(sentence.tokens) for sentence in parts["dev"]]
    tokens = sum(map(len, inputs))
    ours = seqkit_prediction(setup, "ner", at(setup.work, SETTINGS), inputs, tokens)
    times, known = race(ours, flair(setup, tokens, "--predict"), setup.repeats)
    return {"cases": {f"{TAGGED:,} sentences": times}, **known}


def prepare(setup: Setup, scored: int = SCORED, trained: int = TRAINED) -> dict[str, list[Any]]:
    """Shares of the data, which both sides read as columns."""
    splits = read("ner", SETTINGS, setup.data / "conll2003")
    parts = {"train": spread(splits.train, trained), "dev": spread(splits.dev, scored)}
    for name, sentences in parts.items():
        lines = []
        for sentence in sentences:
            pairs = zip(sentence.tokens, sentence.tags, strict=True)
            lines += [*(f"{token} {tag}" for token, tag in pairs), ""]
        write_lines(setup.work / f"{name}.conll", lines)
    return parts


def flair(setup: Setup, tokens: int, *options: str) -> Side:
    """The side of flair."""
    model, training = SETTINGS["model"], SETTINGS["training"]
    values = {
        **{name: model[name] for name in ("hidden_size", "emb_size", "char_emb_size", "char_size", "dropout")},
        **{name: training[name] for name in ("batch_size", "lr", "clip_norm")},
        "threads": setup.threads, "data": setup.work,
    }  # fmt: skip
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    return Side(setup, "flair_ner", [*arguments, *options], tokens)
