"""The examples in the docstrings of the core and the tasks do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest
import seqkit.tasks

import seqkit

MACHINE_CODE = ("seqkit.nn.compiled", "seqkit.nn.tiles", "seqkit.nn.products")
"""How names of modules begin that need numba, which is not always installed."""


def modules() -> Iterator[str]:
    yield "seqkit"
    for package in (seqkit, seqkit.tasks):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                yield module.name


@pytest.mark.parametrize("name", sorted(set(modules())))
def test_the_examples_of(name: str) -> None:
    if name.startswith(MACHINE_CODE):
        pytest.importorskip("numba", reason="the extra `compiled` is not installed")
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_there_are_examples_to_run() -> None:
    finder = doctest.DocTestFinder()
    found = finder.find(importlib.import_module("seqkit.nn.recurrent"))
    assert sum(len(test.examples) for test in found) >= 3
