"""Starts a network from a pretraining run: the vectors of the units both know, and the recurrent weights.

Dai & Le 2015, https://arxiv.org/abs/1511.01432: an LSTM that has read plain text first learns a task better. The run
is read once, when training starts; what is trained from it needs it no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.data.codecs import Codec, load_codec
from seqkit.errors import ConfigError
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoder
from seqkit.run import open_run
from seqkit.weights import read_weights

TABLE, LAYERS = "embedding.table.weight", "encoder.layers."
"""Where the vectors and the recurrent weights stand in a pretraining run."""


@dataclass(frozen=True)
class Pretrained:
    """A pretraining run.

    Attributes:
        path: Its folder.
        codec: What its texts were cut by.
        model: Its settings of the network.
        weights: Its weights by name.
    """

    path: Path
    codec: Codec
    model: Any
    weights: Mapping[str, Tensor]

    @classmethod
    def open(cls, path: str | Path) -> Pretrained:
        """The run in a folder.

        Raises:
            RunError: if there is none, or it is incomplete or altered.
            ConfigError: if it is a run of another kind.
        """
        run = open_run(path)
        if not run.task.pretrains:
            raise ConfigError(
                f"`model.pretrained` must be a run of `seqkit pretrain`; {path} is of {run.task.name}."
            )
        codec = load_codec(run.preprocessing, "text")
        return cls(Path(path), codec, run.config.model, read_weights(run.weights))

    def start(
        self, embedding: TokenEmbedding, units: Mapping[str, int], encoder: Encoder | None = None
    ) -> str:
        """Copies what fits into a new network.

        Args:
            embedding: A learned table as wide as the run's.
            units: Ids of the table's units by their names.
            encoder: Takes the recurrent weights, if they have its shape.

        Returns:
            A sentence that tells what was taken.

        Raises:
            ConfigError: if the vectors are of another width.
        """
        table = self.weights[TABLE]
        if embedding.output_size != table.size(1):
            raise ConfigError(f"{self.path}: its vectors have {table.size(1)} numbers, but `model.emb_size` is "
                              f"{embedding.output_size}; they must be equal.")  # fmt: skip
        rows, theirs = shared_rows(units, self.codec.index())
        embedding.set_vectors(rows, table[theirs] / embedding.vector_scale)
        taken = f"{self.path}: vectors of {len(rows):,} of {len(units):,} units"
        if encoder is None:
            return f"{taken} taken."
        layers = {
            name.removeprefix(LAYERS): w
            for name, w in self.weights.items()
            if name.startswith(LAYERS)
        }
        mine = encoder.layers.state_dict()
        if {name: w.shape for name, w in mine.items()} != {n: w.shape for n, w in layers.items()}:
            return f"{taken} taken; the recurrent weights have other shapes and stay untaught."
        encoder.layers.load_state_dict(layers)
        return f"{taken} and all recurrent weights taken."


def shared_rows(mine: Mapping[str, int], theirs: Mapping[str, int]) -> tuple[Tensor, Tensor]:
    """Ids of the units that two vocabularies share, in mine and in theirs, each int64 [shared].

    >>> shared_rows({"the": 0, "cat": 1}, {"cat": 5, "dog": 6})
    (tensor([1]), tensor([5]))
    """
    shared = [unit for unit in mine if unit in theirs]
    return torch.tensor([mine[u] for u in shared], dtype=torch.long), torch.tensor(
        [theirs[u] for u in shared], dtype=torch.long
    )


@torch.no_grad()
def start_alike(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    tables: Mapping[str, tuple[Tensor, Tensor]],
) -> list[str]:
    """Copies the weights of a network of the same kind, whose vocabulary and labels may be others.

    Args:
        model: The network to start.
        weights: The other's by name.
        tables: Of weights with a row for each unit, the rows to fill and the other's rows to fill them from.

    Returns:
        Names of the parameters that the other has not, or not in this shape.
    """
    fresh = []
    for name, parameter in model.named_parameters():
        source = weights.get(name)
        if source is not None and name in tables and source.shape[1:] == parameter.shape[1:]:
            mine, theirs = tables[name]
            parameter[mine] = source[theirs].to(parameter)
        elif source is not None and source.shape == parameter.shape:
            parameter.copy_(source)
        else:
            fresh.append(name)
    return fresh
