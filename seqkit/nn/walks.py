"""The way through time of `bptt.py` by torch: a step works in place on views cut beforehand.

Products with the input are made for all steps at once, and of the way back only what truly depends on the next step is
done step by step; factors are large operations before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from seqkit.nn import small_walks
from seqkit.nn.small_walks import RELU, TANH, Activation
from seqkit.nn.tanh import tanh_
from seqkit.nn.trace import Entering, Kernel, Return, Trace, Views, Walk, Weights, stack

Steps = Callable[[Trace, Tensor, Tensor], None]
"""Fills a trace whose gates hold the input's products by `weight_hh` transposed [dirs, hidden, gates * hidden] and
`bias_hh` [dirs, 1, gates * hidden]."""


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


def _elman_forward(activate: Callable[[Tensor], Tensor], small: Activation) -> Steps:
    def forward(trace: Trace, w_hh: Tensor, b_hh: Tensor) -> None:
        if small_walks.is_small(trace):
            return small_walks.forward(trace, w_hh, small)
        before, *after = trace.with_start(trace.states)
        for gates, state in zip(trace.steps(trace.gates), after, strict=True):
            torch.baddbmm(gates, _active(before, state.size(1)), w_hh, out=state)
            activate(state)
            before = state

    return forward


def _elman_backward(slope: Callable[[Tensor], Tensor], small: Activation) -> Return:
    def backward(
        trace: Trace, w_hh: Weights, outer: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor]:
        weight = stack(w_hh)
        if small_walks.is_small(trace):
            grads = small_walks.backward(trace, weight, outer, small)
            return grads, grads
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
    torch.addcmul(f, f, f, value=-1, out=to_f).mul_(trace.ragged.before(trace.cells))
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
    torch.addcmul(z, z, z, value=-1, out=to_z).mul_(trace.ragged.before(trace.states) - n)
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


def _inputs(grads: Tensor, weights: Weights) -> Tensor:
    return torch.bmm(grads, stack(weights))


def _weights(
    trace: Trace, inputs: Tensor, recurrent: Tensor, entering: Tensor
) -> tuple[Tensor, ...]:
    of_recurrent = recurrent.sum(dim=1)
    of_entering = of_recurrent.clone() if entering is recurrent else entering.sum(dim=1)
    of_states = _outer(trace.ragged.before(trace.states), recurrent)
    return _outer(inputs, entering), of_states, of_entering, of_recurrent


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """The sum over `total` of the outer products of y, float [dirs, total, to], and x, [dirs, total, from]."""
    return torch.bmm(x.transpose(1, 2), y).transpose(1, 2)  # faster this way round, x being narrow


def _kernel(steps: Steps, backward: Return, num_states: int = 1) -> Kernel:
    return Kernel(_at_once(steps), backward, num_states, _inputs, _weights)


BY_MODE: dict[str, Kernel] = {
    "RNN_TANH": _kernel(_elman_forward(tanh_, TANH), _elman_backward(_tanh_slope, TANH)),
    "RNN_RELU": _kernel(_elman_forward(torch.relu_, RELU), _elman_backward(_relu_slope, RELU)),
    "LSTM": _kernel(_lstm_forward, _lstm_backward, 2),
    "GRU": _kernel(_gru_forward, _gru_backward),
}


def kernel_of(name: str, mode: str) -> Kernel:
    """Who walks a layer of that mode where the kernel `own` or `compiled` does."""
    if name == "own":
        return BY_MODE[mode]
    from seqkit.nn import compiled_layers  # numba takes a while

    return compiled_layers.BY_MODE[mode]
