"""Errors that a user can act on."""

from __future__ import annotations

import pytest

from seqkit.errors import (
    ConfigError,
    DataError,
    RunError,
    SeqkitError,
    ShapeError,
    UnknownNameError,
    did_you_mean,
)


@pytest.mark.parametrize("kind", [ConfigError, DataError, RunError, ShapeError, UnknownNameError])
def test_every_error_is_a_seqkit_error(kind: type[Exception]) -> None:
    assert issubclass(kind, SeqkitError)


def test_a_wrong_shape_is_also_the_value_error_that_torch_users_expect() -> None:
    assert issubclass(ShapeError, ValueError)


def test_an_unknown_name_is_a_setting_that_is_not_allowed() -> None:
    assert issubclass(UnknownNameError, ConfigError)


def test_an_unknown_name_tells_the_known_ones_in_order_and_the_nearest() -> None:
    error = UnknownNameError("cell", "grru", ["lstm", "gru"])
    assert str(error) == "Unknown cell 'grru'. Known: gru, lstm. Did you mean 'gru'?"


def test_a_hint_stands_at_the_end() -> None:
    error = UnknownNameError("task", "xyz", ["ner"], "Install it first.")
    assert str(error) == "Unknown task 'xyz'. Known: ner. (Install it first.)"


@pytest.mark.parametrize(
    ("name", "guess"), [("sentimant", " Did you mean 'sentiment'?"), ("qqq", ""), ("", "")]
)
def test_only_a_name_that_is_near_is_guessed(name: str, guess: str) -> None:
    assert did_you_mean(name, ["sentiment", "translation"]) == guess


def test_nothing_known_guesses_nothing() -> None:
    assert did_you_mean("x", []) == ""
