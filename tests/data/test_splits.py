"""Which file is which split, and what happens where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.splits import complete, find_splits, read_splits, split_off_groups
from seqkit.errors import DataError, UnknownNameError
from seqkit.settings import DataConfig
from seqkit.task import Splits, split_off


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


def fill(folder: Path, *names: str) -> Path:
    """Files of twenty examples each, which carry the name of their file."""
    for name in names:
        text = " ".join(f"{name}:{index}" for index in range(20))
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "dev.csv", "test.csv"),
        ("training.tsv", "validation.tsv", "test.tsv"),
        ("eng.train", "eng.testa.gz", "eng.testb"),
        ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated.conll"),
        ("Train.txt", "VAL.txt", "x-test_2.txt"),
    ],
)
def test_usual_names_are_known(tmp_path: Path, names: tuple[str, str, str]) -> None:
    fill(tmp_path, *names, "README.md")
    (tmp_path / "testing" / "train").mkdir(parents=True)
    found = find_splits(tmp_path)
    assert {split: file.name for split, file in found.items()} == dict(
        zip(("train", "dev", "test"), names, strict=True)
    )


def test_only_files_with_the_tasks_endings_count(tmp_path: Path) -> None:
    fill(tmp_path, "train.csv", "train.txt", "test.csv.gz")
    found = find_splits(tmp_path, (".csv",))
    assert {name: file.name for name, file in found.items()} == {
        "train": "train.csv", "test": "test.csv.gz",
    }  # fmt: skip


def test_words_that_only_hold_a_splits_name_are_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, "contest.csv", "devices.csv", "strain.csv")
    assert find_splits(tmp_path) == {}


def test_two_files_for_one_split_are_both_named(tmp_path: Path) -> None:
    fill(tmp_path, "dev.csv", "valid.csv")
    with pytest.raises(DataError, match=r"both dev\.csv and valid\.csv could be the dev split"):
        find_splits(tmp_path)


def test_a_folder_is_read_by_its_files(tmp_path: Path) -> None:
    fill(tmp_path, "train.txt", "dev.txt", "test.txt")
    splits = read_splits(DataConfig(path=str(tmp_path)), read)
    assert splits.train[0] == "train.txt:0" and len(splits.train) == 20
    assert splits.dev[0] == "dev.txt:0" and splits.test[0] == "test.txt:0"
    assert splits.source == str(tmp_path) and not splits.notes


def test_a_file_named_by_itself_goes_before_the_one_in_the_folder(tmp_path: Path) -> None:
    fill(tmp_path, "train.txt", "dev.txt", "test.txt", "other.txt")
    data = DataConfig(path=str(tmp_path), test=str(tmp_path / "other.txt"))
    assert read_splits(data, read).test[0] == "other.txt:0"


def test_one_file_is_parted_and_the_note_says_so(tmp_path: Path) -> None:
    fill(tmp_path, "all.txt")
    splits = read_splits(DataConfig(path=str(tmp_path / "all.txt"), dev_fraction=0.2), read)
    assert len(splits.dev) == 4 and len(splits.train) == 16 and not splits.test
    assert not set(splits.dev) & set(splits.train)
    assert splits.notes == (
        "No dev data: 4 of 20 training examples are set apart to choose the best epoch.",
    )


def test_a_test_file_alone_is_enough_to_score(tmp_path: Path) -> None:
    fill(tmp_path, "other.txt")
    splits = read_splits(DataConfig(test=str(tmp_path / "other.txt")), read)
    assert splits.get("test")[0] == "other.txt:0"
    with pytest.raises(DataError, match=r"other\.txt: no train split; found test"):
        splits.get("train")


def test_a_missing_path_and_a_folder_without_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        read_splits(DataConfig(path=str(tmp_path / "nowhere")), read)
    fill(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"no file ending in \.csv is named after a split"):
        read_splits(DataConfig(path=str(tmp_path)), read, suffixes=(".csv",))


def test_one_example_is_too_few_to_train_and_to_choose() -> None:
    with pytest.raises(DataError, match="here: 1 example; two at least"):
        complete(Splits(train=["only"], source="here"), 0.5, 1)


def test_a_dev_split_that_is_there_is_left_as_it_is() -> None:
    splits = Splits(train=["a", "b"], dev=["c"])
    assert complete(splits, 0.5, 1) is splits


@given(count=st.integers(2, 60), share=st.floats(0, 0.99), seed=st.integers(0, 9))
def test_the_part_set_apart_and_the_rest_are_the_whole_in_order(
    count: int, share: float, seed: int
) -> None:
    rest, drawn = split_off(range(count), share, seed)
    assert sorted([*rest, *drawn]) == list(range(count))
    assert rest == sorted(rest) and drawn == sorted(drawn)
    assert rest and len(drawn) == min(count - 1, max(1, round(count * share)))
    assert (rest, drawn) == split_off(range(count), share, seed)


def test_another_seed_sets_other_examples_apart() -> None:
    assert split_off(range(50), 0.2, 1) != split_off(range(50), 0.2, 2)


def test_an_unknown_split_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown split 'tests'.*Did you mean 'test'"):
        Splits(train=["a"]).get("tests")


@given(
    groups=st.lists(st.integers(0, 9), min_size=2, max_size=60),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 9),
)
def test_groups_are_set_apart_whole(groups: list[int], share: float, seed: int) -> None:
    if len(set(groups)) < 2:
        with pytest.raises(DataError, match="none can be set apart"):
            split_off_groups(groups, groups, share, seed)
        return
    examples = list(enumerate(groups))
    rest, drawn = split_off_groups(examples, groups, share, seed)
    assert sorted([*rest, *drawn]) == examples and rest and drawn
    assert rest == sorted(rest) and drawn == sorted(drawn)
    assert not {group for _, group in rest} & {group for _, group in drawn}
    largest = max(groups.count(group) for group in groups)
    assert len(drawn) < max(1, round(len(groups) * share)) + largest


def test_completing_asks_for_the_groups_of_the_training_examples() -> None:
    splits = Splits(train=["a1", "a2", "b1", "b2"], source="here")
    whole = complete(splits, 0.25, 1, lambda train: [ord(text[0]) for text in train])
    assert list(whole.dev) in (["a1", "a2"], ["b1", "b2"])
    assert "2 of 4 training examples are set apart" in whole.notes[0]
