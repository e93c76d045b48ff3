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
    save_tensors(unique_state(model), path)


def save_tensors(tensors: dict[str, Tensor], path: Path, text: str = "") -> None:
    """Writes tensors by name, and a text beside them, in one move and with a sum over both."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"sha256": _digest(state, text), **({"text": text} if text else {})}
    with replacing(path) as temporary:
        try:
            save_file(state, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_weights(model: nn.Module, path: Path) -> None:
    """Fills the network with the weights of a file.

    Raises:
        RunError: if the file is missing, altered, or belongs to another network.
    """
    state = read_weights(path)
    check_names(unique_state(model), state, str(path))
    model.load_state_dict(state, strict=False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file by their names.

    Raises:
        RunError: if the file is missing or altered.
    """
    if not path.is_file():
        raise RunError(f"{path}: missing; a run needs its weights.")
    return read_tensors(path)[0]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """What `save_tensors` wrote: tensors by name, and the text.

    Raises:
        RunError: if the file cannot be read, or is altered.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, struct.error) as error:
        raise RunError(f"{path}: not a readable safetensors file ({error}).") from None
    text = metadata.get("text", "")
    if metadata.get("sha256") != _digest(state, text):
        raise RunError(
            f"{path}: its weights have changed since seqkit wrote them (the stored sum differs)."
        )
    return state, text


def check_names(expected: dict[str, Tensor], state: dict[str, Tensor], source: str) -> None:
    """Raises RunError unless `state`, which comes from `source`, has the tensors of a network."""
    missing = [name for name in expected if name not in state]
    extra = [name for name in state if name not in expected]
    wrong = [n for n in expected if n in state and expected[n].shape != state[n].shape]
    if missing or extra or wrong:
        raise RunError(
            f"{source}: weights of another network (missing {missing[:3]}, not expected {extra[:3]}, of another "
            f"shape {wrong[:3]}); were settings or vocabularies replaced?"
        )


def _digest(state: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
