"""BLEU and chrF of translations through sacreBLEU, with the signature that goes with the scores.

Torch-free; sacreBLEU and sacremoses are imported when a score is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import overload

import numpy

from seqkit.metrics.bootstrap import Array, Tallies
from seqkit.metrics.corpus import check_references


@dataclass(frozen=True)
class TranslationScores:
    """A corpus's scores, 0..100 as sacreBLEU prints them.

    Attributes:
        bleu: Of plain text.
        bleu_tokenized: Of lower-cased words as Moses cuts them, which is what papers on Multi30k report.
        chrf: Of plain text.
        signature: How `bleu` and `chrf` were computed, such as "BLEU|nrefs:1|case:mixed|... chrF2|nrefs:1|...": two
            scores may be compared if their signatures are equal.
    """

    bleu: float
    bleu_tokenized: float
    chrf: float
    signature: str


def translation_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    lowercase: bool = False,
    language: str = "en",
) -> TranslationScores:
    """Corpus BLEU and chrF of plain, detokenised text, which is cut into words here.

    Args:
        hypotheses: One translation a sentence.
        references: For each sentence its references, one or more; their number may vary.
        lowercase: True ignores case in `bleu` and `chrf`; the signature says so.
        language: Two-letter code of the language whose rules Moses cuts by; there are none for quotes in one that it
            does not know.

    Raises:
        DataError: if the two differ in length, are empty, or a sentence has no reference.

    Post 2018, https://aclanthology.org/W18-6319 (BLEU).
    Popović 2015, https://aclanthology.org/W15-3049 (chrF).
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    check_references(hypotheses, references)
    # sacreBLEU wants the first reference of every sentence, then the second of every sentence, and
    # so on; None where a sentence has no more.
    streams = [list(stream) for stream in zip_longest(*references)]
    bleu, chrf = BLEU(lowercase=lowercase), CHRF(lowercase=lowercase)
    plain = bleu.corpus_score(list(hypotheses), streams)
    characters = chrf.corpus_score(list(hypotheses), streams)
    tokenized = BLEU(tokenize="none", force=True).corpus_score(
        moses_words(hypotheses, language), [moses_words(stream, language) for stream in streams]
    )
    signature = f"BLEU|{bleu.get_signature()} {characters.name}|{chrf.get_signature()}"
    return TranslationScores(plain.score, tokenized.score, characters.score, signature)


def bleu_tallies(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], lowercase: bool = False
) -> Tallies:
    """The `bleu` of the same texts, sentence by sentence: matches and number of n-grams, and the lengths."""
    from sacrebleu.metrics.bleu import BLEU

    check_references(hypotheses, references)
    bleu = BLEU(lowercase=lowercase)
    counted = [
        bleu.corpus_score([hypothesis], [[reference] for reference in of_sentence])
        for hypothesis, of_sentence in zip(hypotheses, references, strict=True)
    ]
    rows = [[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in counted]
    return Tallies(numpy.asarray(rows), _bleu)


def _bleu(sums: Array) -> Array:
    """BLEU of counts that are added up already, as `corpus_score` smooths it."""
    from sacrebleu.metrics.bleu import BLEU

    return numpy.asarray([
        BLEU.compute_bleu(row[:4], row[4:8], row[8], row[9], smooth_method="exp").score
        for row in sums.astype(int).tolist()
    ])  # fmt: skip


@overload
def moses_words(texts: Sequence[str], language: str) -> list[str]: ...
@overload
def moses_words(texts: Sequence[str | None], language: str) -> list[str | None]: ...
def moses_words(texts: Sequence[str | None], language: str) -> list[str] | list[str | None]:
    """Lower-cased words and signs of each text with blanks between them, cut by Moses' rules for a language after its
    normalisation of quotes and dashes; None stays None."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalise, tokenise = (
        MosesPunctNormalizer(language).normalize,
        MosesTokenizer(language).tokenize,
    )

    def words(text: str) -> str:
        return str(tokenise(normalise(text), return_str=True, escape=False)).lower()

    return [None if text is None else words(text) for text in texts]
