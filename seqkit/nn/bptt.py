"""Recurrent layers with a backward pass through time of their own, for CPUs.

Torch's layers on a CPU call a dozen small functions a step and let autograd replay them. Here one layer, both
directions side by side, is one autograd function: products with the input are made for all steps at once, a step
works in place on views cut beforehand, and of the backward pass only what truly depends on the next step is done
step by step; factors, weight gradients and input gradients are large operations before and after
(Werbos 1990, doi 10.1109/5.58337; the split of the work follows Appleyard et al. 2016, arXiv 1604.01946).

Shapes: `dirs` is 1 or 2, `total` the real steps of the batch (`ragged.py`), `rows` those of one step; `gates` is 1, 3
or 4. Gate order is torch's: r, z, n and i, f, g, o.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.nn.kernels import exact
from seqkit.nn.ragged import Ragged
from seqkit.nn.tanh import tanh_

Views = Sequence[Tensor]

Weights = Sequence[Tensor]
"""A weight of each direction."""


@dataclass(frozen=True)
class Trace:
    """One layer on its way through time.

    Attributes:
        ragged: The layout.
        states: Hidden states, float [dirs, batch + total, hidden]: the start, then step by step.
        cells: The same for LSTM's cell; other cells leave it empty.
        gates: Gates after their nonlinearity, float [dirs, total, gates * hidden].
        extra: What else the backward pass needs, float [dirs, total, hidden]: LSTM's tanh(cell), GRU's recurrent
            part of the candidate; the plain cells leave it empty.
    """

    ragged: Ragged
    states: Tensor
    cells: Tensor
    gates: Tensor
    extra: Tensor

    @property
    def batch(self) -> int:
        """Rows of the start."""
        return self.states.size(1) - self.gates.size(1)

    def steps(self, part: Tensor) -> Views:
        """Views of each step, [dirs, rows, ...], of float [dirs, total, ...]."""
        return torch.split(part, self.ragged.sizes, dim=1)

    def with_start(self, part: Tensor) -> Views:
        """Views of the start, then of each step, of float [dirs, batch + total, ...]."""
        return torch.split(part, [self.batch, *self.ragged.sizes], dim=1)

    def blocks(self, first: int, last: int) -> Views:
        """Gates `first` to `last` - 1 of each step, views [dirs, rows, (last - first) * hidden]."""
        hidden = self.states.size(2)
        return self.steps(self.gates[..., first * hidden : last * hidden])

    def before(self, part: Tensor) -> Tensor:
        """What stood before each step, float [dirs, total, hidden], in float [dirs, batch + total, hidden]."""
        return part.index_select(1, self.ragged.previous)


@dataclass(frozen=True)
class Entering:
    """What enters a layer at its steps.

    Attributes:
        rows: Inputs, float [dirs, total, size].
        weight: `weight_ih` of each direction, float [gates * hidden, size].
        bias: What is added to the products, float [dirs, gates * hidden].
        known: Sums of products and bias that stand for inputs, float [dirs, n, gates * hidden], or nothing.
        which: Which of those enter, int64 [dirs, total]; or nothing, then inputs do.
    """

    rows: Tensor
    weight: Weights
    bias: Tensor
    known: Tensor
    which: Tensor


class KnownInputs(NamedTuple):
    """Inputs that come again and again, for answers.

    Attributes:
        sums: What each brings to a layer's gates, its products and the bias, float [dirs, n, gates * hidden].
        rows: Which of them stands at each step, int64 [batch, len].
    """

    sums: Tensor
    rows: Tensor


Walk = Callable[[Trace, Entering, Weights, Tensor], None]
"""Fills a trace by `weight_hh` of each direction [gates * hidden, hidden] and `bias_hh` [dirs, gates * hidden]."""

Steps = Callable[[Trace, Tensor, Tensor], None]
"""Fills a trace whose gates hold the input's products by `weight_hh` transposed [dirs, hidden, gates * hidden] and
`bias_hh` [dirs, 1, gates * hidden]."""

Return = Callable[[Trace, Weights, Tensor, Tensor], tuple[Tensor, Tensor]]
"""From `weight_hh` of each direction and the gradients of all states and cells, which it completes in place, gradients
of the recurrent products and of the input's products, each [dirs, total, gates * hidden]."""


