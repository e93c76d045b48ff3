"""What recipes say they need, and what a user hears who lacks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from seqkit.cli.main import main

import seqkit
from seqkit.errors import ConfigError
from seqkit.recipes import fill_needs
from seqkit.registry import get_task


def test_a_recipe_without_its_data_names_the_script_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "sentiment", "--recipe", "keras-notebook"]) == 2
    message = capsys.readouterr().err
    assert "Recipe keras-notebook does not find data/imdb/aclImdb.tar.gz. Name yours" in message
    assert "python data_scripts/imdb.py --out data/imdb" in message
    with pytest.raises(ConfigError, match="Recipe keras-notebook does not find"):
        seqkit.train("sentiment", recipe="keras-notebook")
    assert list(tmp_path.iterdir()) == []


def test_the_usual_files_are_taken_unless_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "usual").mkdir()
    needs = {name: {"file": "usual", "get": "x"} for name in ("data.path", "model.vectors")}
    Config = get_task("ner").Config  # noqa: N806
    config = fill_needs(Config(), needs, "some")
    assert (config.data.path, config.model.vectors) == ("usual", "usual")
    own = seqkit.config.from_dict(Config, {"data": {"train": "mine"}, "model": {"vectors": "v"}})
    assert fill_needs(own, needs, "some") == own
