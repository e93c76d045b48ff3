"""What a backbone that stays as it is says of pictures: computed once and kept, or on the fly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqkit.data.feature_cache import FeatureCache, file_digest

from .backbone import Backbone
from .extraction import cache_key, feature_extractor


class FrozenFeatures:
    """Features of pictures by a frozen backbone.

    Args:
        backbone: What sees; its weights may still come, until features are first asked for.
        mirrored: Whether left and right are swapped.
    """

    def __init__(self, backbone: Backbone, *, mirrored: bool = False) -> None:
        self.backbone = backbone
        self.mirrored = mirrored
        self._extract: Any = None
        self._cache: FeatureCache | None = None
        self._digests: dict[Path, str] = {}

    def keep(
        self,
        paths: Sequence[Path],
        folder: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Computes what the cache in `folder` lacks of these pictures; `of` then reads from there.

        `on_progress` is told (pictures done, pictures to do).
        """
        if self._cache is None:
            shape = (self.backbone.num_positions, self.backbone.feature_size)
            self._cache = FeatureCache(folder, cache_key(self.backbone, self.mirrored), shape)
        for path in paths:
            if path not in self._digests:
                self._digests[path] = file_digest(path)
        contents = {digest: path for path, digest in self._digests.items()}
        self._cache.ensure(contents, self.compute, on_progress=on_progress)

    def of(self, paths: Sequence[Path]) -> Tensor:
        """float [pictures, positions, feature_size], on the CPU; the same whether they were kept or not."""
        if self._cache is not None and all(path in self._digests for path in paths):
            return torch.from_numpy(self._cache.rows([self._digests[p] for p in paths])).float()
        return self.compute(paths).half().float()  # rounded as the cache rounds

    def compute(self, paths: Sequence[Path]) -> Tensor:
        """Features as the backbone gives them."""
        if self._extract is None:
            device = next(self.backbone.parameters()).device
            self._extract = feature_extractor(self.backbone, device, mirrored=self.mirrored)
        features: Tensor = self._extract(paths)
        return features.cpu()
