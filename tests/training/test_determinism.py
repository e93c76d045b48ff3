"""The same numbers on every run, where asked for: what is set, what is refused, and what is as before at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import seqkit
from seqkit.errors import ConfigError
from seqkit.files import sha256
from seqkit.training.determinism import deterministic

from ..toy import install


def flags() -> tuple[bool, bool, bool]:
    cudnn, on = torch.backends.cudnn, torch.are_deterministic_algorithms_enabled()
    return on, cudnn.deterministic, cudnn.benchmark


def test_it_holds_in_its_context_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # what the user has set stays
    before = flags()
    with deterministic(False):
        assert flags() == before
    with pytest.raises(KeyError), deterministic(True):
        assert flags() == (True, True, False)
        raise KeyError
    assert flags() == before


def test_an_operation_without_an_order_is_refused_by_name() -> None:
    with (
        pytest.raises(
            ConfigError,
            match=r"`training\.deterministic`: put_.* does not have a deterministic.*cpu",
        ),
        deterministic(True),
    ):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2), accumulate=False)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), deterministic(True):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


def test_on_a_cpu_the_result_is_the_same_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    runs = [
        seqkit.train("toy", out=tmp_path / str(on), training={"deterministic": on, "device": "cpu"})
        for on in (False, True)
    ]
    assert len({sha256(run.path / "model.safetensors") for run in runs}) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("task", ["sentiment", "ner", "translation", "captioning", "language"])
def test_on_a_gpu_two_trainings_end_in_the_same_weights(task: str, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    training = {"deterministic": True, "device": "cuda", "epochs": 1}
    runs = [seqkit.train(task, out=tmp_path / name, training=training) for name in ("one", "two")]
    assert len({sha256(run.path / "model.safetensors") for run in runs}) == 1
