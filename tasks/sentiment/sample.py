"""Short reviews in which the order of the words decides (torch-free).

Every draw gives two reviews from the same frame: one positive, one negative. In half of the pairs
the two hold exactly the same words ("The plot is clumsy, but the music is superb." and "The plot is
superb, but the music is clumsy."), so a model that ignores order answers both alike and gets one
wrong. The rest says one thing only, plainly ("The plot is superb, and the music is charming too.")
or by denial ("The plot is not dull at all, ...").
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Review = tuple[str, str]  # text, label

PAIRS = {"train": 1000, "dev": 150, "test": 200}  # pairs in each split, two reviews each
MIN_WORDS, MAX_WORDS = 8, 25
OPENER_SHARE = 0.5  # of the reviews begin with a sentence that has no opinion


@dataclass(frozen=True)
class Domain:
    """What is reviewed, and the words that fit it; every adjective fits every aspect."""

    wholes: tuple[str, ...]
    singular: tuple[str, ...]
    plural: tuple[str, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    verb: tuple[str, str]  # to be, singular and plural: a visit is over, a film can be seen again
    again: str  # what someone who liked it would do
    openers: tuple[str, ...]  # sentences without an opinion


def listed(words: str) -> tuple[str, ...]:
    """The words of a text, so that a long table of single words stays readable."""
    return tuple(words.split())


STORY_GOOD = listed(
    "superb wonderful clever charming delightful brilliant inspired fresh splendid memorable"
)
STORY_BAD = listed("awful dreadful clumsy dull feeble tedious lazy stale terrible forgettable")
VISIT_GOOD = listed(
    "excellent wonderful lovely fantastic delightful splendid outstanding marvellous superb"
)
VISIT_BAD = listed("awful dreadful poor terrible miserable dismal mediocre lousy disappointing")
DEVICE_GOOD = listed("excellent superb impressive brilliant outstanding great wonderful splendid")
DEVICE_BAD = listed("awful terrible shoddy dreadful poor mediocre lousy disappointing")

DOMAINS = (
    Domain(
        wholes=("film", "movie", "comedy", "thriller"),
        singular=("plot", "music", "dialogue", "camera work", "acting", "ending", "humour"),
        plural=("songs", "jokes", "costumes", "chase scenes", "special effects"),
        good=STORY_GOOD,
        bad=STORY_BAD,
        verb=("is", "are"),
        again="watch this {whole} again",
        openers=(
            "We saw it on a rainy Sunday.",
            "Our cinema shows it every evening.",
            "I watched it with my brother.",
        ),
    ),
    Domain(
        wholes=("novel", "book", "story"),
        singular=("plot", "prose", "dialogue", "opening", "ending", "narrator", "translation"),
        plural=("characters", "chapters", "descriptions", "drawings"),
        good=STORY_GOOD,
        bad=STORY_BAD,
        verb=("is", "are"),
        again="read this {whole} again",
        openers=(
            "I read it on the train.",
            "A colleague lent it to me.",
            "Our reading group chose it in May.",
        ),
    ),
    Domain(
        wholes=("restaurant", "bistro", "place"),
        singular=("soup", "fish", "bread", "dessert", "coffee", "service", "wine", "menu"),
        plural=("starters", "sauces", "salads", "noodles"),
        good=VISIT_GOOD,
        bad=VISIT_BAD,
        verb=("was", "were"),
        again="eat at this {whole} again",
        openers=(
            "We went there on Friday night.",
            "My aunt booked a table for six.",
            "We sat near the kitchen door.",
        ),
    ),
    Domain(
        wholes=("hotel", "guest house", "lodge"),
        singular=("breakfast", "view", "pool", "garden", "service", "terrace", "lobby"),
        plural=("beds", "rooms", "meals", "balconies"),
        good=VISIT_GOOD,
        bad=VISIT_BAD,
        verb=("was", "were"),
        again="stay at this {whole} again",
        openers=(
            "We stayed for three nights.",
            "I came here for a conference.",
            "Our room was on the second floor.",
        ),
    ),
    Domain(
        wholes=("phone", "laptop", "tablet"),
        singular=("screen", "battery", "keyboard", "sound", "software", "camera", "manual"),
        plural=("speakers", "buttons", "built-in games"),
        good=DEVICE_GOOD,
        bad=DEVICE_BAD,
        verb=("is", "are"),
        again="buy this {whole} again",
        openers=(
            "I ordered it last month.",
            "I have used it every day since spring.",
            "My daughter has the blue one.",
        ),
    ),
)

CHORES = (
    "clean the windows",
    "queue in the rain",
    "sort my old socks",
    "wash the dishes",
    "wait for a late bus",
    "fill in tax forms",
)
ADVERBS = ("", "", "", " really", " truly", " simply")
TAILS = (
    "",
    "",
    ", and that is what counts",
    ", and that is what I will remember",
    ", and that settles it for me",
    ", which matters more to me",
)

# Slots that end in 1 or 2 belong to the first or second opinion of a review.
FIRST_DECIDES = (
    "The {noun1} {is1} {adj1}, although the {noun2} {is2} {adj2}.",
    "The {noun1} {is1} {adj1}, even if the {noun2} {is2} {adj2}.",
    "The {noun1} {is1} {adj1} in spite of the {adj2} {noun2}.",
    "This {whole} {is0} {adj1}, whatever people may say about the {adj2} {noun2}.",
    "My word for the {noun1} is {adj1}, although others say {adj2}.",
    "I would call the {noun1} {adj1} rather than {adj2}.",
    "All in all, the {noun1} {be1} more {adj1} than {adj2}.",
    "The {noun1} {be1} far too {adj1} to be called {adj2}.",
    "The {noun1} {is1} {adj1} and never {adj2}.",
    "The {noun1} {is1} {adj1}, and not at all {adj2}.",
    "I remember {a1} {whole}, despite the {adj2} {noun2}.",
    "I would rather {act1} than {act2}.",
    "I would sooner {act1} than {act2}.",
)
SECOND_DECIDES = (
    "The {noun1} {is1} {adj1}, but the {noun2} {is2} {adj2}{tail}.",
    "The {noun1} {is1} {adj1}; however, the {noun2} {is2} {adj2}{tail}.",
    "Although the {noun1} {is1} {adj1}, the {noun2} {is2} {adj2}{tail}.",
    "Even though the {noun1} {is1} {adj1}, the {noun2} {is2} {adj2}{tail}.",
    "Despite the {adj1} {noun1}, the {noun2} {is2} {adj2}{tail}.",
    "Apart from the {adj1} {noun1}, everything about this {whole} {is0} {adj2}.",
    "I expected {a1} {whole} and found {a2} one.",
    "The advertisements spoke of {a1} {whole}, but I found {a2} one.",
    "At first I called this {whole} {adj1}, but in the end I called it {adj2}.",
    "The critics may call the {noun1} {adj1}, yet I find this {whole} {adj2}.",
    "The {noun1} {be1} not {adj1} but {adj2}.",
    "Nobody could call the {noun1} {adj1}; {adj2} is the word.",
    "The {noun1} {be1} anything but {adj1}, and the {noun2} {is2} {adj2}.",
    "With this {whole} there is never {a1} moment, only {adj2} ones.",
    "I wanted to {love1} this {whole}, but the {noun1} {is1} {adj2}{tail}.",
    "I was ready to {love1} it, but this {whole} {is0} {adj2}.",
)
BOTH_HOLD = (
    "The {noun1} {is1} {adj1}, and the {noun2} {is2} {adj2} too.",
    "What {a1} {whole}, and how {adj2} the {noun1} {be1}!",
    "Everything about this {whole} {is0} {adj1}, above all the {adj2} {noun1}.",
    "Not only {be1} the {noun1} {adj1}, but the {noun2} {be2} {adj2} as well.",
    "The {adj1} {noun1} and the {adj2} {noun2} sum up this {whole}.",
    "I must say that the {noun1} {is1} {adj1}, and so {be2} the {noun2}.",
)
BOTH_DENIED = (
    "The {noun1} {be1} not {adj1} at all, and the {noun2} {be2} not {adj2} either.",
    "The {noun1} {be1} far from {adj1}, and the {noun2} {be2} hardly {adj2}.",
    "I would never call the {noun1} {adj1} or the {noun2} {adj2}.",
    "Nobody could say that the {noun1} {be1} {adj1} or the {noun2} {adj2}.",
    "This {be0} by no means {a1} {whole}, nor {be2} the {noun2} {adj2}.",
    "There {be0} nothing {adj1} about the {noun1}, and the {noun2} {be2} anything but {adj2}.",
    "Not once did I find the {noun1} {adj1} or the {noun2} {adj2}.",
)
# Share of the pairs, frames, and which of the two opinions of the positive review are good.
KINDS = (
    (0.28, FIRST_DECIDES, (True, False)),
    (0.30, SECOND_DECIDES, (False, True)),
    (0.30, BOTH_HOLD, (True, True)),
    (0.12, BOTH_DENIED, (False, False)),
)


def make_sample(seed: int = 0) -> dict[str, list[Review]]:
    """Reviews with their labels, the same for the same seed on every machine.

    Args:
        seed: Chooses the sample; any integer.

    Returns:
        "train" (2000), "dev" (300) and "test" (400), each a list of (text, label) in random order.
        The label is "positive" or "negative", each in half of a split. No text occurs twice.
    """
    rng = random.Random(seed)
    pairs = distinct_pairs(rng)
    sample: dict[str, list[Review]] = {}
    for split, count in PAIRS.items():
        reviews = [review for _ in range(count) for review in next(pairs)]
        sample[split] = sorted(reviews, key=lambda _: rng.random())
    return sample


def distinct_pairs(rng: random.Random) -> Iterator[tuple[Review, Review]]:
    """Endless pairs of a positive and a negative review; no text is given twice.

    A pair is never parted, so a review and its opposite stand in the same split.
    """
    seen: set[str] = set()
    while True:
        texts = draw_pair(rng)
        fits = all(MIN_WORDS <= len(text.split()) <= MAX_WORDS for text in texts)
        if fits and seen.isdisjoint(texts):
            seen.update(texts)
            yield (texts[0], "positive"), (texts[1], "negative")


def draw_pair(rng: random.Random) -> tuple[str, str]:
    """A positive text and its negative counterpart: the same frame, nouns and adverbs.

    Opposed opinions change places, so both texts hold the same words; two opinions that agree
    both turn into their opposite.
    """
    domain = pick(rng, DOMAINS)
    frames, (first, second) = draw_kind(rng)
    frame = pick(rng, frames)
    if rng.random() < OPENER_SHARE:
        frame = f"{pick(rng, domain.openers)} {frame}"
    shared = draw_words(rng, domain)
    good, bad = distinct_two(rng, domain.good), distinct_two(rng, domain.bad)
    acts = {True: domain.again.format(**shared), False: pick(rng, CHORES)}
    second_place = int(first == second)  # two opinions that agree need two adjectives

    def fill(first_good: bool, second_good: bool) -> str:
        adj1 = (good if first_good else bad)[0]
        adj2 = (good if second_good else bad)[second_place]
        return frame.format(
            adj1=adj1,
            adj2=adj2,
            a1=with_article(adj1),
            a2=with_article(adj2),
            act1=acts[first_good],
            act2=acts[second_good],
            love1="love" if first_good else "hate",
            **shared,
        )

    return fill(first, second), fill(not first, not second)


def draw_kind(rng: random.Random) -> tuple[tuple[str, ...], tuple[bool, bool]]:
    """Frames of one kind, drawn by the shares, and the two opinions of its positive review."""
    draw = rng.random()
    for share, frames, opinions in KINDS[:-1]:
        if draw < share:
            return frames, opinions
        draw -= share
    return KINDS[-1][1], KINDS[-1][2]


def draw_words(rng: random.Random, domain: Domain) -> dict[str, str]:
    """Words for the slots that carry no opinion: nouns, verbs that agree with them, a tail."""
    nouns = distinct_two(rng, domain.singular + domain.plural)
    verbs = [domain.verb[noun in domain.plural] for noun in nouns]
    return {
        "whole": pick(rng, domain.wholes),
        "be0": domain.verb[0],
        "is0": domain.verb[0] + pick(rng, ADVERBS),
        "noun1": nouns[0],
        "noun2": nouns[1],
        "be1": verbs[0],
        "be2": verbs[1],
        "is1": verbs[0] + pick(rng, ADVERBS),
        "is2": verbs[1] + pick(rng, ADVERBS),
        "tail": pick(rng, TAILS),
    }


def with_article(adjective: str) -> str:
    """The adjective after the article that fits it."""
    return f"{'an' if adjective[0] in 'aeiou' else 'a'} {adjective}"


def distinct_two(rng: random.Random, items: Sequence[Item]) -> tuple[Item, Item]:
    """Two items from different places of `items`."""
    place = int(rng.random() * len(items))
    step = 1 + int(rng.random() * (len(items) - 1))
    return items[place], items[(place + step) % len(items)]


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """One item, each equally likely; `random()` alone stays the same in every Python version."""
    return items[int(rng.random() * len(items))]
