"""Short sentences whose verbs agree with a subject some words before (torch-free).

"The dogs near the old house chase a cat." A model that counts words cannot know whether "chase" or "chases" follows;
one that carries the subject's number can.
"""

from __future__ import annotations

import random

SIZES = {"train": 3000, "dev": 200, "test": 300}

NOUNS = (("dog", "dogs"), ("cat", "cats"), ("child", "children"), ("bird", "birds"), ("woman", "women"),
         ("farmer", "farmers"), ("horse", "horses"), ("teacher", "teachers"))  # fmt: skip
VERBS = (
    ("sees", "see"),
    ("follows", "follow"),
    ("likes", "like"),
    ("calls", "call"),
    ("watches", "watch"),
)
PLACES = ("house", "river", "tree", "school", "bridge", "hill")
ADJECTIVES = ("old", "small", "quiet", "red", "young", "tired")
PREPOSITIONS = ("near", "behind", "beside")


def make_sample() -> dict[str, list[str]]:
    """Sentences of each split, the same ones each time; no sentence stands in two splits."""
    rng = random.Random(7)
    seen: set[str] = set()
    splits: dict[str, list[str]] = {}
    for name, size in SIZES.items():
        texts: list[str] = []
        while len(texts) < size:
            text = _sentence(rng)
            if text not in seen:
                seen.add(text)
                texts.append(text)
        splits[name] = texts
    return splits


def _sentence(rng: random.Random) -> str:
    number = rng.randrange(2)
    words = ["the", *_phrase(rng, number)]
    if rng.random() < 0.7:
        words += [rng.choice(PREPOSITIONS), "the", *_adjective(rng), rng.choice(PLACES)]
    verb = rng.choice(VERBS)[number]
    words += [verb, "the", *_phrase(rng, rng.randrange(2))]
    return " ".join(words).capitalize() + "."


def _phrase(rng: random.Random, number: int) -> list[str]:
    return [*_adjective(rng), rng.choice(NOUNS)[number]]


def _adjective(rng: random.Random) -> list[str]:
    return [rng.choice(ADJECTIVES)] if rng.random() < 0.5 else []
