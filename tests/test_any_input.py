"""Whatever stands in a file or a text: it is read or refused with a reason, and what was promised of it holds.

The long run of the same kind is `benchmarks/fuzz.py`.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqkit.tasks.captioning.captions import read_captions
from seqkit.tasks.captioning.pictures import open_picture
from seqkit.tasks.ner.config import NerData
from seqkit.tasks.ner.faults import column_faults
from seqkit.tasks.ner.reading import read_file
from seqkit.tasks.ner.tokenising import iter_tokens

import seqkit
from seqkit.config import read_yaml
from seqkit.data.codecs import build_codec
from seqkit.data.label_folders import read_label_archive
from seqkit.data.readers import read_parallel, read_table
from seqkit.data.tokens import join_words, split_joined
from seqkit.data.vectors import read_vectors
from seqkit.errors import SeqkitError
from seqkit.metrics import cider_d, corpus_bleu, rouge_l, tokenize_caption
from seqkit.metrics.classification import classification_scores
from seqkit.metrics.translation import translation_scores
from seqkit.predictor import Predictor

from .untrusted import KEPT

signs = st.characters(codec=None)  # all of Unicode, half characters among them
any_text = st.text(signs, max_size=60)
whole_text = st.text(max_size=60)
lines = st.lists(st.text("ab\t ,\"'{}[]:0\\n\r", max_size=12), max_size=8)
contents = st.one_of(
    st.binary(max_size=200), lines.map(lambda rows: "\n".join(rows).encode()),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.sampled_from(["text", "images", "annotations", "tokens", "tags", "id"]), inner),
                 max_leaves=8).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip

READERS: dict[str, Callable[[Path], object]] = {
    "a.csv": lambda path: read_table(path, ["text"]),
    "a.tsv": lambda path: read_table(path, ["0"], has_header=False),
    "a.jsonl": lambda path: read_table(path, ["text"]),
    "a.json": read_captions,
    "b.csv": read_captions,
    "Flickr8k.token.txt": read_captions,
    "a.conll": lambda path: read_file(path, NerData()),
    "b.conll": lambda path: list(column_faults([path], NerData())),
    "c.csv": lambda path: read_file(path, NerData()),
    "b.jsonl": lambda path: read_file(path, NerData()),
    "a.en": lambda path: read_parallel(path, path),
    "a.tar": lambda path: read_label_archive(path, "train"),
    "a.txt": lambda path: read_vectors(path, {"a": 0}),
    "a.txt.gz": lambda path: read_vectors(path, {"a": 0}),
    "a.yaml": read_yaml,
    "a.png": open_picture,
}


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40)
@given(content=contents)
def test_a_reader_reads_or_refuses_with_the_name_of_the_file(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            READERS[name](path)
        except SeqkitError as error:
            assert folder in str(error)


@pytest.fixture(scope="module")
def predictors() -> dict[str, Predictor]:
    return {name: seqkit.load(KEPT / name, device="cpu") for name in
            ("captioning", "language", "ner", "sentiment", "translation")}  # fmt: skip


@pytest.mark.parametrize("task", ["captioning", "language", "ner", "sentiment", "translation"])
@settings(max_examples=30)
@given(text=any_text)
def test_a_predictor_answers_or_refuses_any_text(
    predictors: dict[str, Predictor], task: str, text: str
) -> None:
    try:
        answer = predictors[task].predict(text)
    except SeqkitError:
        assert task == "captioning"  # which was asked for a picture of that name
        return
    assert answer.input == text and 0 <= answer.confidence <= 1
    assert json.dumps(answer.to_json(), allow_nan=False)


@given(text=whole_text)
def test_joined_words_come_back_but_for_runs_of_blanks(text: str) -> None:
    plain = " ".join(text.replace("\uffed", "\u25a0").split())
    assert join_words(split_joined(text)).split() == plain.split()


@given(text=any_text)
def test_characters_that_are_known_come_back(text: str) -> None:
    codec = build_codec("char", [text, "ab"], vocab_size=0)
    assert codec.decode(codec.encode(text)) == text


@pytest.mark.parametrize("units", ["word", "word_only", "char", "bpe", "unigram"])
@settings(max_examples=30)
@given(text=any_text)
def test_ids_of_any_text_are_known_and_decode_to_text(units: str, text: str) -> None:
    codec = CODECS.setdefault(
        units, build_codec(units, ["the cat sleeps", "a dog runs"] * 3, vocab_size=40)
    )
    ids = codec.encode(text)
    assert all(0 <= i < len(codec) for i in ids) and len(codec.tokens(text)) == len(ids)
    assert isinstance(codec.decode(ids), str)


CODECS: dict[str, seqkit.data.codecs.Codec] = {}


@given(text=any_text)
def test_tokens_hold_every_sign_that_is_no_blank_in_order(text: str) -> None:
    spans = list(iter_tokens(text))
    ends = [0, *(end for _, end in spans)]
    assert all(end <= a < b <= len(text) for end, (a, b) in zip(ends, spans, strict=False))
    assert "".join(text[a:b] for a, b in spans).split() == "".join(text.split()).split()


pairs = st.lists(st.tuples(whole_text, whole_text), min_size=1, max_size=4)


@settings(max_examples=50)
@given(pairs=pairs)
def test_scores_of_any_sentences_are_finite_and_within_their_bounds(
    pairs: list[tuple[str, str]],
) -> None:
    outputs, wanted = [a for a, _ in pairs], [b for _, b in pairs]
    cut = [tokenize_caption(text) for text in outputs]
    references = [[tokenize_caption(text)] for text in wanted]
    assert all(0 <= score <= 1 + 1e-9 for score in corpus_bleu(cut, references))
    assert 0 <= rouge_l(cut, references) <= 1
    assert 0 <= cider_d(cut, references)[0] <= 10 + 1e-6
    labels = sorted({*wanted, *outputs})
    assert 0 <= classification_scores(wanted, outputs, labels).accuracy <= 1
    scores = translation_scores(outputs, [[text] for text in wanted], False, "fr")
    assert all(
        math.isfinite(value) and 0 <= value <= 100 + 1e-6 for value in (scores.bleu, scores.chrf)
    )
