"""Sentences whose names only the context can tell apart (torch-free).

"Jordan", "Chelsea" or "Lincoln" is a person, a place or an organisation, and "Will" or "Reading"
may be no name at all. What decides stands left of the name ("We drove to ..."), right of it, often
some words away ("..., as everybody knew, was a famous singer"), or is the next word ("Lincoln
Group", "Lincoln Cup"). Some names follow another without a comma ("In Milan Jordan fell asleep").
Dev and test also hold coined names that training never shows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Sentence = tuple[list[str], list[str]]  # tokens, BIO tags of the same length


def listed(words: str) -> tuple[str, ...]:
    """The words of a text, so that a long table of single words stays readable."""
    return tuple(words.split())


SIZES = {"train": 1500, "dev": 250, "test": 400}  # sentences
KINDS = ("PER", "LOC", "ORG")
COINED_SHARE = 0.25  # of the names
SECOND_WORD_SHARE = 0.3  # of the names have two words
NAMELESS_SHARE = 0.08  # of the sentences begin with a word that looks like a name and is none
MIXED_SHARE = 0.4  # of the sentences are built on `MIXED`; the rest hold one kind of name

AMBIGUOUS = listed(
    "Jordan Chelsea Washington Paris Lincoln Santos Milan Florence Georgia Amazon Virginia Sydney "
    "Charlotte Houston Dallas Austin Brooklyn Victoria Adelaide Kent Carolina Valencia Logan "
    "Phoenix Orlando Madison Jackson Lancaster York Hamilton Preston Burton Derby Stanley Verona "
    "Sofia Alexandria Aurora Savannah Wells Morgan"
)
WORDLIKE = {
    "PER": listed("Will Mark Grace Hope Rose May Bill Grant Frank Joy Faith"),
    "LOC": listed("Reading Bath Nice Mobile Orange"),
    "ORG": listed("Orange Target Shell Apple Sage Reading"),
}
COINED_STARTS = listed(
    "Tar Mel Bro Kel Nor Hal Win Dra Ves Lin Cor Fen Gal Pel Ros Sel Tor Var Wen Bar Dun"
)
COINED_ENDS = {
    "PER": listed("sen etti ova insky man well"),
    "LOC": listed("ton mouth burg ville ford stad"),
    "ORG": listed("tec soft onix corp net line"),
}
COINED_PARTS = {"train": range(7), "dev": range(7, 8), "test": range(8, 10)}  # tenths
SECOND_WORDS = {
    "LOC": ("Bay", "Falls", "Springs", "Heights", "Beach", "Park"),
    "ORG": ("Brothers", "Group", "Holdings", "Partners", "International"),
    "MISC": ("Cup", "Prize", "Marathon", "Festival", "Open"),
}

# What a slot in lower case, or of the form KIND_word, may become. An empty text is "nothing".
WORDS = {
    "time": (
        "on Monday",
        "on Sunday",
        "after lunch",
        "at noon",
        "this morning",
        "this evening",
        "over the weekend",
        "during the break",
    ),
    "when": ("Last year", "In spring", "Two days later", "As usual", "For the first time"),
    "said": ("I heard that", "The radio said that", "It is true that", "Nobody noticed that"),
    "adv": ("", "", "once again", ", much to our surprise ,", ", to be fair ,", ", in the end ,"),
    "aside": (
        "as everybody knew",
        "if I remember rightly",
        "according to the radio",
        "as the guide explained",
        "at least in those days",
    ),
    "rel": (
        "we talked about {time}",
        "my uncle could not stop praising",
        "everybody remembers",
        "I read about in the paper {time}",
        "they mentioned on the radio",
    ),
    "adj": ("famous", "remarkable", "rather modest", "very old", "much admired"),
    "PER_noun": ("singer", "teacher", "judge", "dentist", "goalkeeper"),
    "LOC_noun": ("village", "town", "suburb", "port"),
    "ORG_noun": ("bank", "airline", "publisher", "car maker"),
    "PER_did": (
        "smiled and said nothing",
        "forgot the umbrella",
        "married a dentist",
        "fell asleep on the sofa",
        "sang two old songs",
        "apologised to the neighbours",
        "learned to swim",
        "broke a finger",
    ),
    "LOC_did": (
        "lay under deep snow",
        "attracted many tourists",
        "suffered from heavy floods",
        "got a new railway station",
        "was full of narrow streets",
        "looked beautiful from the hill",
        "needed a second bridge",
        "elected a new mayor",
    ),
    "ORG_did": (
        "reported a small profit",
        "raised all prices",
        "hired forty engineers",
        "opened a second factory",
        "went bankrupt",
        "won a large contract",
        "sold the main warehouse",
        "cut three hundred jobs",
    ),
    "PER_left": (
        "I shook hands with",
        "We had dinner with",
        "My cousin married",
        "The nurse woke",
        "She sat next to",
        "I greeted the guests and then",
    ),
    "LOC_left": (
        "We drove to",
        "They camped near",
        "A bridge collapsed in",
        "He took the night train to",
        "I got lost in",
        "She walked all the way from the coast to",
    ),
    "ORG_left": (
        "He bought shares in",
        "She resigned from",
        "The union went to court against",
        "Analysts praised the profits of",
        "Many students work for",
        "The drivers were on strike at the factory of",
    ),
}

# "{X}" becomes one kind in the whole sentence, so the words around it are all that tells which.
SAME_KIND = (
    "{X} {adv} {X_did} {time} .",
    "{X} {X_did} {time} .",
    "{when} {X} {adv} {X_did} .",
    "{said} {X} {adv} {X_did} {time} .",
    "{X} , {aside} , was a {adj} {X_noun} .",
    "{said} {X} was a {adj} {X_noun} .",
    "The {X_noun} {rel} was {X} .",
    "The {X_noun}s {rel} were {X} and {X} .",
    "It was a {adj} {X_noun} , and the name was {X} .",
    "{X_left} {X} {time} .",
    "{X_left} {X} and {X} {time} .",
    "{X} , {X} and {X} were {adj} {X_noun}s .",
)
MIXED = (
    "{PER} left {ORG} and moved to {LOC} {time} .",
    "{ORG} sued {ORG} in {LOC} {time} .",
    "In {LOC} {PER} {PER_did} {time} .",
    "In {LOC} {ORG} {ORG_did} {time} .",
    "While working for {ORG} {PER} {PER_did} .",
    "{PER} of {ORG} met {PER} of {ORG} {time} .",
    "Between {LOC} and {LOC} the road was closed {time} .",
    "{PER} flew from {LOC} to {LOC} {time} .",
    "Will {PER} join {ORG} {time} ?",
    "May {PER} borrow your bicycle {time} ?",
    "{PER} won the {MISC} in {LOC} {time} .",
    "The {MISC} was cancelled {time} , said {PER} .",
    "{PER} told {PER} about the {MISC} {time} .",
    "{ORG} paid for the {MISC} {time} .",
    "Not {PER} but {PER} opened the door {time} .",
    "{ORG} , based in {LOC} , {ORG_did} {time} .",
    "{PER} , born in {LOC} , {PER_did} {time} .",
    "{ORG} bought {ORG} {time} , although {PER} had warned the managers .",
    "Thanks to the work of {PER} , {ORG} {ORG_did} {time} .",
    "The {MISC} made {LOC} famous among runners and singers .",
    "Most people in {LOC} work for {ORG} or for {ORG} .",
)
NAMELESS = (
    "Will the {PER_noun} be late {time} ?",
    "Mark the {LOC_noun} on this map {time} .",
    "Grace and patience helped the {PER_noun} {time} .",
    "Hope was all that the {PER_noun} had {time} .",
    "Rose petals covered the floor {time} , said the {PER_noun} .",
    "May the {PER_noun} use your phone {time} ?",
    "Bill the {PER_noun} {time} , please .",
    "Grant the {PER_noun} a short rest {time} .",
    "Frank words from the {PER_noun} helped us {time} .",
    "Joy filled the whole {LOC_noun} {time} .",
    "Faith in the {ORG_noun} was low {time} .",
    "Reading the letter took the {PER_noun} an hour {time} .",
    "Bath towels were cheap in the {LOC_noun} {time} .",
    "Nice {PER_noun}s helped us {time} .",
    "Mobile phones did not work in the {LOC_noun} {time} .",
    "Orange juice was free for the {PER_noun} {time} .",
    "Target practice was noisy in the {LOC_noun} {time} .",
    "Shell the peas for the {PER_noun} {time} , please .",
    "Apple cake was served to the {PER_noun} {time} .",
    "Sage and thyme were grown in the {LOC_noun} .",
)

SLOT = re.compile(r"\{(\w+)\}")


def make_sample(seed: int = 0) -> dict[str, list[Sentence]]:
    """Tagged sentences, the same for the same seed on every machine.

    Args:
        seed: Chooses the sample; any integer.

    Returns:
        "train" (1500), "dev" (250) and "test" (400), each a list of (tokens, tags) in random order.
        Tags are BIO with the types PER, LOC, ORG and MISC. No sentence occurs twice.
    """
    rng = random.Random(seed)
    seen: set[tuple[str, ...]] = set()
    sample: dict[str, list[Sentence]] = {}
    for split, size in SIZES.items():
        sentences = distinct_sentences(rng, split, seen)
        sample[split] = [next(sentences) for _ in range(size)]
    return sample


def distinct_sentences(
    rng: random.Random, split: str, seen: set[tuple[str, ...]]
) -> Iterator[Sentence]:
    """Endless sentences for a split, none of them in `seen`, where each is entered."""
    while True:
        tokens, tags = tag_names(rng, draw_frame(rng), split)
        names = [token for token, tag in zip(tokens, tags, strict=True) if tag != "O"]
        names_repeat = any(tokens.count(name) > 1 for name in names)  # "Will Will join Milan?"
        if not names_repeat and tuple(tokens) not in seen:
            seen.add(tuple(tokens))
            yield tokens, tags


def draw_frame(rng: random.Random) -> str:
    """A sentence, its tokens parted by spaces, where only the names are still slots."""
    draw = rng.random()
    if draw < NAMELESS_SHARE:
        frame = pick(rng, NAMELESS)
    elif draw < NAMELESS_SHARE + MIXED_SHARE:
        frame = pick(rng, MIXED)
    else:
        frame = pick(rng, SAME_KIND).replace("{X", "{" + pick(rng, KINDS))
    return fill_words(rng, frame)


def fill_words(rng: random.Random, text: str) -> str:
    """The text with every slot of `WORDS` filled, those inside a filling too; names stay slots."""

    def fill(match: re.Match[str]) -> str:
        slot = match[1]
        return fill_words(rng, pick(rng, WORDS[slot])) if slot in WORDS else match[0]

    return SLOT.sub(fill, text)


def tag_names(rng: random.Random, frame: str, split: str) -> Sentence:
    """Tokens and tags of a frame, a name of the split in each slot."""
    tokens: list[str] = []
    tags: list[str] = []
    for part in frame.split():
        slot = SLOT.fullmatch(part)
        words = draw_name(rng, slot[1], split) if slot else [part]
        tokens += words
        tags += [f"B-{slot[1]}"] + [f"I-{slot[1]}"] * (len(words) - 1) if slot else ["O"]
    return tokens, tags


def draw_name(rng: random.Random, kind: str, split: str) -> list[str]:
    """A name of one or two words; a person's second word is ambiguous or coined like the first."""
    if kind == "MISC":
        return [pick(rng, AMBIGUOUS), pick(rng, SECOND_WORDS[kind])]
    first = pick(rng, AMBIGUOUS + WORDLIKE[kind])
    coined = pick(rng, coined_names(kind, split)) if rng.random() < COINED_SHARE else ""
    if rng.random() >= SECOND_WORD_SHARE:
        return [coined or first]
    if kind == "PER":
        return [first, coined or pick(rng, AMBIGUOUS)]
    return [coined or first, pick(rng, SECOND_WORDS[kind])]


def coined_names(kind: str, split: str) -> list[str]:
    """Made-up names that only this split uses; its share of all is given by `COINED_PARTS`."""
    names = [start + end for start in COINED_STARTS for end in COINED_ENDS[kind]]
    return [name for place, name in enumerate(names) if place % 10 in COINED_PARTS[split]]


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """One item, each equally likely; `random()` alone stays the same in every Python version."""
    return items[int(rng.random() * len(items))]
