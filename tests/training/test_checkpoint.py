"""Checkpoints: what was saved comes back, and a torn file costs the steps since the one before it."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from seqkit.errors import RunError
from seqkit.training.checkpoint import read_checkpoint, remove_checkpoints, save_checkpoint
from seqkit.training.randomness import random_states, set_random_states


def read(folder: Path) -> Any:
    faults: list[str] = []
    found = read_checkpoint(folder, faults.append)
    assert not faults
    return found


def test_nested_values_and_tensors_come_back(tmp_path: Path) -> None:
    tree = {
        "state": {0: {"step": torch.tensor(3.0), "moment": torch.randn(2, 3)}, 7: {}},
        "names": ["a", "ü", None],
        "best": -math.inf,
        "exact": 0.1 + 0.2,
        "empty": torch.empty(0, 4),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "half": torch.randn(3).bfloat16(),
        "pair": (1, True),
    }
    save_checkpoint(tmp_path / "checkpoint", 5, tree)
    found = read(tmp_path / "checkpoint")
    assert list(found["state"]) == [0, 7]
    for name in ("empty", "bytes", "half"):
        assert found[name].dtype == tree[name].dtype
        assert torch.equal(found[name], tree[name])
    assert torch.equal(found["state"][0]["moment"], tree["state"][0]["moment"])
    assert found["names"] == ["a", "ü", None]
    assert (found["best"], found["exact"], found["pair"]) == (-math.inf, 0.1 + 0.2, [1, True])


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    for step in (9, 10, 1000):
        save_checkpoint(tmp_path, step, {"step": step})
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "step-000000010.safetensors", "step-000001000.safetensors"
    ]  # fmt: skip
    assert read(tmp_path) == {"step": 1000}
    remove_checkpoints(tmp_path)
    assert read(tmp_path) is None


@pytest.mark.parametrize("fault", ["torn", "altered", "empty", "text"])
def test_of_a_faulty_one_the_one_before_is_used_and_it_is_said(fault: str, tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"step": step, "weight": torch.ones(50)})
    newest = tmp_path / "step-000000002.safetensors"
    content = bytearray(newest.read_bytes())
    if fault == "torn":
        content = content[: len(content) // 2]
    elif fault == "altered":
        content[-3] ^= 1
    elif fault == "empty":
        content = bytearray()
    else:
        content = content.replace(b'[\\"step\\", 2]', b'[\\"step\\", 3]')
    assert bytes(content) != newest.read_bytes()
    newest.write_bytes(content)
    faults: list[str] = []
    assert read_checkpoint(tmp_path, faults.append)["step"] == 1
    assert len(faults) == 1
    assert "step-000000002" in faults[0] and "before it is used" in faults[0]


def test_where_none_is_whole_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "nothing") is None
    (tmp_path / "step-000000002.safetensors").write_bytes(b"no")
    faults: list[str] = []
    assert read_checkpoint(tmp_path, faults.append) is None
    assert len(faults) == 1


def test_a_disk_without_room_leaves_the_last_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, 1, {"step": 1})

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(
        RunError, match=r"step-000000002\.safetensors: cannot be written \(No space"
    ):
        save_checkpoint(tmp_path, 2, {"step": 2})
    assert read(tmp_path) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.safetensors"]


def test_random_states_bring_back_every_generator() -> None:
    def draw() -> tuple[float, float, float, float]:
        return (
            random.random(),
            random.gauss(0, 1),
            float(numpy.random.randn()),
            torch.rand(1).item(),
        )

    draw()
    states = random_states()
    first = draw(), draw()
    set_random_states(states)
    assert (draw(), draw()) == first
