"""A plain classifier's loss together with its gradients, without autograd.

What such a network does is known beforehand: words are looked up, one recurrent layer reads them, and a linear layer
reads where it ends. So words go straight to the layout of the layer and their gradients straight back to the table,
without padding on the way, and what autograd does part by part, which takes longer in a small network than what is
computed, is not done at all.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqkit.nn import own_at_once
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoder
from seqkit.nn.kernels import compiles_for
from seqkit.nn.pooling import Pooling
from seqkit.nn.ragged import layout_of
from seqkit.nn.recurrent import Recurrent

if TYPE_CHECKING:
    from seqkit.data.batch import Batch
    from seqkit.nn.models import Classifier


PARTS = (TokenEmbedding, Encoder, Dropout, LockedDropout, Recurrent, Pooling, nn.Linear)
"""What a plain classifier is made of; what is derived from these may do something else."""


def kernel_at_once(model: Classifier, batch: Batch) -> str | None:
    """Who takes a classifier's loss and its gradients at once, `compiled` or `own`, if it is plain, and learns."""
    learns = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    if not (learns and compiles_for(model.head.weight) and batch.values.numel()):
        return None
    embedding, encoder, layers = model.embedding, model.encoder, model.encoder.layers
    parts = (embedding, encoder, encoder.dropout, layers, model.pooling, model.dropout, model.head)
    if any(type(part) not in PARTS or _is_heard(part) for part in parts):
        return None
    assert isinstance(embedding, TokenEmbedding) and isinstance(layers, Recurrent)
    dropped = model.training and (encoder.dropout.p or model.dropout.p)
    plain = embedding.only_looks_up and model.pooling.parts == ["last"]
    if dropped or not plain or any(map(_is_watched, _weights(model))):
        return None
    return layers.plain_kernel


def _is_heard(part: nn.Module) -> bool:
    """Whether somebody has hooked in, who would hear nothing."""
    heard = part._forward_hooks or part._forward_pre_hooks
    return bool(heard or part._backward_hooks or part._backward_pre_hooks)


def _table_and_layer(model: Classifier) -> tuple[nn.Embedding, Recurrent]:
    """The vectors of a plain one's words, and what reads them."""
    embedding, layers = model.embedding, model.encoder.layers
    assert isinstance(embedding, TokenEmbedding) and isinstance(layers, Recurrent)
    assert embedding.table is not None
    return embedding.table, layers


def _weights(model: Classifier) -> list[Tensor]:
    """All that a plain one learns: of its words, of its head, and of its layer, kind by kind."""
    (table, layers), head = _table_and_layer(model), model.head
    return [table.weight, head.weight, head.bias, *chain.from_iterable(layers.weights_by_kind(0))]


def _is_watched(weight: Tensor) -> bool:
    """Whether somebody waits for its gradient."""
    return bool(weight._backward_hooks or weight._post_accumulate_grad_hooks)


def learn_at_once(model: Classifier, batch: Batch, labels: Tensor, scale: float) -> float | None:
    """As `Classifier.learn`.

    Raises:
        IndexError: if a word or a label is none of those that there are.
        ShapeError: if lengths do not fit the batch.
    """
    kernel = kernel_at_once(model, batch)
    if kernel is None:
        return None
    learn = own_at_once.learn
    if kernel == "compiled":
        from seqkit.nn.compiled_at_once import learn  # numba takes a while
    (table, layers), weights = _table_and_layer(model), _weights(model)
    loss, gradients = learn(
        layers.mode, layout_of(batch.lengths, batch.values.size(1)), batch.values, labels, weights,
        scale, table.padding_idx,
    )  # fmt: skip
    for weight, gradient in zip(weights, gradients, strict=True):
        if weight.requires_grad:
            _add(gradient, weight)
    return loss


def _add(gradient: Tensor, weight: Tensor) -> None:
    """Adds a gradient to what there is of a weight."""
    weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
