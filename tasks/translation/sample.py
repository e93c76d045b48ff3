"""The built-in English-French sample: a small grammar that writes sentence pairs. Torch-free.

The French side has what makes translation more than looking words up: gender and number agreement,
adjectives on either side of the noun, elision (l'eau), contraction (du, aux), ne ... pas, object
pronouns before the verb, and participles that agree. Each English sentence has one French one:
"you" is always the polite "vous", a mixed or unknown group is masculine, and so is "I".

A clause is put together in both languages at once from phrases that carry their agreement; elision
and contraction are done last, on the whole French sentence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from .lexicon import (
    ADJECTIVES,
    AVOIR,
    BE,
    BEFORE,
    BEFORE_VOWEL,
    BELIEVING,
    DEFINITE,
    DETERMINERS,
    ETAIT,
    ETRE,
    FITTING,
    GIVING,
    IL,
    ILS,
    INDEFINITE,
    JE,
    MARKERS,
    MOVING,
    NEGATIVE,
    NOBODYS,
    NOUNS,
    NOUS,
    OBJECTS,
    PLACING,
    PLURAL_DETERMINERS,
    POSSESSIVE,
    SUBJECTS,
    VERBS,
    VOUS,
    VOWEL,
    WAS,
    Phrase,
    Verb,
    Verbal,
)

TRAIN_SIZE, DEV_SIZE, TEST_SIZE = 5600, 300, 400  # sentence pairs


def make_sample(seed: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Splits `train`, `dev` and `test` of (English, French) sentences, the same for the same seed.

    Returns:
        5,600, 300 and 400 pairs. No English and no French sentence stands twice in all of them, so
        that `dev` and `test` ask for new sentences; their French words all stand in `train`.
    """
    rng = random.Random(seed)
    seen: set[str] = set()
    known: set[str] = set()  # the French words of `train`
    sample: dict[str, list[tuple[str, str]]] = {"train": [], "dev": [], "test": []}
    for name, size in (("train", TRAIN_SIZE), ("dev", DEV_SIZE), ("test", TEST_SIZE)):
        while len(sample[name]) < size:
            english, french = _finished(*_sentence(rng))
            words = set(re.findall(r"\w+", french))
            if name == "train":
                known |= words
            if english not in seen and french not in seen and words <= known:
                seen |= {english, french}
                sample[name].append((english, french))
    return sample