def inner_products(grads: Tensor, weights: Weights) -> Tensor:
    """Products of float [dirs, total, from] and each direction's [from, to]."""
    return torch.bmm(grads, stack(weights))


def outer_products(x: Tensor, y: Tensor) -> Tensor:
    """The sum over `total` of the outer products of y, float [dirs, total, to], and x, [dirs, total, from]."""
    return torch.bmm(x.transpose(1, 2), y).transpose(1, 2)  # faster this way round, x being narrow


@dataclass(frozen=True)
class Kernel:
    """How one cell walks through time.

    Attributes:
        forward: The way there.
        backward: The way back.
        num_states: Tensors of its state.
        inner: Gradients of inputs from those of their products [dirs, total, gates * hidden] and the weights.
        outer: Gradients of weights from what they take in [dirs, total, size] and the same gradients.
    """

    forward: Walk
    backward: Return
    num_states: int
    inner: Callable[[Tensor, Weights], Tensor] = inner_products
    outer: Callable[[Tensor, Tensor], Tensor] = outer_products


def run_layer(
    mode: str,
    inputs: Tensor,
    ragged: Ragged,
    start: tuple[Tensor, ...],
    weights: Sequence[Weights],
    kernels: Mapping[str, Kernel] | None = None,
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
        kernels: Who walks, by mode; None is `BY_MODE`.
        need_outputs: Whether anybody reads the outputs.
        known: The inputs again, for `compiled.py`; no gradients then.

    Returns:
        Outputs, float [batch, len, dirs * hidden], 0 at padding, or of width 0 if they are not needed; final hidden
        (and cell) state as `start`.
    """
    dtype = weights[0][0].dtype
    full = (part.to(dtype) for part in (inputs, *start, *chain.from_iterable(weights)))
    kernel = (kernels or BY_MODE)[mode]
    with exact(inputs.device):  # small errors add up over the steps
        result: tuple[Tensor, ...] = _Layer.apply(kernel, mode, ragged, need_outputs, known, *full)
    return result


class _Layer(torch.autograd.Function):
    """See `run_layer`."""

    @staticmethod
    def forward(
        ctx: Any, kernel: Kernel, mode: str, ragged: Ragged, need_outputs: bool, known: KnownInputs | None,
        inputs: Tensor, *given: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        ctx.set_materialize_grads(False)
        start, (w_ih, w_hh, *biases) = _by_kind(given, kernel)
        dirs, hidden = len(w_hh), w_hh[0].size(1)
        b_ih, b_hh = map(stack, biases)
        total = len(ragged.previous)
        bias = entering_bias(mode, b_ih, b_hh)
        entering = _entering(ragged, inputs, w_ih, bias, known)
        states, *cells = (_with_room(part, ragged) for part in start)
        gates = inputs.new_empty(dirs, total, bias.size(1))
        size = 0 if mode.startswith("RNN") else hidden
        extra = inputs.new_empty(dirs, total, size)
        trace = Trace(ragged, states, cells[0] if cells else states[:0], gates, extra)
        kernel.forward(trace, entering, w_hh, b_hh)
        ctx.save_for_backward(entering.rows, states, trace.cells, gates, extra, *w_ih, *w_hh)
        ctx.kernel, ctx.ragged, ctx.need_outputs = kernel, ragged, need_outputs
        ctx.shape = inputs.shape
        outputs = inputs.new_zeros(*inputs.shape[:2], dirs * hidden if need_outputs else 0)
        if need_outputs:
            ragged.put(states[:, trace.batch :], _sides(outputs, dirs))
        return outputs, *(part.index_select(1, ragged.last) for part in (states, *cells))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outputs: Tensor | None, *finals: Tensor | None) -> Any:
        ordered, *traced, w_ih, w_hh = _halves(ctx.saved_tensors, 5)
        ragged: Ragged = ctx.ragged
        trace = Trace(ragged, *traced)
        grads = [torch.zeros_like(trace.states) for _ in finals]  # of the states, and the cells
        if ctx.need_outputs and outputs is not None:
            ragged.gather(_sides(outputs, len(w_hh)), grads[0][:, trace.batch :])
        for grad, final in zip(grads, finals, strict=True):
            if final is not None:
                grad.index_add_(1, ragged.last, final)
        g_inputs = None
        kernel: Kernel = ctx.kernel
        with exact(ordered.device):
            recurrent, entering = kernel.backward(trace, w_hh, grads[0], grads[-1])
            g_whh = kernel.outer(trace.before(trace.states), recurrent)
            g_wih = kernel.outer(ordered, entering)
            g_bhh = recurrent.sum(dim=1)
            g_bih = g_bhh.clone() if entering is recurrent else entering.sum(dim=1)
            if ctx.needs_input_grad[5]:
                g_inputs = ordered.new_zeros(ctx.shape)
                ragged.add(kernel.inner(entering, w_ih), g_inputs.flatten(0, 1))
        starts = [
            grad[:, : trace.batch].index_select(1, ragged.back) if wanted else None
            for grad, wanted in zip(grads, ctx.needs_input_grad[6:], strict=False)
        ]
        weights = (grad for kind in (g_wih, g_whh, g_bih, g_bhh) for grad in kind.unbind())
        return None, None, None, None, None, g_inputs, *starts, *weights


def entering_bias(mode: str, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """What is added to an input's products: both biases, but for a GRU, whose candidate scales its recurrent part with
    the bias."""
    return b_ih if mode == "GRU" else b_ih + b_hh


def _entering(
    ragged: Ragged, inputs: Tensor, weight: Weights, bias: Tensor, known: KnownInputs | None
) -> Entering:
    """What enters by inputs [batch, len, size], or by what is known of them."""
    dirs, total = len(weight), len(ragged.previous)

    def in_order(values: Tensor) -> Tensor:
        flat = values.flatten(0, 1)
        return ragged.gather([flat] * dirs, flat.new_empty(dirs, total, flat.size(1)))

    if known is None:
        nothing, nowhere = bias.new_empty(0, 0, 0), ragged.order.new_empty(0, 0)
        return Entering(in_order(inputs), weight, bias, nothing, nowhere)
    which = in_order(known.rows.unsqueeze(2)).squeeze(2)
    narrow = [part[:, :0] for part in weight]
    return Entering(inputs.new_empty(dirs, total, 0), narrow, bias, known.sums, which)


def _by_kind(given: Sequence[Tensor], kernel: Kernel) -> tuple[Views, list[Weights]]:
    """The start, and by kind the weights of each direction, of what `run_layer` hands over."""
    start, weights = given[: kernel.num_states], given[kernel.num_states :]
    dirs = len(weights) // 4
    return start, [weights[first : first + dirs] for first in range(0, len(weights), dirs)]


def _halves(tensors: Sequence[Tensor], first: int) -> list[Any]:
    """The first ones, then both halves of the others."""
    middle = (first + len(tensors)) // 2
    return [*tensors[:first], tensors[first:middle], tensors[middle:]]


def stack(parts: Weights) -> Tensor:
    """What each direction has as [dirs, ...], without a copy where there is one direction."""
    return torch.stack(list(parts)) if len(parts) > 1 else parts[0].unsqueeze(0)


def _sides(padded: Tensor, dirs: int) -> Views:
    """Each direction's float [batch * len, hidden] of [batch, len, dirs * hidden]."""
    return padded.flatten(0, 1).chunk(dirs, dim=1)


def _with_room(start: Tensor, ragged: Ragged) -> Tensor:
    """The start [dirs, batch, hidden], in the order of the layout, with room for every step behind it."""
    dirs, batch, hidden = start.shape
    states = start.new_empty(dirs, batch + len(ragged.previous), hidden)
    states[:, :batch] = start.index_select(1, ragged.order)
    return states


def _backwards(*views: Views) -> Iterator[tuple[Tensor, ...]]:
    """Views of the steps side by side, from the last step to the first."""
    return zip(*(reversed(view) for view in views), strict=True)


def _active(before: Tensor, rows: int) -> Tensor:
    """The rows of the step before that go on."""
    return before if before.size(1) == rows else before[:, :rows]


def _at_once(steps: Steps) -> Walk:
    """Products with the input for all steps at once, then step by step."""

    def forward(trace: Trace, entering: Entering, w_hh: Weights, b_hh: Tensor) -> None:
        w_ih, bias = stack(entering.weight).transpose(1, 2), entering.bias.unsqueeze(1)
        torch.baddbmm(bias, entering.rows, w_ih, out=trace.gates)
        # Copied, as a product with a transposed view takes half as long again.
        steps(trace, stack(w_hh).transpose(1, 2).contiguous(), b_hh.unsqueeze(1))

    return forward


def _elman_forward(activate: Callable[[Tensor], Tensor]) -> Steps:
    def forward(trace: Trace, w_hh: Tensor, b_hh: Tensor) -> None:
        before, *after = trace.with_start(trace.states)
        for gates, state in zip(trace.steps(trace.gates), after, strict=True):
            torch.baddbmm(gates, _active(before, state.size(1)), w_hh, out=state)
            activate(state)
            before = state

    return forward


def _elman_backward(slope: Callable[[Tensor], Tensor]) -> Return:
    def backward(
        trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor]:
        weight = stack(w_hh)
        grads = slope(trace.states[:, trace.batch :])  # becomes the gradient, step by step
        states = trace.with_start(outer)
        for grad, into, at in _backwards(trace.steps(grads), states[:-1], states[1:]):
            grad.mul_(at)
            into = _active(into, grad.size(1))
            torch.baddbmm(into, grad, weight, out=into)
        return grads, grads

    return backward


def _lstm_forward(trace: Trace, w_hh: Tensor, b_hh: Tensor) -> None:
    before, *after = trace.with_start(trace.states)
    cell_before, *cells = trace.with_start(trace.cells)
    parts = (trace.blocks(*span) for span in ((0, 4), (0, 2), (0, 1), (1, 2), (2, 3), (3, 4)))
    views = zip(*parts, trace.steps(trace.extra), cells, after, strict=True)
    for gates, opening, admit, keep, candidate, out, squashed, cell, state in views:
        rows = state.size(1)
        torch.baddbmm(gates, _active(before, rows), w_hh, out=gates)
        opening.sigmoid_()
        tanh_(candidate)
        out.sigmoid_()
        torch.mul(keep, _active(cell_before, rows), out=cell)
        cell.addcmul_(admit, candidate)
        tanh_(squashed.copy_(cell))
        torch.mul(out, squashed, out=state)
        before, cell_before = state, cell


def _lstm_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    weight, hidden, squashed = stack(w_hh), trace.states.size(2), trace.extra
    i, f, g, o = torch.split(trace.gates, hidden, dim=2)
    grads = torch.empty_like(trace.gates)  # first d gates / d (cell, cell, cell, state)
    to_i, to_f, to_g, to_o = torch.split(grads, hidden, dim=2)
    torch.addcmul(i, i, i, value=-1, out=to_i).mul_(g)
    torch.addcmul(f, f, f, value=-1, out=to_f).mul_(trace.before(trace.cells))
    torch.addcmul(i, i * g, g, value=-1, out=to_g)
    torch.addcmul(o, o, o, value=-1, out=to_o).mul_(squashed)
    slopes = torch.addcmul(o, o * squashed, squashed, value=-1)  # d state / d cell
    by_gate = grads.view(*grads.shape[:2], 4, hidden)
    states, cells = trace.with_start(outer), trace.with_start(inner)
    views = _backwards(
        trace.steps(grads), trace.steps(by_gate[:, :, :3]), trace.steps(by_gate[:, :, 3]),
        trace.steps(slopes), trace.steps(f), states[:-1], states[1:], cells[:-1], cells[1:],
    )  # fmt: skip
    for grad, of_cell, of_state, slope, keep, into, at, cell_into, cell_at in views:
        rows = at.size(1)
        into, cell_into = _active(into, rows), _active(cell_into, rows)
        cell_at.addcmul_(at, slope)
        of_cell.mul_(cell_at.unsqueeze(2))
        of_state.mul_(at)
        cell_into.addcmul_(cell_at, keep)
        torch.baddbmm(into, grad, weight, out=into)
    return grads, grads


def _gru_forward(trace: Trace, w_hh: Tensor, b_hh: Tensor) -> None:
    hidden = trace.states.size(2)
    before, *after = trace.with_start(trace.states)
    trace.gates[..., : 2 * hidden].add_(b_hh[..., : 2 * hidden])
    w_gates = w_hh[..., : 2 * hidden].contiguous()
    w_candidate = w_hh[..., 2 * hidden :].contiguous()
    b_candidate = b_hh[..., 2 * hidden :]
    parts = (trace.blocks(*span) for span in ((0, 2), (0, 1), (1, 2), (2, 3)))
    views = zip(*parts, trace.steps(trace.extra), after, strict=True)
    for both, reset, update, candidate, recurrent, state in views:
        before = _active(before, state.size(1))
        torch.baddbmm(both, before, w_gates, out=both)
        torch.baddbmm(b_candidate, before, w_candidate, out=recurrent)
        both.sigmoid_()
        tanh_(candidate.addcmul_(reset, recurrent))
        torch.lerp(candidate, before, update, out=state)
        before = state


def _gru_backward(
    trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    weight, hidden = stack(w_hh), trace.states.size(2)
    r, z, n = torch.split(trace.gates, hidden, dim=2)
    grads = torch.empty_like(trace.gates)  # first d recurrent products / d state
    to_r, to_z, to_n = torch.split(grads, hidden, dim=2)
    candidate = (1 - z).mul_(_tanh_slope(n))
    torch.mul(candidate, r, out=to_n)
    torch.addcmul(r, r, r, value=-1, out=to_r).mul_(trace.extra).mul_(candidate)
    torch.addcmul(z, z, z, value=-1, out=to_z).mul_(trace.before(trace.states).sub_(n))
    by_gate = grads.view(*grads.shape[:2], 3, hidden)
    states = trace.with_start(outer)
    views = _backwards(
        trace.steps(grads), trace.steps(by_gate), trace.steps(z), states[:-1], states[1:]
    )
    for grad, of_state, update, into, at in views:
        into = _active(into, at.size(1))
        of_state.mul_(at.unsqueeze(2))
        torch.baddbmm(into, grad, weight, out=into)
        into.addcmul_(at, update)
    entering = grads.clone()
    torch.mul(candidate, outer[:, trace.batch :], out=entering[..., 2 * hidden :])
    return grads, entering


def _tanh_slope(values: Tensor) -> Tensor:
    return torch.addcmul(torch.ones_like(values), values, values, value=-1)


def _relu_slope(values: Tensor) -> Tensor:
    return (values > 0).to(values.dtype)


BY_MODE: dict[str, Kernel] = {
    "RNN_TANH": Kernel(_at_once(_elman_forward(tanh_)), _elman_backward(_tanh_slope), 1),
    "RNN_RELU": Kernel(_at_once(_elman_forward(torch.relu_)), _elman_backward(_relu_slope), 1),
    "LSTM": Kernel(_at_once(_lstm_forward), _lstm_backward, 2),
    "GRU": Kernel(_at_once(_gru_forward), _gru_backward, 1),
}
