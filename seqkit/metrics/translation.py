"""BLEU and chrF of translations through sacreBLEU, with the signature that goes with the scores.

Torch-free; sacreBLEU is imported when a score is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from seqkit.metrics.corpus import check_references


@dataclass(frozen=True)
class TranslationScores:
    """A corpus's scores, 0..100 as sacreBLEU prints them; `bleu_lowercase` is BLEU without regard to case.

    `signature` says how both were computed, such as "BLEU|nrefs:1|case:mixed|...
    chrF2|nrefs:1|...": two scores may be compared if their signatures are equal.
    """

    bleu: float
    bleu_lowercase: float
    chrf: float
    signature: str


def translation_scores(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], lowercase: bool = False
) -> TranslationScores:
    """Corpus BLEU and chrF of plain, detokenised text: sacreBLEU cuts it into words itself.

    Args:
        hypotheses: One translation a sentence.
        references: For each sentence its references, one or more; their number may vary.
        lowercase: True ignores case in both scores; the signature says so.

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
    scores, signatures = [], []
    for metric in (BLEU(lowercase=lowercase), BLEU(lowercase=True), CHRF(lowercase=lowercase)):
        result = metric.corpus_score(list(hypotheses), streams)
        scores.append(float(result.score))
        signatures.append(f"{result.name}|{metric.get_signature()}")
    bleu, bleu_lowercase, chrf = scores
    return TranslationScores(bleu, bleu_lowercase, chrf, f"{signatures[0]} {signatures[2]}")
