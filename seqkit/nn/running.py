"""Recurrent layers over a batch, one after the other, by the kernel that is asked for or the fastest one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from seqkit.nn.bptt import run_layer
from seqkit.nn.cells import State
from seqkit.nn.held import Held, run_held
from seqkit.nn.kernels import compiles_for, exact, fastest_kernel, starts_from_zero
from seqkit.nn.observed import run_observed
from seqkit.nn.packed import Fused, run_packed
from seqkit.nn.padded import run_padded
from seqkit.nn.ragged import Ragged, rectangle
from seqkit.nn.trace import KnownInputs
from seqkit.nn.walks import kernel_of

if TYPE_CHECKING:
    from seqkit.nn.recurrent import Recurrent

Run = Callable[[int, Tensor, State], tuple[Tensor, State]]
"""Takes a layer, by its number, over inputs [batch, len, size] from its state, [num_directions, batch, hidden_size]."""


def run_layers(
    layers: Recurrent,
    inputs: Tensor,
    lengths: Tensor | None,
    state: State,
    *,
    need_outputs: bool = True,
    known: KnownInputs | None = None,
) -> tuple[Tensor, State]:
    """As `Recurrent.forward`, from a state that is there, in one go, with lengths on the CPU."""
    if inputs.is_cuda and torch.is_autocast_enabled("cuda"):
        dtype = next(layers.parameters()).dtype
        state = tuple(part.to(dtype) for part in state)
        # cuDNN would compute in float16, also where bfloat16 is asked for.
        with exact(inputs.device):
            return run_layers(layers, inputs.to(dtype), lengths, state, need_outputs=need_outputs)
    batch, max_len, _ = inputs.shape
    if lengths is not None and not (batch and int(lengths.min()) < max_len):
        lengths = None
    if torch.is_grad_enabled():
        known = None
    kernel = kernel_for(layers, inputs, lengths, state, known)
    if kernel == "held" and lengths is not None:
        held = Held.of(lengths, max_len, inputs.device)
        return _one_by_one(layers, _held(layers, held), inputs, state)
    if kernel in ("observed", "padded"):
        full = torch.full((batch,), max_len) if lengths is None else lengths
        run = _observed(layers, full) if kernel == "observed" else _padded(layers, full)
        return _one_by_one(layers, run, inputs, state)
    if kernel in ("own", "compiled"):
        layout = rectangle(batch, max_len) if lengths is None else Ragged.of(lengths, max_len)
        given = known if kernel == "compiled" else None
        run = partial(run_own, layers, kernel, layout.to(inputs.device), need_outputs, given)
        return _one_by_one(layers, run, inputs, state)
    if layers.training and (layers.locked or layers.weight_dropout):
        return _one_by_one(layers, partial(_run_torch, layers, lengths), inputs, state)
    return _run_torch(layers, lengths, None, inputs, state)


def kernel_for(
    layers: Recurrent,
    inputs: Tensor,
    lengths: Tensor | None,
    state: State,
    known: KnownInputs | None = None,
) -> str:
    """`observed` where somebody watches; else the kernel asked for, or the fastest one; another where it cannot run
    these rows or weights."""
    if layers.observer is not None:
        return "observed"
    if layers.answers_whole:
        return "compiled"
    kernel = layers.kernel
    if kernel == "auto":
        kernel = "compiled"
        if known is None:
            kernel = fastest_kernel(layers.cell.name, inputs, lengths, state)
    elif kernel == "padded" and not starts_from_zero(state):
        return "torch"
    weight: Any = layers._flat_weights[0]
    return "own" if kernel == "compiled" and not compiles_for(weight) else kernel


def run_own(
    layers: Recurrent,
    kernel: str,
    ragged: Ragged,
    need_outputs: bool,
    known: KnownInputs | None,
    layer: int,
    inputs: Tensor,
    state: State,
) -> tuple[Tensor, State]:
    """A layer by `bptt.py`, which the kernel `own` or `compiled` walks."""
    whole = layers.whole[layer] if layers.answers_whole else None
    outputs, *final = run_layer(
        layers.mode, inputs, ragged, state, layers.weights_by_kind(layer),
        whole.kernel if whole else kernel_of(kernel, layers.mode),
        need_outputs=need_outputs or layer + 1 < layers.num_layers,
        known=known if layer == 0 else None,
    )  # fmt: skip
    return outputs, tuple(final)


def _one_by_one(layers: Recurrent, run: Run, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """One layer after the other, with dropout between."""
    if layers.num_layers == 1:  # cutting and joining nothing takes a small network's time
        return run(0, inputs, state)
    finals = []
    for layer in range(layers.num_layers):
        mine = slice(layer * layers.num_directions, (layer + 1) * layers.num_directions)
        inputs, final = run(layer, inputs, tuple(part[mine] for part in state))
        finals.append(final)
        if layer + 1 < layers.num_layers:
            inputs = layers.between(inputs)
    return inputs, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def _observed(layers: Recurrent, lengths: Tensor) -> Run:
    observer = layers.observer
    assert observer is not None
    return lambda layer, inputs, state: run_observed(
        observer, layers.cell, layer, inputs, lengths, state, layers.weights_of(layer)
    )


def _padded(layers: Recurrent, lengths: Tensor) -> Run:
    return lambda layer, inputs, state: run_padded(
        layers.cell, lengths, inputs, state, layers.weights_of(layer)
    )


def _held(layers: Recurrent, held: Held) -> Run:
    return lambda layer, inputs, state: run_held(
        layers.cell, held, inputs, state, layers.weights_of(layer)
    )


def _run_torch(
    layers: Recurrent, lengths: Tensor | None, layer: int | None, inputs: Tensor, state: State
) -> tuple[Tensor, State]:
    """A layer, or all of them, by `packed.py`."""
    weights: list[Any] = layers._flat_weights
    count = layers.num_layers
    if layer is not None:
        weights, count = list(chain.from_iterable(layers.weights_of(layer))), 1
    dropout = layers.dropout if layers.training else 0.0
    fused = Fused(layers.cell, weights, count, dropout, layers.bidirectional)
    return run_packed(fused, lengths, inputs, state)
