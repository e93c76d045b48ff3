"""The loss of a plain classifier together with its gradients, without autograd between its parts.

What such a network does is known beforehand: words are looked up, one recurrent layer reads them, and a linear layer
reads where it ends. So words go straight to the layout of the layer and their gradients straight back to the table,
without padding on the way, and what autograd does part by part, which takes longer in a small network than what is
computed, is done once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqkit.nn.bptt import begin, by_kind, entering_bias
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoder
from seqkit.nn.kernels import runs_compiled
from seqkit.nn.pooling import Pooling
from seqkit.nn.ragged import Ragged, layout_of
from seqkit.nn.recurrent import Recurrent
from seqkit.nn.trace import Entering, stack
from seqkit.nn.walks import kernel_of

if TYPE_CHECKING:
    from seqkit.data.batch import Batch
    from seqkit.nn.models import Classifier


PARTS = (TokenEmbedding, Encoder, Dropout, LockedDropout, Recurrent, Pooling, nn.Linear)
"""What a plain classifier is made of; what is derived from these may do something else."""


def goes_at_once(model: Classifier, batch: Batch) -> bool:
    """Whether machine code takes a classifier's loss and its gradients at once: it is plain, and learns."""
    learns = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    if not (learns and runs_compiled(model.head.weight) and batch.values.numel()):
        return False
    embedding, encoder, layers = model.embedding, model.encoder, model.encoder.layers
    parts = (embedding, encoder, encoder.dropout, layers, model.pooling, model.dropout, model.head)
    if any(type(part) not in PARTS or _is_heard(part) for part in parts):
        return False
    assert isinstance(embedding, TokenEmbedding) and isinstance(layers, Recurrent)
    dropped = model.training and (encoder.dropout.p or model.dropout.p)
    plain = embedding.only_looks_up and layers.is_plain and model.pooling.parts == ["last"]
    return plain and not dropped


def _is_heard(part: nn.Module) -> bool:
    """Whether somebody has hooked in, who would hear nothing."""
    return bool(part._forward_hooks or part._forward_pre_hooks)


def loss_at_once(model: Classifier, batch: Batch, labels: Tensor) -> Tensor:
    """As `Classifier.loss`, where `goes_at_once`."""
    embedding, layers = model.embedding, model.encoder.layers
    assert isinstance(embedding, TokenEmbedding) and isinstance(layers, Recurrent)
    assert embedding.table is not None
    table, weights = embedding.table, layers.weights_by_kind(0)
    layout = layout_of(batch.lengths, batch.values.size(1))
    given = _Given(layers.mode, batch.values, layout, labels, table.padding_idx)
    loss: Tensor = _AtOnce.apply(
        given, table.weight, model.head.weight, model.head.bias, *(w for kind in weights for w in kind)
    )  # fmt: skip
    return loss


class _Given(NamedTuple):
    """What has no gradient.

    Attributes:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        words: int64 [batch, len].
        ragged: The layout of the real ones.
        labels: int64 [batch].
        pad_idx: Whose vector does not learn.
    """

    mode: str
    words: Tensor
    ragged: Ragged
    labels: Tensor
    pad_idx: int | None


class _AtOnce(torch.autograd.Function):
    """Gradients are made on the way forwards; the way back scales them. See `loss_at_once`."""

    @staticmethod
    def forward(
        ctx: Any, given: _Given, table: Tensor, head: Tensor, head_bias: Tensor, *weights: Tensor
    ) -> Tensor:
        from seqkit.nn import compiled_at_once  # numba takes a while

        kernel, ragged = kernel_of("compiled", given.mode), given.ragged
        w_ih, w_hh, *biases = by_kind(weights)
        dirs, (b_ih, b_hh) = len(w_hh), map(stack, biases)
        words, rows = compiled_at_once.look_up(
            given.words, stack([ragged.forwards, ragged.backwards][:dirs]), table
        )
        zero = rows.new_zeros(dirs, len(ragged.order), w_hh[0].size(1))
        trace = begin(given.mode, ragged, (zero,) * kernel.num_states, b_ih.size(1))
        entering = Entering.of_rows(rows, w_ih, entering_bias(given.mode, b_ih, b_hh))
        kernel.forward(trace, entering, w_hh, b_hh)
        loss, outer, *of_head = compiled_at_once.turn(
            trace.states, ragged.last, head, head_bias, given.labels
        )
        recurrent, of_sums = kernel.backward(trace, w_hh, outer, torch.zeros_like(trace.cells))
        of_weights = kernel.weights(trace, rows, recurrent, of_sums)
        of_rows = kernel.inputs(of_sums, w_ih) if ctx.needs_input_grad[1] else rows[:, :0]
        ctx.save_for_backward(words, of_rows, *of_head, *of_weights)
        ctx.pad_idx, ctx.table_shape = given.pad_idx, table.shape
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        from seqkit.nn import compiled_at_once

        words, of_rows, *found = ctx.saved_tensors
        of_table = None
        if ctx.needs_input_grad[1]:
            of_table = of_rows.new_zeros(ctx.table_shape)
            compiled_at_once.add_rows(words, of_rows, grad, ctx.pad_idx, of_table)
        *of_head, w_ih, w_hh, b_ih, b_hh = (part * grad for part in found)
        return None, of_table, *of_head, *w_ih, *w_hh, *b_ih, *b_hh
