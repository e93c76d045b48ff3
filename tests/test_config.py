"""Settings: read from plain values, checked all at once, written and read again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqkit.config import (
    Faults,
    check_setting,
    dump_yaml,
    from_dict,
    iter_settings,
    merge,
    nest,
    read_yaml,
    setting_names,
    to_dict,
    unknown_setting,
)
from seqkit.errors import ConfigError
from seqkit.settings import CoreConfig, DataConfig, TrainingConfig


@dataclass(frozen=True)
class Kinds:
    """A field of each kind that settings have."""

    whole: int = 1
    real: float = 0.5
    yes: bool = False
    text: str = "a"
    maybe: int | None = None
    choice: Literal["lstm", "gru"] = "lstm"
    many: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Settings:
    """Sections as a task has them."""

    kinds: Kinds = field(default_factory=Kinds)
    model: CoreConfig = field(default_factory=CoreConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def built(**kinds: Any) -> Kinds:
    return from_dict(Settings, {"kinds": kinds}).kinds


@pytest.mark.parametrize(
    ("name", "given_value", "stored"),
    [
        ("whole", 3, 3),
        ("whole", "3", 3),
        ("whole", " -4 ", -4),
        ("real", 3, 3.0),
        ("real", "1e-3", 0.001),
        ("yes", True, True),
        ("text", "", ""),
        ("text", "3", "3"),
        ("maybe", None, None),
        ("maybe", "7", 7),
        ("choice", "gru", "gru"),
        ("many", [3, "4"], (3, 4)),
        ("many", [], ()),
    ],
)
def test_plain_values_become_the_fields_type(name: str, given_value: Any, stored: Any) -> None:
    value = getattr(built(**{name: given_value}), name)
    assert value == stored and type(value) is type(stored)


@pytest.mark.parametrize(
    ("name", "given_value", "rule"),
    [
        ("whole", 1.5, "a whole number"),
        ("whole", True, "a whole number"),
        ("whole", "--5", "a whole number"),
        ("whole", "²", "a whole number"),
        ("whole", None, "a whole number"),
        ("real", "fast", "a number"),
        ("real", False, "a number"),
        ("real", 10**400, "a number"),
        ("yes", 1, "true or false"),
        ("yes", "true", "true or false"),
        ("text", 3, "text"),
        ("text", None, "text"),
        ("maybe", "x", "a whole number"),
        ("choice", "lstn", r"one of lstm, gru, got 'lstn'. Did you mean 'lstm'\?"),
        ("choice", ["lstm"], "one of lstm, gru"),
        ("many", 3, "a list"),
        ("many", "34", "a list"),
        ("many", [1, "x"], "a whole number"),
    ],
)
def test_a_value_of_another_type_is_told_with_what_is_allowed(
    name: str, given_value: Any, rule: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^`kinds.{name}` must be {rule}"):
        built(**{name: given_value})
    said = check_setting(Settings, f"kinds.{name}", given_value)
    assert said is not None and said.startswith(f"`kinds.{name}` must be")


def test_a_setting_that_fits_has_nothing_said_of_it() -> None:
    assert check_setting(Settings, "kinds.whole", "3") is None


def test_all_faults_of_all_sections_are_told_at_once() -> None:
    values = {
        "kinds": {"whole": "x", "choise": "gru"},
        "model": {"hidden_size": 0, "dropout": 1.0, "num_layers": 0},
        "training": {"batch_size": 0, "lr": 0},
        "modle": {},
    }
    with pytest.raises(ConfigError) as caught:
        from_dict(Settings, values)
    assert sorted(str(caught.value).splitlines()) == [
        "Unknown setting `kinds.choise`. Did you mean 'choice'?",
        "Unknown setting `modle`. Did you mean 'model'?",
        "`kinds.whole` must be a whole number, got 'x'.",
        "`model.dropout` must be at least 0 and below 1, got 1.0.",
        "`model.hidden_size` must be at least 1 unit, got 0.",
        "`model.num_layers` must be at least 1 layer, got 0.",
        "`training.batch_size` must be at least 1 example, got 0.",
        "`training.lr` must be above 0, got 0.0.",
    ]


@pytest.mark.parametrize("value", ["lstm", None, 3, ["cell"]])
def test_a_section_that_is_no_mapping_is_told(value: Any) -> None:
    with pytest.raises(ConfigError, match="`model` must be a section of settings, got"):
        from_dict(Settings, {"model": value})


def test_a_key_that_is_no_text_is_an_unknown_setting() -> None:
    with pytest.raises(ConfigError, match=r"Unknown setting `model\.3`"):
        from_dict(Settings, {"model": {3: 4}})


@pytest.mark.parametrize("value", [float("nan"), -1.0, 1.0, 2.0])
def test_a_share_outside_0_to_1_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"`model.dropout` must be at least 0 and below 1"):
        CoreConfig(dropout=value)


@pytest.mark.parametrize(
    "name",
    ["epochs", "batch_size", "batch_tokens", "lr", "weight_decay", "momentum", "warmup_steps",
     "plateau_patience", "clip_norm", "accumulate", "patience", "threads", "seed"],
)  # fmt: skip
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_no_number_of_training_may_be_negative_or_nan(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"`training.{name}` must be"):
        TrainingConfig(**{name: value})


def test_a_transformers_width_is_a_multiple_of_its_heads() -> None:
    with pytest.raises(ConfigError, match=r"multiple of `model.num_heads` \(4\)"):
        CoreConfig(cell="transformer", hidden_size=10)
    assert CoreConfig(cell="gru", hidden_size=10).num_heads == 4
    with pytest.raises(ConfigError, match=r"`model.num_heads` must be at least 1 head, got 0"):
        CoreConfig(cell="transformer", num_heads=0)


def test_a_path_and_a_training_file_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"`data.path` and `data.train` exclude each other"):
        DataConfig(path="a", train="b")


def test_a_section_that_extends_another_adds_to_its_faults() -> None:
    @dataclass(frozen=True)
    class Extended(CoreConfig):
        depth: int = 1

        def faults(self) -> Faults:
            faults = super().faults()
            faults.at_least(self, "depth", 1)
            return faults

    with pytest.raises(ConfigError, match=r"(?s)`model.dropout`.*`model.depth` must be at least 1"):
        Extended(dropout=3, depth=0)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CoreConfig().hidden_size = 3  # type: ignore[misc]


settings_of_kinds = st.builds(
    Kinds,
    whole=st.integers(),
    real=st.floats(allow_nan=False),
    yes=st.booleans(),
    text=st.text(),
    maybe=st.none() | st.integers(),
    choice=st.sampled_from(["lstm", "gru"]),
    many=st.lists(st.integers()).map(tuple),
)


@given(kinds=settings_of_kinds)
@example(kinds=Kinds(text="a\x85b\u2028c\u2029"))
def test_settings_come_back_from_yaml_as_they_were(
    kinds: Kinds, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = Settings(kinds=kinds)
    path = tmp_path_factory.mktemp("yaml") / "config.yaml"
    path.write_text(dump_yaml(to_dict(config)), encoding="utf-8", newline="\n")
    assert from_dict(Settings, read_yaml(path)) == config


def test_yaml_keeps_sections_and_fields_in_their_own_order() -> None:
    lines = dump_yaml(to_dict(Settings())).splitlines()
    assert lines[:3] == ["kinds:", "  whole: 1", "  real: 0.5"]


@pytest.mark.parametrize(
    ("content", "said"),
    [("a: [", "not a readable YAML file"), ("- a\n- b", "found a list"), ("3", "found a int"),
     (b"\xff\xfe\xff", "not a readable YAML file"), ("a: !!python/object:x {}", "not a readable")],
)  # fmt: skip
def test_a_file_that_holds_no_settings_is_named(
    content: str | bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=rf"c\.yaml: .*{said}"):
        read_yaml(path)


def test_an_empty_file_holds_no_settings_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert read_yaml(tmp_path / "c.yaml") == {}
    with pytest.raises(ConfigError, match="no such settings file"):
        read_yaml(tmp_path / "d.yaml")
    with pytest.raises(ConfigError, match="not a readable YAML file"):
        read_yaml(tmp_path)


def test_merging_lays_one_over_the_other_section_by_section() -> None:
    base = {"a": {"x": 1, "y": 2}, "b": 3}
    assert merge(base, {"a": {"y": 5}, "c": 4}) == {"a": {"x": 1, "y": 5}, "b": 3, "c": 4}
    assert base == {"a": {"x": 1, "y": 2}, "b": 3}
    assert merge(base, {"a": 7}) == {"a": 7, "b": 3}


def test_dotted_names_nest_beside_nested_ones() -> None:
    flat = {"model.cell": "gru", "model": {"num_layers": 2}, "data.path": "x"}
    assert nest(flat) == {"model": {"cell": "gru", "num_layers": 2}, "data": {"path": "x"}}


def test_settings_are_listed_with_type_and_default() -> None:
    assert setting_names(Settings)[:3] == ["kinds.whole", "kinds.real", "kinds.yes"]
    listed = {name: (kind, default) for name, kind, default in iter_settings(Settings)}
    assert listed["kinds.real"] == (float, 0.5)
    assert listed["training.epochs"] == (int, 10)
    assert {name.split(".")[0] for name in listed} == {"kinds", "model", "training"}


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("model.hidden_sise", "model.hidden_size"),
        ("hidden_size", "model.hidden_size|hidden_size"),
        ("trainig.epochs", "training.epochs"),
    ],
)
def test_an_unknown_setting_is_told_with_the_nearest(name: str, guess: str) -> None:
    said = unknown_setting(Settings, name)
    assert said.startswith(f"Unknown setting `{name}`. Did you mean ")
    assert any(f"'{one}'" in said for one in guess.split("|"))
    assert check_setting(Settings, name, 3) == said
