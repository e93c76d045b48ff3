"""The words of the built-in English-French sample, and the phrases that carry their agreement. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass

VOWEL = "aeiouyhàâéèêîôœ"  # the h of all words below is silent

# english singular, plural; french singular, plural; gender
_NOUNS = {
    "person": """
        man men homme hommes m|woman women femme femmes f|boy boys garçon garçons m
        girl girls fille filles f|friend friends ami amis m|child children enfant enfants m
        teacher teachers professeur professeurs m|nurse nurses infirmière infirmières f
        uncle uncles oncle oncles m|aunt aunts tante tantes f|queen queens reine reines f
        actress actresses actrice actrices f|baker bakers boulanger boulangers m""",
    "animal": """
        dog dogs chien chiens m|cat cats chat chats m|bird birds oiseau oiseaux m
        horse horses cheval chevaux m|cow cows vache vaches f|mouse mice souris souris f
        donkey donkeys âne ânes m|goat goats chèvre chèvres f""",
    "food": """
        apple apples pomme pommes f|orange oranges orange oranges f|egg eggs œuf œufs m
        cake cakes gâteau gâteaux m|pear pears poire poires f|onion onions oignon oignons m
        carrot carrots carotte carottes f""",
    "thing": """
        car cars voiture voitures f|bike bikes vélo vélos m|key keys clé clés f
        hat hats chapeau chapeaux m|table tables table tables f
        plate plates assiette assiettes f|computer computers ordinateur ordinateurs m
        boat boats bateau bateaux m
        shirt shirts chemise chemises f|umbrella umbrellas parapluie parapluies m""",
    "text": """
        book books livre livres m|letter letters lettre lettres f|story stories histoire histoires f
        newspaper newspapers journal journaux m|poem poems poème poèmes m""",
    "place": """
        school schools école écoles f|church churches église églises f|hotel hotels hôtel hôtels m
        market markets marché marchés m|station stations gare gares f|park parks parc parcs m
        hospital hospitals hôpital hôpitaux m|museum museums musée musées m
        beach beaches plage plages f""",
}

# english; masculine singular, before a vowel; feminine singular; masculine and feminine plural
_BEFORE = """
    small petit petit petite petits petites|big grand grand grande grands grandes
    old vieux vieil vieille vieux vieilles|new nouveau nouvel nouvelle nouveaux nouvelles
    beautiful beau bel belle beaux belles|young jeune jeune jeune jeunes jeunes
    good bon bon bonne bons bonnes|long long long longue longs longues
    kind gentil gentil gentille gentils gentilles"""
_AFTER = """
    black noir noir noire noirs noires|white blanc blanc blanche blancs blanches
    green vert vert verte verts vertes|red rouge rouge rouge rouges rouges
    expensive cher cher chère chers chères|happy heureux heureux heureuse heureux heureuses
    tired fatigué fatigué fatiguée fatigués fatiguées|cold froid froid froide froids froides
    intelligent intelligent intelligent intelligente intelligents intelligentes
    strange étrange étrange étrange étranges étranges
    interesting intéressant intéressant intéressante intéressants intéressantes
    quiet calme calme calme calmes calmes"""
FITTING = {
    "person": "young kind happy tired intelligent strange",
    "animal": "small old beautiful black white tired",
    "food": "small good cold expensive",
    "thing": "small big old new beautiful black white green red expensive",
    "text": "old new beautiful long good strange interesting",
    "place": "small big old new beautiful quiet",
}

# english base, third person, -ing form, past, what follows it (-: no such form, or not used here);
# french je, il, nous, vous, ils, past participle; what its object can be
_VERBS = """
    see sees - saw - vois voit voyons voyez voient vu person,animal,thing,place
    love loves - - - aime aime aimons aimez aiment aimé person,animal,text,place
    know knows - - - connais connaît connaissons connaissez connaissent connu person,place
    want wants - - - veux veut voulons voulez veulent voulu thing,animal,food
    have has - - - ai a avons avez ont eu thing,animal,text
    eat eats eating ate - mange mange mangeons mangez mangent mangé food
    buy buys buying bought - achète achète achetons achetez achètent acheté thing,food,text
    sell sells selling sold - vends vend vendons vendez vendent vendu thing,food,animal
    read reads reading - - lis lit lisons lisez lisent lu text
    draw draws drawing drew - dessine dessine dessinons dessinez dessinent dessiné animal,thing
    look looks looking looked for cherche cherche cherchons cherchez cherchent cherché thing,animal
    wait waits waiting waited for attends attend attendons attendez attendent attendu person
    listen listens listening listened to écoute écoute écoutons écoutez écoutent écouté person"""
_GIVING = """
    give gives giving gave - donne donne donnons donnez donnent donné thing,food,text
    show shows showing showed - montre montre montrons montrez montrent montré thing,animal,text"""
_MOVING = """
    go goes going went to vais va allons allez vont allé place
    come comes coming came from viens vient venons venez viennent venu place"""
_BELIEVING = """
    think thinks - - that pense pense pensons pensez pensent pensé clause
    say says - - that dis dit disons dites disent dit clause
    hope hopes - - that espère espère espérons espérez espèrent espéré clause"""

# masculine, feminine, plural; "a" in the plural is "some", or "any" after a negation
DETERMINERS = {
    "the": "le la les",
    "this": "ce cette ces",
    "my": "mon ma mes",
    "your": "votre votre vos",
    "his": "son sa ses",
    "her": "son sa ses",
    "our": "notre notre nos",
    "their": "leur leur leurs",
    "a": "un une des",
    "two": "deux deux deux",
    "three": "trois trois trois",
}
PLURAL_DETERMINERS = {"this": "these", "a": "some"}
BEFORE_VOWEL = {"ce": "cet", "ma": "mon", "sa": "son"}
DEFINITE = ("the", "the", "this", "my", "your", "his", "her", "our", "their")
INDEFINITE = ("a", "a", "two", "three")
POSSESSIVE = ("my", "your", "his", "her", "our", "their")
NOBODYS = ("man", "woman", "boy", "girl", "queen", "actress")  # "sa femme" would be a wife

JE, IL, NOUS, VOUS, ILS = range(5)  # which of a verb's five forms a subject takes
BE = ("am", "is", "are", "are", "are")
WAS = ("was", "was", "were", "were", "were")
ETRE = ("suis", "est", "sommes", "êtes", "sont")
ETAIT = ("étais", "était", "étions", "étiez", "étaient")
AVOIR = ("ai", "a", "avons", "avez", "ont")
MARKERS = {"": "", "not": "pas", "never": "jamais", "often": "souvent", "always": "toujours"}
NEGATIVE = ("not", "never")
PLACING = {"near": "près de", "behind": "derrière", "in front of": "devant"}


@dataclass(frozen=True)
class Phrase:
    """A noun phrase or pronoun in both languages, with what other words must agree with."""

    english: str
    french: str
    form: int = IL
    feminine: bool = False
    kind: str = "person"

    @property
    def plural(self) -> bool:
        return self.form in (NOUS, ILS)

    def ending(self) -> str:
        """What a participle or regular adjective adds to agree with this phrase."""
        return "e" * self.feminine + "s" * self.plural


@dataclass(frozen=True)
class Verb:
    """The forms of a verb in both languages; an empty string is a form that is not used."""

    base: str
    third: str
    progressive: str
    past: str
    particle: str
    present: tuple[str, ...]
    participle: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Verbal:
    """What happens to a verb in a clause: its tense and the adverb or negation beside it."""

    verb: Verb
    is_past: bool = False
    marker: str = ""


def _entries(table: str) -> list[list[str]]:
    return [entry.split() for entry in re.split(r"[|\n]", table) if entry.strip()]


def _verbs(table: str) -> list[Verb]:
    verbs = []
    for base, third, *rest in _entries(table):
        progressive, past, particle = (word.strip("-") for word in rest[:3])
        kinds = tuple(rest[9].split(","))
        verbs.append(
            Verb(base, third, progressive, past, particle, tuple(rest[3:8]), rest[8], kinds)
        )
    return verbs


NOUNS = {kind: _entries(table) for kind, table in _NOUNS.items()}
ADJECTIVES = {english: french for english, *french in _entries(_BEFORE + "|" + _AFTER)}
BEFORE = {english for english, *_ in _entries(_BEFORE)}
VERBS, GIVING, MOVING = _verbs(_VERBS), _verbs(_GIVING), _verbs(_MOVING)
BELIEVING = _verbs(_BELIEVING)

SUBJECTS = (
    Phrase("I", "je", JE),
    Phrase("you", "vous", VOUS),
    Phrase("he", "il", IL),
    Phrase("she", "elle", IL, feminine=True),
    Phrase("we", "nous", NOUS),
    Phrase("they", "ils", ILS),
)
OBJECTS = (
    Phrase("me", "me", JE),
    Phrase("you", "vous", VOUS),
    Phrase("him", "le", IL),
    Phrase("her", "la", IL, feminine=True),
    Phrase("us", "nous", NOUS),
    Phrase("them", "les", ILS),
)
