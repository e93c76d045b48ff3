"""What memory is kept: of few kernels, unless somebody says of how many, and garbage while inputs are answered."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

import seqkit
from seqkit.allocator import SHAPES, keep_garbage, limit_kernels

VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
RUN = Path(__file__).parent / "fixtures" / "format-1" / "sentiment"


def test_onednn_is_told_how_many_kernels_to_keep_and_a_users_word_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    limit_kernels()
    assert os.environ[VARIABLE] == str(SHAPES)
    monkeypatch.setenv(VARIABLE, "7")
    limit_kernels()
    assert os.environ[VARIABLE] == "7"


def test_loading_and_training_tell_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    seqkit.load(RUN, device="cpu")
    assert os.environ.pop(VARIABLE) == str(SHAPES)
    config = {
        "training": {"epochs": 1, "device": "cpu"},
        "model": {"hidden_size": 4, "emb_size": 4},
    }
    seqkit.train("sentiment", out=tmp_path / "run", config=config)
    assert os.environ[VARIABLE] == str(SHAPES)


def test_garbage_is_kept_for_a_while_unless_it_is_for_ever() -> None:
    with keep_garbage():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), keep_garbage():
        raise ZeroDivisionError
    assert gc.isenabled()
    gc.disable()
    try:
        with keep_garbage():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
