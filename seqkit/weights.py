"""A network's weights as safetensors, with a sum of their own so that a changed file is noticed. No pickle."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
    expected = unique_state(model)
    check_names(expected, read_shapes(path), str(path))
    state = read_weights(path)
    wrong = [name for name, weight in state.items() if not _fits(weight, expected[name])]
    if wrong:
        raise RunError(f"{path}: weights that are no finite numbers, such as {wrong[0]}.")
    model.load_state_dict(state, strict=False)


def _fits(weight: Tensor, expected: Tensor) -> bool:
    """Whether a weight is of the expected kind, real or whole, and finite."""
    same_kind = weight.is_floating_point() == expected.is_floating_point()
    return same_kind and not weight.is_complex() and bool(weight.isfinite().all())


def read_shapes(path: Path) -> dict[str, torch.Size]:
    """The shapes of the weights in a file by their names, read from its first lines alone.

    Raises:
        RunError: if the file is missing or no safetensors file.
    """
    with _opened(path) as file:
        return {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file by their names.

    Raises:
        RunError: if the file is missing or altered.
    """
    return read_tensors(path)[0]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """What `save_tensors` wrote: tensors by name, and the text.

    Raises:
        RunError: if the file cannot be read, or is altered.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = metadata.get("text", "")
    if metadata.get("sha256") != _digest(state, text):
        raise RunError(
            f"{path}: its weights have changed since seqkit wrote them (the stored sum differs)."
        )
    return state, text


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file; whatever is wrong with it is a RunError."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path}: missing; a run needs its weights.")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, struct.error) as error:
        raise RunError(f"{path}: not a readable safetensors file ({error}).") from None


def check_names(
    expected: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], source: str
) -> None:
    """Raises RunError unless `shapes`, which come from `source`, are those of a network's tensors."""
    missing = [name for name in expected if name not in shapes]
    extra = [name for name in shapes if name not in expected]
    wrong = [n for n in expected if n in shapes and expected[n].shape != shapes[n]]
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
