"""Translation scores against sacreBLEU called directly."""

from __future__ import annotations

import pytest
import sacrebleu

from seqkit.errors import DataError
from seqkit.metrics import translation_scores
from seqkit.metrics.translation import moses_words

HYPOTHESES = ["The cat sits on the mat.", "We don't see it, do we?", "A small boat"]
REFERENCES = [
    ["The cat sat on the mat.", "A cat sits on the mat."],
    ["We do not see it, do we?"],
    ["A little boat on a lake", "a small boat", "One boat"],
]


@pytest.mark.parametrize("lowercase", [False, True])
def test_one_reference_a_sentence_gives_sacrebleu_s_own_numbers(lowercase: bool) -> None:
    references = [item[0] for item in REFERENCES]
    scores = translation_scores(HYPOTHESES, [[text] for text in references], lowercase)
    bleu = sacrebleu.corpus_bleu(HYPOTHESES, [references], lowercase=lowercase)
    chrf = sacrebleu.metrics.CHRF(lowercase=lowercase).corpus_score(HYPOTHESES, [references])
    assert scores.bleu == pytest.approx(bleu.score)
    assert scores.chrf == pytest.approx(chrf.score)


def test_the_number_of_references_may_vary() -> None:
    streams = [
        [REFERENCES[0][0], REFERENCES[1][0], REFERENCES[2][0]],
        [REFERENCES[0][1], None, REFERENCES[2][1]],
        [None, None, REFERENCES[2][2]],
    ]
    scores = translation_scores(HYPOTHESES, REFERENCES)
    assert scores.bleu == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, streams).score)
    assert scores.chrf == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, streams).score)
    assert "nrefs:var" in scores.signature


def test_the_signature_names_both_scores_case_and_version() -> None:
    mixed = translation_scores(HYPOTHESES, [[item[0]] for item in REFERENCES]).signature
    assert mixed.startswith("BLEU|nrefs:1|case:mixed|")
    assert " chrF2|nrefs:1|case:mixed|" in mixed
    assert mixed.count(f"version:{sacrebleu.__version__}") == 2
    lower = translation_scores(HYPOTHESES, [[item[0]] for item in REFERENCES], True).signature
    assert lower.count("|case:lc|") == 2


def test_a_copy_of_the_reference_scores_100_and_case_counts_unless_lowercased() -> None:
    texts = ["A long enough sentence to score .".lower(), "And another one that is as long."]
    shouted = [text.upper() for text in texts]
    references = [[text] for text in texts]
    assert translation_scores(texts, references).bleu == pytest.approx(100.0)
    ignoring = translation_scores(shouted, references)
    assert ignoring.bleu < 50.0
    assert ignoring.bleu_tokenized == pytest.approx(100.0)
    assert translation_scores(shouted, references).chrf < 50.0
    assert translation_scores(shouted, references, lowercase=True).chrf == pytest.approx(100.0)


def test_tokenized_bleu_cuts_words_as_the_language_does() -> None:
    assert moses_words(["L’eau de l'île, bleue."], "fr") == ["l' eau de l' île , bleue ."]
    assert moses_words(["We don't.", None], "en") == ["we don 't .", None]
    assert moses_words(["We don't."], "xx") == ["we don ' t ."]  # no rules for its quotes
    reference = [["l'eau de l'île est bleue"]]
    as_written, as_cut = "l'eau de l'île semble bleue", "l' eau de l' île semble bleue"
    scores = translation_scores([as_written], reference, language="fr")
    wanted = sacrebleu.corpus_bleu([as_cut], [["l' eau de l' île est bleue"]], tokenize="none")
    assert scores.bleu_tokenized == pytest.approx(wanted.score)
    assert scores.bleu_tokenized > scores.bleu


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [["a"], ["b"]], "1 hypotheses but 2 lists of references"),
        ([], [], "No hypotheses"),
        (["a"], [[]], r"references\[0\] is empty"),
        (["a b"], ["a b"], r"references\[0\] is one string; give a list"),
    ],
)
def test_faulty_input_is_named(
    hypotheses: list[str], references: list[list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        translation_scores(hypotheses, references)
