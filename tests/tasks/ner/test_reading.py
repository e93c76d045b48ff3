"""Reading tagged sentences: every format gives the same ones, every fault names its line."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from seqkit.tasks.ner import NerConfig, NerData, NerTask, Sentence
from seqkit.tasks.ner.reading import read_file, read_frame

from seqkit.config import from_dict
from seqkit.errors import ConfigError, DataError

ADA = Sentence(("Ada", "Lovelace", "joined", "Acme"), ("B-PER", "I-PER", "O", "B-ORG"))
BO = Sentence(("Bo", "slept"), ("B-PER", "O"))
TAGS = {
    "iob1": ("I-PER", "I-PER", "O", "I-ORG"),
    "bio": ADA.tags,
    "bioes": ("B-PER", "E-PER", "O", "S-ORG"),
}


def read(tmp_path: Path, content: str, name: str = "train.conll", **data: object) -> list[Sentence]:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return read_file(path, NerData(**data))  # type: ignore[arg-type]


def columns(tags: tuple[str, ...], separator: str = " ") -> str:
    return "".join(f"{t}{separator}{g}\n" for t, g in zip(ADA.tokens, tags, strict=True))


@pytest.mark.parametrize("scheme", TAGS)
@pytest.mark.parametrize("setting", ["auto", "same"])
def test_every_scheme_becomes_bio(tmp_path: Path, scheme: str, setting: str) -> None:
    chosen = scheme if setting == "same" else "auto"
    assert read(tmp_path, columns(TAGS[scheme]), scheme=chosen) == [ADA]


@pytest.mark.parametrize(
    ("written", "setting"),
    [(" ", None), ("\t", None), (" \t ", None), ("\t", "\t"), (",", ","), (" ||| ", " ||| ")],
)
def test_columns_are_separated_as_the_setting_says(
    tmp_path: Path, written: str, setting: str | None
) -> None:
    assert read(tmp_path, columns(ADA.tags, written), separator=setting) == [ADA]


def test_token_and_tag_columns_can_be_chosen(tmp_path: Path) -> None:
    content = "1 B-PER Bo NN\n2 O slept VB\n"
    assert read(tmp_path, content, token_column=2, tag_column=1) == [BO]


def test_the_last_column_is_the_tag_by_default(tmp_path: Path) -> None:
    assert read(tmp_path, "Bo NN I-NP B-PER\nslept VB I-VP O\n") == [BO]


def test_blank_lines_end_sentences_however_many_there_are(tmp_path: Path) -> None:
    assert read(tmp_path, "\n\nBo B-PER\nslept O\n\n \t\n\nBo B-PER\nslept O") == [BO, BO]


def test_document_lines_are_ignored_wherever_they_stand(tmp_path: Path) -> None:
    content = (
        "-DOCSTART- -X- O O\n\nBo N N B-PER\nslept V V O\n-DOCSTART- -X- O O\n"
        "Bo N N B-PER\nslept V V O\n\n-DOCSTART-\n"
    )
    assert read(tmp_path, content) == [BO, BO]


def test_sentences_of_a_document_are_joined_up_to_a_number_of_tokens(tmp_path: Path) -> None:
    bo = "Bo B-PER\nslept O\n\n"
    content = f"{bo}{bo}{bo}-DOCSTART- O\n\n{bo}"
    twice = Sentence(BO.tokens * 2, BO.tags * 2)
    assert read(tmp_path, content, join_tokens=5) == [twice, BO, BO]
    assert read(tmp_path, content, join_tokens=1) == [BO] * 4
    assert read(tmp_path, content) == [BO] * 4


def test_a_tab_separated_token_may_hold_any_other_space(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "New\u00a0York\tB-LOC\n \u3000x y\tO\n", separator="\t")
    assert sentence.tokens == ("New\u00a0York", " \u3000x y")
    (sentence,) = read(tmp_path, "New\u00a0York\tB-LOC\n")
    assert sentence.tokens == ("New\u00a0York",)


def test_gzip_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "eng.train.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfBo B-PER\r\nslept O\r\n\r\n"))
    assert read_file(path, NerData()) == [BO]


@pytest.mark.parametrize("first", ["Sentence #,Word,POS,Tag", "sentence_id,token,x,ner_tag"])
def test_csv_with_the_sentence_named_on_its_first_row_is_read(tmp_path: Path, first: str) -> None:
    content = (
        f'{first}\nSentence: 1,Bo,"N,x",B-PER\n,slept,V,O\nSentence: 2,Bo,N,B-PER\n,slept,V,O\n'
    )
    assert read(tmp_path, content, "train.csv") == [BO, BO]


def test_csv_with_the_sentence_named_on_every_row_is_read(tmp_path: Path) -> None:
    content = "nr;form;type\n7;Bo;B-PER\n7;slept;O\n8;Bo;B-PER\n8;slept;O\n"
    names = {"sentence_key": "nr", "token_key": "form", "tag_key": "type", "separator": ";"}
    assert read(tmp_path, content, "train.csv", **names) == [BO, BO]


@pytest.mark.parametrize("keys", [("tokens", "ner_tags"), ("words", "labels")])
def test_json_lines_with_lists_are_read(tmp_path: Path, keys: tuple[str, str]) -> None:
    rows = [dict(zip(keys, (s.tokens, s.tags), strict=True)) for s in (ADA, BO)]
    rows.append({keys[0]: [], keys[1]: []})
    content = "\n".join(json.dumps(row) for row in rows)
    assert read(tmp_path, content, "train.jsonl") == [ADA, BO]


def test_a_frame_is_read_by_tokens_and_by_sentences() -> None:
    by_token = pd.DataFrame(
        {
            "Sentence #": ["1", None, "2", None],
            "Word": ["Bo", "slept"] * 2,
            "Tag": ["B-PER", "O"] * 2,
        }
    )
    assert read_frame(by_token, NerData()) == [BO, BO]
    by_sentence = pd.DataFrame({"tokens": [list(ADA.tokens)], "tags": [list(ADA.tags)]})
    assert read_frame(by_sentence, NerData()) == [ADA]


@pytest.mark.parametrize(
    ("content", "data", "message"),
    [
        ("Bo N B-PER\nslept O\n", {}, r"line 2: 2 columns, expected 3 .*blanks or tabs"),
        (
            "Bo\tB-PER\n\nslept\tO\tx\n",
            {"separator": "\t"},
            r"line 3: 3 columns, expected 2.*'\\t'",
        ),
        ("Bo B-PER\n", {"separator": "\t"}, r"line 1: 1 columns .*are the same"),
        ("Bo B-PER\n", {"tag_column": 3}, r"line 1: 2 columns .* `data.tag_column` is 3"),
        ("Bo B-PER\n", {"token_column": -3}, r"`data.token_column` is -3"),
        ("Bo\tB-PER\n\tO\n", {"separator": "\t"}, r"line 2: the token is empty"),
        ("Bo B-PER\n\nslept PER\n", {}, r"line 3: Tag 0 is 'PER'"),
        ("Bo B-PER\nslept O\nI I-PER\n", {}, r"line 3: Tag 2 'I-PER' cannot .* bio fits longest"),
        ("Bo S-PER\nslept O\nI I-PER\n", {}, r"line 3: .* bioes fits longest"),
        ("Bo I-PER\n", {"scheme": "bio"}, r"line 1: Tag 0 'I-PER' .* in scheme 'bio'"),
        ("Bo B-PER\nslept O\n", {"scheme": "bioes"}, r"line 2: .* in scheme 'bioes'"),
        ("\n\n", {}, "no sentence in it"),
        ("", {}, "the file is empty"),
    ],
)
def test_a_faulty_column_file_is_refused_with_its_line(
    tmp_path: Path, content: str, data: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=r"train\.conll: .*" + message):
        read(tmp_path, content, **data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sentence,word\n1,Bo\n", r"line 1: which column is the tag\? .*`data.tag_key`"),
        ("sentence,word,tag\n1,Bo\n", r"line 2: 2 columns, expected 3"),
        ("sentence,word,tag\n,Bo,O\n", r"line 2: no sentence is named yet"),
        ("sentence,word,tag\n1,,O\n", r"line 2: the token is empty"),
        ("sentence,word,tag\n1,Bo,B-PER\n,x,\n", r"line 3: the tag is empty"),
        ("sentence,word,tag\n1,Bo,B-PER\n,x,J-PER\n", r"line 3: Tag 1 is 'J-PER'"),
    ],
)
def test_a_faulty_csv_file_is_refused_with_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=r"train\.csv: " + message):
        read(tmp_path, content, "train.csv")


def test_an_unknown_csv_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column or key 'tagg'\. .*Did you mean 'tag'"):
        read(tmp_path, "sentence,word,tag\n1,Bo,O\n", "train.csv", tag_key="tagg")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["Bo"], "tags": ["O", "O"]}, "1 tokens but 2 tags"),
        ({"tokens": ["Bo"], "tags": [3]}, "token 0: the tag must be text, got 3"),
        ({"tokens": "Bo", "tags": ["O"]}, "tokens must be a list of texts, got 'Bo'"),
        ({"tokens": ["Bo"], "tags": ["E-PER"]}, "token 0: Tag 0 'E-PER' cannot follow the start"),
    ],
)
def test_a_faulty_json_line_is_refused_with_its_line(
    tmp_path: Path, row: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=rf"train\.jsonl: line 1: {message}"):
        read(tmp_path, json.dumps(row), "train.jsonl")


def test_settings_that_contradict_each_other_are_all_refused() -> None:
    values = {"data": {"token_column": -1, "separator": ""}, "model": {"unk_prob": 2}}
    with pytest.raises(ConfigError) as caught:
        from_dict(NerConfig, values)
    for name in ("data.tag_column", "data.separator", "model.unk_prob"):
        assert f"`{name}`" in str(caught.value)


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"):
        (tmp_path / name).write_text("Bo\tB-PER\nslept\tO\n\t\n", encoding="utf-8")
    splits = NerTask().read(from_dict(NerConfig, {"data": {"path": str(tmp_path)}}))
    assert [len(splits.get(name)) for name in ("train", "dev", "test")] == [1, 1, 1]


def test_inputs_are_lines_of_text_or_sentences_of_columns(tmp_path: Path) -> None:
    text, conll = tmp_path / "in.txt", tmp_path / "in.conll"
    text.write_text("Bo slept.\nAda too.\n", encoding="utf-8")
    conll.write_text("Bo\nslept\n\nAda X O\n", encoding="utf-8")
    assert list(NerTask().inputs(text)) == ["Bo slept.", "Ada too."]
    assert list(NerTask().inputs(conll)) == [["Bo", "slept"], ["Ada"]]


@pytest.mark.parametrize(
    ("folder", "sizes"), [("conll2003", (14041, 3250, 0)), ("wnut17", (3394, 1009, 1287))]
)
def test_public_data_is_read_as_it_is(folder: str, sizes: tuple[int, int, int]) -> None:
    root = os.environ.get("SEQKIT_DATA")
    if not root:
        pytest.skip("SEQKIT_DATA does not name a folder of data")
    config = from_dict(NerConfig, {"data": {"path": str(Path(root) / folder)}})
    splits = NerTask().read(config)
    assert (len(splits.train), len(splits.dev), len(splits.test)) == sizes