def _finished(english: str, french: str) -> tuple[str, str]:
    """The sentences with a/an, elision, contraction and capitals."""
    english = re.sub(r"\ba (?=[aeiou])", "an ", english)
    french = re.sub(rf"\b(?:(l)a|([ldjmn]|qu)e) (?=[{VOWEL}])", r"\1\2'", french)
    contracted = {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"}
    french = re.sub(r"\b(?:de|à) les?\b(?!')", lambda match: contracted[match[0]], french)
    return _capitalised(english), _capitalised(french)


def _capitalised(text: str) -> str:
    return re.sub(r"(?:^|[.?] )\w", lambda match: match[0].upper(), text)


def _sentence(rng: random.Random) -> tuple[str, str]:
    kinds = (_statement, _question, _contrast, _existence)
    kind = rng.choices(kinds, weights=(74, 9, 8, 9))[0]
    return kind(rng)


def _statement(rng: random.Random) -> tuple[str, str]:
    """One clause, at times as what someone thinks or says."""
    makers = (_action, _action_on_pronoun, _description, _movement, _gift)
    english, french = rng.choices(makers, weights=(34, 20, 14, 14, 18))[0](rng)
    if rng.random() < 0.12:
        opening = Verbal(rng.choice(BELIEVING))
        english, french = _clause(_subject(rng), opening, (english, f"que {french}"))
    return f"{english}.", f"{french}."


def _question(rng: random.Random) -> tuple[str, str]:
    """A question for something, and an answer whose pronoun has its gender."""
    sought = _noun_phrase(rng, ("animal", "thing", "food", "text"), DEFINITE, is_plain=True)
    answer_en, answer_fr = _action_on_pronoun(rng, sought)
    return (
        f"where {BE[sought.form]} {sought.english}? {answer_en}.",
        f"où {ETRE[sought.form]} {sought.french} ? {answer_fr}.",
    )


def _contrast(rng: random.Random) -> tuple[str, str]:
    topic = _noun_phrase(rng, ("animal", "thing", "food", "text"), DEFINITE, is_plain=True)
    english, french = _description(rng, topic)
    other_en, other_fr = _action_on_pronoun(rng, topic)
    return f"{english} but {other_en}.", f"{french} mais {other_fr}."


def _existence(rng: random.Random) -> tuple[str, str]:
    is_negative, is_past = rng.random() < 0.3, rng.random() < 0.3
    thing = _noun_phrase(rng, ("person", "animal", "thing"), INDEFINITE, "no" * is_negative)
    place_en, place_fr = _place(rng)
    be = (WAS if is_past else BE)[thing.form]
    has = "avait" if is_past else "a"
    there = f"il ne y {has} pas" if is_negative else f"il y {has}"
    return f"there {be} {thing.english} {place_en}.", f"{there} {thing.french} {place_fr}."


def _action(rng: random.Random) -> tuple[str, str]:
    verbal = _verbal(rng, VERBS)
    base = verbal.verb.base
    articles: tuple[str, ...] = (*INDEFINITE, *DEFINITE)
    if base in ("love", "know"):
        articles = DEFINITE
    elif base == "have":
        articles = INDEFINITE
    any_ = "any" if verbal.marker in NEGATIVE else ""
    what = _noun_phrase(rng, verbal.verb.kinds, articles, any_)
    english, french = _clause(_subject(rng), verbal, (what.english, what.french))
    if verbal.verb.progressive and rng.random() < 0.2:
        place_en, place_fr = _place(rng)
        english, french = f"{english} {place_en}", f"{french} {place_fr}"
    return english, french


def _action_on_pronoun(rng: random.Random, antecedent: Phrase | None = None) -> tuple[str, str]:
    """A clause with an object pronoun: any person, or the one that stands for `antecedent`."""
    kind = antecedent.kind if antecedent else "person"
    verbs = [verb for verb in VERBS if kind in verb.kinds and verb.base != "have"]
    verbal = _verbal(rng, verbs)
    what = _pronoun_for(antecedent) if antecedent else rng.choice(OBJECTS)
    if what.form == VOUS:
        verbal = replace(verbal, is_past=False)  # a participle cannot agree with any "you"
    subject = _subject(rng, unlike=what)
    return _clause(subject, verbal, (what.english, ""), pronoun=what.french, agrees_with=what)


def _description(rng: random.Random, topic: Phrase | None = None) -> tuple[str, str]:
    if topic is None:
        topic = _noun_phrase(rng, tuple(NOUNS), DEFINITE, is_plain=True)
        topic = rng.choice((topic, topic, rng.choice(SUBJECTS)))
    if topic.form == VOUS:
        topic = SUBJECTS[0]  # "you" may be one or several, men or women: no agreement
    # After "be", French has another word for "new".
    adjective = rng.choice([word for word in FITTING[topic.kind].split() if word != "new"])
    is_negative, is_past = rng.random() < 0.3, rng.random() < 0.3
    be, etre = (WAS, ETAIT) if is_past else (BE, ETRE)
    is_en, is_fr = be[topic.form], etre[topic.form]
    if is_negative:
        is_en, is_fr = f"{is_en} not", f"ne {is_fr} pas"
    return (
        f"{topic.english} {is_en} {adjective}",
        f"{topic.french} {is_fr} {_agreeing(adjective, topic)}",
    )


def _movement(rng: random.Random) -> tuple[str, str]:
    verbal = _verbal(rng, MOVING)
    place = _noun_phrase(rng, ("place",), ("the", "the", "the", "this", "our", "a"), plural_share=0)
    preposition = {"to": "à", "from": "de"}[verbal.verb.particle]
    subject = _subject(rng, unlike=OBJECTS[1] if verbal.is_past else None)
    where = (place.english, f"{preposition} {place.french}")
    return _clause(subject, verbal, where, agrees_with=subject)


def _gift(rng: random.Random) -> tuple[str, str]:
    """Someone gives or shows something to a person, who is a noun or a pronoun."""
    verbal = _verbal(rng, GIVING)
    any_ = "any" if verbal.marker in NEGATIVE else ""
    what = _noun_phrase(rng, verbal.verb.kinds, (*INDEFINITE, *DEFINITE), any_)
    if rng.random() < 0.4:
        person = _noun_phrase(rng, ("person",), DEFINITE)
        things = (f"{person.english} {what.english}", f"{what.french} à {person.french}")
        return _clause(_subject(rng), verbal, things)
    person = rng.choice(OBJECTS)
    indirect = {"le": "lui", "la": "lui", "les": "leur"}.get(person.french, person.french)
    things = (f"{person.english} {what.english}", what.french)
    return _clause(_subject(rng, unlike=person), verbal, things, pronoun=indirect)


def _clause(
    subject: Phrase,
    verbal: Verbal,
    rest: tuple[str, str],
    *,
    pronoun: str = "",
    agrees_with: Phrase | None = None,
) -> tuple[str, str]:
    """Subject, verb and `rest` in (English, French).

    `pronoun` stands before the French verb, its English is part of `rest`. The participle takes the
    ending of `agrees_with`: a direct object before it, or the subject, which asks for être.
    """
    auxiliary = (ETRE if agrees_with is subject else AVOIR)[subject.form]
    participle = verbal.verb.participle + (agrees_with.ending() if agrees_with else "")
    group = [
        "ne" if verbal.marker in NEGATIVE else "",
        pronoun,
        auxiliary if verbal.is_past else verbal.verb.present[subject.form],
        MARKERS[verbal.marker],
        participle if verbal.is_past else "",
    ]
    english = [subject.english, *_english_group(subject, verbal), verbal.verb.particle, rest[0]]
    french = [subject.french, *group, rest[1]]
    return " ".join(filter(None, english)), " ".join(filter(None, french))


def _english_group(subject: Phrase, verbal: Verbal) -> list[str]:
    verb, marker = verbal.verb, verbal.marker
    is_third = subject.form == IL
    if verbal.is_past:
        return ["did not", verb.base] if marker == "not" else [marker, verb.past]
    if verb.progressive and marker in ("", "not"):
        return [BE[subject.form], marker, verb.progressive]
    if marker == "not":
        return ["does not" if is_third else "do not", verb.base]
    return [marker, verb.third if is_third else verb.base]


def _verbal(rng: random.Random, verbs: Sequence[Verb]) -> Verbal:
    verb = rng.choice(verbs)
    is_past = bool(verb.past) and rng.random() < 0.4
    return Verbal(verb, is_past, rng.choices(list(MARKERS), weights=(60, 20, 7, 7, 6))[0])


def _subject(rng: random.Random, unlike: Phrase | None = None) -> Phrase:
    """A person, with a pronoun or a noun; neither "I" nor "we" beside "me" or "us", and so on."""
    taken = {unlike.form} - {IL, ILS} if unlike else set()
    taken |= {JE, NOUS} if taken & {JE, NOUS} else set()
    if rng.random() < 0.4:
        return _noun_phrase(rng, ("person",), DEFINITE)
    return rng.choice([subject for subject in SUBJECTS if subject.form not in taken])


def _place(rng: random.Random) -> tuple[str, str]:
    english, french = rng.choice(list(PLACING.items()))
    place = _noun_phrase(rng, ("place",), ("the", "the", "this", "my", "a"), plural_share=0)
    return f"{english} {place.english}", f"{french} {place.french}"


def _pronoun_for(thing: Phrase) -> Phrase:
    if thing.plural:
        return Phrase("them", "les", ILS, thing.feminine)
    return Phrase("it", "la" if thing.feminine else "le", IL, thing.feminine)


def _noun_phrase(
    rng: random.Random,
    kinds: Sequence[str],
    articles: Sequence[str],
    negative: str = "",
    plural_share: float = 0.35,
    is_plain: bool = False,
) -> Phrase:
    """A noun with its article and perhaps adjectives, or with an owner.

    `negative` is the English word, "any" or "no", that an indefinite article becomes after a
    negation; the French one is then "de". `is_plain` asks for no adjectives.
    """
    kind, article = rng.choice(kinds), rng.choice(articles)
    if negative and article in INDEFINITE:
        article = negative
    is_plural = article in ("two", "three") or rng.random() < plural_share
    singular_en, plural_en, singular_fr, plural_fr, gender = rng.choice(NOUNS[kind])
    if singular_en in NOBODYS and article in POSSESSIVE:
        article = "the"
    noun = Phrase(
        plural_en if is_plural else singular_en,
        plural_fr if is_plural else singular_fr,
        ILS if is_plural else IL,
        gender == "f",
        kind,
    )
    described = noun if is_plain else _with_adjectives(rng, noun)
    is_opened = described.french.split()[0] != noun.french
    if article == "the" and kind not in ("person", "place", "food") and rng.random() < 0.3:
        return _owned(rng, described)
    return _with_article(described, article, is_opened)


def _with_adjectives(rng: random.Random, noun: Phrase) -> Phrase:
    fitting = FITTING[noun.kind].split()
    english, french = noun.english, noun.french
    if rng.random() < 0.12:
        after = rng.choice([adjective for adjective in fitting if adjective not in BEFORE])
        english, french = f"{after} {english}", f"{french} {_agreeing(after, noun)}"
    if rng.random() < 0.22:
        before = rng.choice([adjective for adjective in fitting if adjective in BEFORE])
        is_before_vowel = noun.french[0] in VOWEL
        english = f"{before} {english}"
        french = f"{_agreeing(before, noun, is_before_vowel)} {french}"
    return replace(noun, english=english, french=french)


def _agreeing(adjective: str, noun: Phrase, is_before_vowel: bool = False) -> str:
    masculine, before_vowel, feminine, masculine_plural, feminine_plural = ADJECTIVES[adjective]
    if noun.plural:
        return feminine_plural if noun.feminine else masculine_plural
    if noun.feminine:
        return feminine
    return before_vowel if is_before_vowel else masculine


def _with_article(noun: Phrase, article: str, is_opened: bool) -> Phrase:
    """The noun behind its article; `is_opened` says that an adjective stands between them."""
    if article in ("any", "no"):
        french = "de"
        english = "a" if article == "any" and not noun.plural else article
    else:
        masculine, feminine, plural = DETERMINERS[article].split()
        french = plural if noun.plural else feminine if noun.feminine else masculine
        english = PLURAL_DETERMINERS.get(article, article) if noun.plural else article
    if french == "des" and is_opened:
        french = "de"
    if noun.french[0] in VOWEL:
        french = BEFORE_VOWEL.get(french, french)
    return replace(noun, english=f"{english} {noun.english}", french=f"{french} {noun.french}")


def _owned(rng: random.Random, noun: Phrase) -> Phrase:
    owner = _noun_phrase(rng, ("person",), DEFINITE)
    while owner.english.endswith("s"):  # keeps clear of "the boys' dog" and "the actress's dog"
        owner = _noun_phrase(rng, ("person",), DEFINITE)
    the = "les" if noun.plural else "la" if noun.feminine else "le"
    return replace(
        noun,
        english=f"{owner.english}'s {noun.english}",
        french=f"{the} {noun.french} de {owner.french}",
    )
