"""Recurrent layers with a backward pass through time of their own, for CPUs.

Torch's layers on a CPU call a dozen small functions a step and let autograd replay them. Here one layer, both
directions side by side, is one autograd function: products with the input are made for all steps at once, a step
works in place on views cut beforehand, and of the backward pass only what truly depends on the next step is done
step by step; factors, weight gradients and input gradients are large operations before and after
(Werbos 1990, doi 10.1109/5.58337; the split of the work follows Appleyard et al. 2016, arXiv 1604.01946).

Shapes are those of `trace.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.kernels import exact
from seqkit.nn.ragged import Ragged
from seqkit.nn.trace import Entering, Kernel, KnownInputs, Trace, Views, Weights, stack


def run_layer(
    mode: str,
    inputs: Tensor,
    ragged: Ragged,
    start: tuple[Tensor, ...],
    weights: Sequence[Weights],
    kernel: Kernel,
    *,
    need_outputs: bool = True,
    known: KnownInputs | None = None,
) -> tuple[Tensor, ...]:
    """One recurrent layer in one or both directions.

    Args:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        inputs: float [batch, len, input_size], padding at the end of each row.
        ragged: The layout of its real steps.
        start: Hidden (and cell) state, each float [dirs, batch, hidden].
        weights: Of each direction `weight_ih` [gates * hidden, input_size], `weight_hh` [gates * hidden, hidden], and
            both biases [gates * hidden]; kind by kind.
        kernel: Who walks.
        need_outputs: Whether anybody reads the outputs.
        known: The inputs again, for `compiled.py`; no gradients then.

    Returns:
        Outputs, float [batch, len, dirs * hidden], 0 at padding, or of width 0 if they are not needed; final hidden
        (and cell) state as `start`.
    """
    dtype = weights[0][0].dtype
    full = (part.to(dtype) for part in (inputs, *start, *chain.from_iterable(weights)))
    with exact(inputs.device):  # small errors add up over the steps
        result: tuple[Tensor, ...] = _Layer.apply(
            kernel, mode, ragged, need_outputs, torch.is_grad_enabled(), known, *full
        )
    return result


class _Layer(torch.autograd.Function):
    """See `run_layer`."""

    @staticmethod
    def forward(
        ctx: Any, kernel: Kernel, mode: str, ragged: Ragged, need_outputs: bool, learning: bool,
        known: KnownInputs | None, inputs: Tensor, *given: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        ctx.set_materialize_grads(False)
        start = given[: kernel.num_states]
        w_ih, w_hh, *biases = by_kind(given[kernel.num_states :])
        dirs, hidden = len(w_hh), w_hh[0].size(1)
        b_ih, b_hh = map(stack, biases)
        bias = entering_bias(mode, b_ih, b_hh)
        entering = _entering(ragged, inputs, w_ih, bias, known)
        trace = begin(mode, ragged, start, bias.size(1), keeps=learning or not kernel.forgets)
        kernel.forward(trace, entering, w_hh, b_hh)
        traced = (trace.states, trace.cells, trace.gates, trace.extra)
        ctx.save_for_backward(entering.rows, *traced, *w_ih, *w_hh)
        ctx.kernel, ctx.ragged, ctx.need_outputs = kernel, ragged, need_outputs
        ctx.shape = inputs.shape
        outputs = inputs.new_empty(*inputs.shape[:2], dirs * hidden if need_outputs else 0)
        if need_outputs:
            kernel.spread(ragged, trace.states, outputs)
        ways = (trace.states, trace.cells)[: kernel.num_states]
        return outputs, *(way.index_select(1, ragged.last) for way in ways)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outputs: Tensor | None, *finals: Tensor | None) -> Any:
        ordered, *traced, w_ih, w_hh = _halves(ctx.saved_tensors, 5)
        kernel: Kernel = ctx.kernel
        ragged: Ragged = ctx.ragged
        trace = Trace(ragged, *traced)
        read = outputs if ctx.need_outputs else None
        grads = [_of_states(trace, read), *(torch.zeros_like(trace.states) for _ in finals[1:])]
        for grad, final in zip(grads, finals, strict=True):
            if final is not None:
                grad.index_add_(1, ragged.last, final)
        g_inputs = None
        with exact(ordered.device):
            recurrent, entering = kernel.backward(trace, w_hh, grads[0], grads[-1])
            of_weights = kernel.weights(trace, ordered, recurrent, entering)
            if ctx.needs_input_grad[6]:
                products = kernel.inputs(entering, w_ih)
                g_inputs = kernel.spread(ragged, products, ordered.new_empty(ctx.shape))
        starts = [
            grad[:, : trace.batch].index_select(1, ragged.back) if wanted else None
            for grad, wanted in zip(grads, ctx.needs_input_grad[7:], strict=False)
        ]
        weights = chain.from_iterable(kind.unbind() for kind in of_weights)
        return None, None, None, None, None, None, g_inputs, *starts, *weights


def begin(mode: str, ragged: Ragged, start: Views, width: int, *, keeps: bool = True) -> Trace:
    """A layer's way through time before its first step.

    Args:
        mode: `RNN_TANH`, `RNN_RELU`, `LSTM` or `GRU`.
        ragged: The layout.
        start: Hidden (and cell) state, each float [dirs, batch, hidden].
        width: gates * hidden.
        keeps: Whether there is room for what the way back needs.
    """
    states, *cells = (_with_room(part, ragged) for part in start)
    dirs, _, hidden = states.shape
    kept = len(ragged.previous) if keeps else 0
    gates = states.new_empty(dirs, kept, width)
    extra = states.new_empty(dirs, kept, 0 if mode.startswith("RNN") else hidden)
    return Trace(ragged, states, cells[0] if cells else states[:0], gates, extra)


def entering_bias(mode: str, b_ih: Any, b_hh: Any) -> Any:
    """What is added to an input's products: both biases, but for a GRU, whose candidate scales its recurrent part with
    the bias."""
    return b_ih if mode == "GRU" else b_ih + b_hh


def _entering(
    ragged: Ragged, inputs: Tensor, weight: Weights, bias: Tensor, known: KnownInputs | None
) -> Entering:
    """What enters by inputs [batch, len, size], or by what is known of them."""
    dirs, total = len(weight), len(ragged.previous)
    if known is None:
        rows = ragged.gather(inputs, inputs.new_empty(dirs, total, inputs.size(2)))
        return Entering.of_rows(rows, weight, bias)
    which = ragged.gather(known.rows.unsqueeze(2), known.rows.new_empty(dirs, total, 1))
    narrow = [part[:, :0] for part in weight]
    return Entering(inputs.new_empty(dirs, total, 0), narrow, bias, known.sums, which.squeeze(2))


def by_kind(weights: Sequence[Any]) -> list[Sequence[Any]]:
    """The weights of each direction by kind, of all four kinds one after the other."""
    dirs = len(weights) // 4
    return [weights[first : first + dirs] for first in range(0, len(weights), dirs)]


def _halves(tensors: Sequence[Tensor], first: int) -> list[Any]:
    """The first ones, then both halves of the others."""
    middle = (first + len(tensors)) // 2
    return [*tensors[:first], tensors[first:middle], tensors[middle:]]


def _of_states(trace: Trace, outputs: Tensor | None) -> Tensor:
    """Gradients of all states from those of outputs [batch, len, dirs * hidden], if there are any; 0 at the start."""
    if outputs is None:
        return torch.zeros_like(trace.states)
    grads = torch.empty_like(trace.states)
    grads[:, : trace.batch] = 0
    return trace.ragged.gather(outputs, grads)


def _with_room(start: Tensor, ragged: Ragged) -> Tensor:
    """The start [dirs, batch, hidden], in the order of the layout, with room for every step behind it."""
    dirs, batch, hidden = start.shape
    states = start.new_empty(dirs, batch + len(ragged.previous), hidden)
    states[:, :batch] = start.index_select(1, ragged.order)
    return states
