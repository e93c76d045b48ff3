"""What `at_once.py` does, by torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from seqkit.nn import walks
from seqkit.nn.bptt import begin, by_kind, entering_bias
from seqkit.nn.embedding import table_gradient
from seqkit.nn.ragged import Ragged
from seqkit.nn.trace import Entering, stack


@torch.no_grad()
def learn(
    mode: str, ragged: Ragged, words: Tensor, labels: Tensor, weights: Sequence[Tensor],
    scale: float, pad_idx: int | None,
) -> tuple[float, list[Tensor]]:  # fmt: skip
    """The loss of a plain classifier, and its gradients divided by `scale`.

    Args:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        ragged: The layout of the words.
        words: int64 [batch, len].
        labels: int64 [batch], 0 to the number of labels - 1.
        weights: Vectors of words [vocab_size, size]; the head's weight [outputs, dirs * hidden] and bias [outputs], of
            which a single output is the log-odds of the second of two labels; then those of the layer, kind by kind.
        scale: What gradients are divided by.
        pad_idx: The word whose vector does not learn.

    Returns:
        The loss, summed over the batch, and the gradients of the weights, in their order; that of the vectors is empty
        where they do not learn.

    Raises:
        IndexError: if a word is not in the table, or a label is none of these.
    """
    table, head, head_bias, *of_layer = weights
    w_ih, w_hh, *biases = by_kind(of_layer)
    b_ih, b_hh = map(stack, biases)
    dirs, hidden = len(w_hh), w_hh[0].size(1)
    which = words.take(stack((ragged.forwards, ragged.backwards)[:dirs]))  # [dirs, total]
    rows = table.index_select(0, which.flatten()).view(*which.shape, -1)

    kernel = walks.kernel_of("own", mode)
    start = [table.new_zeros(dirs, len(words), hidden)] * kernel.num_states
    trace = begin(mode, ragged, start, len(w_hh[0]))
    kernel.forward(trace, Entering.of_rows(rows, w_ih, entering_bias(mode, b_ih, b_hh)), w_hh, b_hh)

    last = torch.cat([*trace.states.index_select(1, ragged.last)], dim=1)
    loss, errors = _loss_and_errors(torch.addmm(head_bias, last, head.t()), labels)
    errors /= scale
    outer, inner = torch.zeros_like(trace.states), torch.zeros_like(trace.cells)
    outer.index_copy_(1, ragged.last, torch.stack((errors @ head).chunk(dirs, dim=1)))
    recurrent, entering = kernel.backward(trace, w_hh, outer, inner)

    of_table = table[:0]
    if table.requires_grad:
        of_rows = kernel.inputs(entering, w_ih).flatten(0, 1)
        of_table = table_gradient(of_rows, which.flatten(), table.shape, pad_idx)
    of_layers = chain.from_iterable(kernel.weights(trace, rows, recurrent, entering))
    # In the layout of the weights, which torch's optimizers rely on.
    whole = (gradient.contiguous() for gradient in of_layers)
    return loss, [of_table, errors.t() @ last, errors.sum(0), *whole]


def _loss_and_errors(scores: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """The loss by scores [batch, outputs], and its gradient with regard to them."""
    outputs = scores.size(1)
    if outputs == 1:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
    log_probs = scores.log_softmax(dim=1)
    loss = nll_loss(log_probs, labels, reduction="sum")
    errors = log_probs.exp_()
    errors.scatter_add_(1, labels.unsqueeze(1), errors.new_full((len(labels), 1), -1))
    return float(loss), errors[:, -outputs:]
