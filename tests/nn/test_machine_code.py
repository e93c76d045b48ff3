"""Machine code fits the processor, and is made anew where it cannot be kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

machine_code = pytest.importorskip(
    "seqkit.nn.machine_code", reason="the extra `compiled` is not installed"
)


def test_machine_code_is_made_anew_where_it_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(function: Callable[[], int], cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return function

    monkeypatch.setattr(machine_code.numba, "njit", njit)
    assert machine_code.compiled(math.sqrt) is math.sqrt


def test_nothing_is_known_of_a_processor_that_numba_is_told_to_compile_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine_code.numba.config, "CPU_NAME", "generic")
    assert not machine_code.many_registers()
    assert not machine_code.multiplies_words.__wrapped__()


@pytest.mark.parametrize(
    ("features", "multiplies"),
    [
        ({"avx512vl", "avx512vnni"}, True),
        ({"avx512vl", "avxvnni"}, False),
        ({"avxvnni"}, True),
        ({"avx512vnni"}, False),
        (set(), False),
    ],
)
def test_words_are_multiplied_where_tiles_have_the_instruction(
    features: set[str], multiplies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        machine_code.binding, "get_host_cpu_features", lambda: dict.fromkeys(features, True)
    )
    assert machine_code.multiplies_words.__wrapped__() is multiplies
