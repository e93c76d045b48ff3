"""Weights on disk: whole, known to be unaltered, and of the right network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from seqkit.errors import RunError
from seqkit.weights import load_weights, save_weights, unique_state


class Tied(nn.Module):
    """Two layers that share their weight, and numbers of several kinds."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, size)
        self.readout = nn.Linear(size, 5)
        self.readout.weight = self.embedding.weight
        self.register_buffer("allowed", torch.tensor([True, False]))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("halves", torch.ones(2, dtype=torch.bfloat16))
        self.register_buffer("nothing", torch.zeros(0, 3))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_weights(Tied(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_weights_come_back_and_shared_ones_stay_shared(saved: Path) -> None:
    torch.manual_seed(1)
    wanted, model = Tied(), Tied()
    model.allowed.fill_(False)
    load_weights(model, saved)
    for name, value in wanted.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert model.readout.weight is model.embedding.weight


def test_a_shared_weight_is_stored_once(saved: Path) -> None:
    assert "readout.weight" not in load_file(saved)
    assert "embedding.weight" in load_file(saved)
    assert set(unique_state(Tied())) == set(load_file(saved))


def test_the_same_weights_make_the_same_file(saved: Path, tmp_path: Path) -> None:
    model = Tied()
    load_weights(model, saved)
    save_weights(model, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_one_weight_changed_is_noticed(saved: Path) -> None:
    from safetensors import safe_open

    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    state = load_file(saved)
    state["readout.bias"][0] += 1
    save_file(state, saved, metadata=metadata)
    with pytest.raises(RunError, match=r"w\.safetensors: its weights have changed since seqkit"):
        load_weights(Tied(), saved)


def test_a_bit_flipped_anywhere_in_the_numbers_is_noticed(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(bytes(content))
    with pytest.raises(RunError, match="have changed"):
        load_weights(Tied(), saved)


def test_a_file_without_a_sum_is_not_trusted(saved: Path) -> None:
    save_file(load_file(saved), saved)
    with pytest.raises(RunError, match="the stored sum differs"):
        load_weights(Tied(), saved)


@pytest.mark.parametrize("keep", [0, 5, 60, -10])
def test_half_a_file_is_no_file_of_weights(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(RunError, match=r"w\.safetensors: not a readable safetensors file"):
        load_weights(Tied(), saved)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"w\.safetensors: missing; a run needs its weights"):
        load_weights(Tied(), tmp_path / "w.safetensors")


def test_weights_of_another_network_are_told_by_name(saved: Path) -> None:
    with pytest.raises(RunError, match=r"another network .*shape \['embedding.weight'\]"):
        load_weights(Tied(size=6), saved)
    with pytest.raises(RunError, match=r"missing \['weight', 'bias'\], not expected \['"):
        load_weights(nn.Linear(4, 5), saved)


def test_a_failed_load_changes_nothing(saved: Path) -> None:
    model = Tied(size=6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RunError):
        load_weights(model, saved)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_that_cannot_be_written_are_a_run_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"w\.safetensors: cannot be written"):
        save_weights(Tied(), tmp_path / "nowhere" / "w.safetensors")
    assert os.listdir(tmp_path) == []
