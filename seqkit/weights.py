"""A network's weights as safetensors, with a sum of their own so that a changed file is noticed. No pickle."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import torch
from torch import Tensor, nn

from seqkit.errors import RunError
from seqkit.files import replacing


def unique_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict with each shared tensor once, under its first name."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    state = {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if tensor.numel() and key in seen:
            continue
        seen.add(key)
        state[name] = tensor
    return state


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes the weights in one move; their sum stands in the file's metadata."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in unique_state(model).items()
    }
    with replacing(path) as temporary:
        try:
            save_file(state, temporary, metadata={"sha256": _digest(state)})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_weights(model: nn.Module, path: Path) -> None:
    """Fills the network with the weights of a file.

    Raises:
        RunError: if the file is missing, altered, or belongs to another network.
    """
    state = read_weights(path)
    _check_names(unique_state(model), state, path)
    model.load_state_dict(state, strict=False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file by their names.

    Raises:
        RunError: if the file is missing or altered.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path}: missing; a run needs its weights.")
    try:
        with safe_open(path, framework="pt") as file:
            stored = (file.metadata() or {}).get("sha256")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, struct.error) as error:
        raise RunError(f"{path}: not a readable safetensors file ({error}).") from None
    if stored != _digest(state):
        raise RunError(
            f"{path}: its weights have changed since seqkit wrote them (the stored sum differs)."
        )
    return state


def _check_names(expected: dict[str, Tensor], state: dict[str, Tensor], path: Path) -> None:
    missing = [name for name in expected if name not in state]
    extra = [name for name in state if name not in expected]
    wrong = [n for n in expected if n in state and expected[n].shape != state[n].shape]
    if missing or extra or wrong:
        raise RunError(
            f"{path}: weights of another network (missing {missing[:3]}, not expected {extra[:3]}, of another "
            f"shape {wrong[:3]}); were settings or vocabularies replaced?"
        )


def _digest(state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
