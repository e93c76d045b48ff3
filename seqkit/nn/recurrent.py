"""Recurrent layers over padded batches: right by `lengths`, PyTorch's parameters, any cell."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqkit.errors import ConfigError, ShapeError
from seqkit.nn.bptt import entering_bias
from seqkit.nn.cells import State, get_cell
from seqkit.nn.dropout import build_dropout
from seqkit.nn.initialisation import initialise_recurrent
from seqkit.nn.kernels import (
    COMPILED_UP_TO,
    MayCompile,
    answers_compiled,
    check_kernel,
    exact,
    has_numba,
    may_compile,
    runs_compiled,
)
from seqkit.nn.observed import Observer, SeenStep
from seqkit.nn.ragged import rectangle
from seqkit.nn.running import run_layers, run_own
from seqkit.nn.trace import KnownInputs
from seqkit.nn.workers import share_out

if TYPE_CHECKING:
    from seqkit.nn.compiled_layers import WholeLayer

MOST_KNOWN = 1 << 24
"""Numbers that `known_sums` may hold."""

TOGETHER = 512
"""Inputs whose sums a thread computes at a time."""


class Recurrent(nn.RNNBase):
    """One or more recurrent layers, in one or both directions, over a padded batch.

    The parameters have PyTorch's names, so state dicts of `torch.nn.RNN`, `nn.LSTM` and `nn.GRU` load here and
    the other way round. Padding changes no output, no final state and no gradient.

    Args:
        cell: `rnn_tanh`, `rnn_relu`, `lstm` or `gru`.
        input_size: Width of each step's input.
        hidden_size: Units of each layer and direction.
        num_layers: Layers on top of each other.
        bidirectional: Whether a second set of cells reads from each row's last step to its first.
        dropout: Share of values zeroed between layers, in training.
        init: `auto`, `torch`, `keras` or `identity`, see `initialisation.py`.
        chrono_steps: Steps that the units of an LSTM or GRU start out remembering, at most (0: as `init` has it).
        tbptt_steps: If above 0, gradients stop every so many steps (truncated backpropagation through time,
            Williams & Peng 1990); outputs stay the same. One direction only.
        locked: Whether dropout between layers keeps one mask for all steps of a row (Gal & Ghahramani 2016).
        weight_dropout: Share of recurrent weights zeroed for a whole batch, in training (Merity et al. 2018,
            https://arxiv.org/abs/1708.02182).
        kernel: Who computes, one of `kernels.KERNELS`. `padded` is for an LSTM; it needs rows that start from a zero
            state, and is `torch` for others; `compiled` needs numba and is `own` where it cannot be (not on a CPU, or
            in half precision).

    Raises:
        ConfigError: if `tbptt_steps` is asked for in both directions, or a kernel that is not for this cell or not
            installed.
        UnknownNameError: if the cell or the kernel is unknown.

    >>> layer = Recurrent("gru", 4, 8, bidirectional=True)
    >>> outputs, (hidden,) = layer(torch.zeros(2, 5, 4), torch.tensor([5, 3]))
    >>> outputs.shape, hidden.shape
    (torch.Size([2, 5, 16]), torch.Size([2, 2, 8]))
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        init: str = "auto",
        chrono_steps: int = 0,
        tbptt_steps: int = 0,
        locked: bool = False,
        weight_dropout: float = 0.0,
        kernel: str = "auto",
    ) -> None:
        check_kernel(kernel, cell)
        if tbptt_steps and bidirectional:
            raise ConfigError(
                "`tbptt_steps` carries a state forwards, so it needs `bidirectional` to be false."
            )
        self.cell = get_cell(cell)
        between = dropout if num_layers > 1 else 0.0
        super().__init__(
            self.cell.mode, input_size, hidden_size, num_layers,
            batch_first=True, dropout=between, bidirectional=bidirectional,
        )  # fmt: skip
        self.num_directions = 2 if bidirectional else 1
        self.output_size = hidden_size * self.num_directions
        self.tbptt_steps = tbptt_steps
        self.between = build_dropout(between, locked=locked)
        self.locked = locked and between > 0
        self.weight_dropout = weight_dropout
        self.kernel = kernel
        self.observer: Observer | None = None
        """Is told of every step while it is set; the layers then run step by step, which is slow."""
        self.whole: list[WholeLayer] = []
        initialise_recurrent(self, cell, init, chrono_steps)

    def to_whole_numbers(self) -> None:
        """Has answers computed in whole numbers of 8 bits from now on, to which the weights are rounded now; for a CPU
        whose machine code multiplies them (`whole.has_words`)."""
        from seqkit.nn import compiled_layers  # numba takes a while

        self.whole = [
            compiled_layers.WholeLayer(self.mode, *list(zip(*weights, strict=True))[:2])
            for weights in map(self.weights_of, range(self.num_layers))
        ]

    @property
    def answers_whole(self) -> bool:
        """Whether what is computed now is in whole numbers."""
        return bool(self.whole) and not torch.is_grad_enabled()

    @property
    def plain_kernel(self) -> str | None:
        """`compiled` or `own`, whichever takes it where it learns on a CPU, if it is one layer with nothing between
        its steps; else None."""
        dropped = self.training and self.weight_dropout
        watched = self.tbptt_steps or self.observer is not None
        if self.num_layers > 1 or dropped or watched:
            return None
        small = self.kernel == "auto" and self.hidden_size <= COMPILED_UP_TO
        if has_numba() and (small or self.kernel == "compiled"):
            return "compiled"
        # Of an LSTM it hangs on the batch.
        return "own" if self.kernel in ("auto", "own") and self.cell.name != "lstm" else None

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor | None = None,
        state: State | None = None,
        *,
        need_outputs: bool = True,
        known: KnownInputs | None = None,
    ) -> tuple[Tensor, State]:
        """Runs over the sequence.

        Args:
            inputs: float [batch, len, input_size], padding at the end of each row.
            lengths: int64 [batch], 0 to len; None where every step is real.
            state: Start, each float [num_layers * num_directions, batch, hidden_size]; None is zero.
            need_outputs: Whether anybody reads the outputs; else they may have a width of 0.
            known: What `known_sums` said of these inputs: it spares the first layer their products, where no gradients
                are wanted.

        Returns:
            outputs, float [batch, len, num_directions * hidden_size], 0 at padding; final state in the layout of
            `state`, each direction's own last step (a row of length 0 keeps its start).

        Raises:
            ShapeError: if `inputs`, `lengths` and `state` do not fit each other.
        """
        state = self._checked_state(inputs, lengths, state)
        lengths = None if lengths is None else lengths.cpu()  # packing wants them there
        if not self.tbptt_steps:
            return run_layers(self, inputs, lengths, state, need_outputs=need_outputs, known=known)
        outputs = []
        for start in range(0, inputs.size(1), self.tbptt_steps):
            chunk = inputs[:, start : start + self.tbptt_steps]
            left = None if lengths is None else (lengths - start).clamp(0, chunk.size(1))
            before = tuple(part.detach() for part in state)
            output, state = run_layers(self, chunk, left, before, need_outputs=need_outputs)
            outputs.append(output)
        return torch.cat(outputs, dim=1), state

    def known_sums(self, vectors: Tensor) -> Tensor | None:
        """What inputs that come again and again bring to the first layer's gates, for `forward`.

        Args:
            vectors: Those inputs, float [n, input_size].

        Returns:
            Products and bias, float [num_directions, n, gates * hidden_size]; None where `forward` would not take them,
            or they would be very large.
        """
        weights = self.weights_of(0)
        shape = len(weights), len(vectors), len(weights[0][0])
        if not self.takes_known(vectors) or math.prod(shape) > MOST_KNOWN:
            return None
        sums = vectors.new_empty(shape)

        def fill(part: tuple[int, int]) -> None:
            direction, first = part
            mine = slice(first, first + TOGETHER)
            self.entering_sums(vectors[mine], direction, out=sums[direction, mine])

        with exact(vectors.device):
            share_out(fill, list(product(range(len(weights)), range(0, len(vectors), TOGETHER))))
        return sums

    def entering_sums(
        self, vectors: Tensor, direction: int = 0, out: Tensor | None = None
    ) -> Tensor:
        """Products of inputs [n, input_size] and the first layer's weight, with the bias: [n, gates * hidden_size]."""
        w_ih, _, b_ih, b_hh = self.weights_of(0)[direction]
        bias = entering_bias(self.mode, b_ih, b_hh)
        if self.answers_whole:
            return self.whole[0].entering(vectors, bias, direction, out)
        return torch.addmm(bias, vectors, w_ih.T, out=out)

    def takes_known(self, vectors: Tensor) -> bool:
        """Whether answers are fastest by what is known of such inputs."""
        if self.answers_whole:
            return True
        if torch.is_grad_enabled() or not runs_compiled(vectors):
            return False
        if self.kernel == "auto":
            mixed = torch.is_autocast_enabled("cpu")  # layers above the first gain by it
            return self.hidden_size <= COMPILED_UP_TO and not (mixed and self.num_layers > 1)
        return self.kernel == "compiled"

    def step(
        self, inputs: Tensor, state: State, sums: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One step of every layer, for decoding: float [batch, input_size] -> [batch, hidden_size] and state.

        `sums` are what the inputs bring to the first layer, a row of `known_sums` each, where `steps_from_sums`; they
        are overwritten.
        """
        parts: list[State] = []
        for layer in range(self.num_layers):
            before = tuple(part[layer] for part in state)
            weights = [getattr(self, f"{name}_l{layer}") for name in _WEIGHTS]
            after = self._cell_step(layer, inputs, before, weights, sums if layer == 0 else None)
            if self.observer is not None:
                real = torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)
                self.observer(
                    SeenStep(self.cell, layer, False, inputs, before, after, tuple(weights), real)
                )
            parts.append(after)
            inputs = after[0]
            if layer + 1 < self.num_layers:
                inputs = self.between(inputs.unsqueeze(1)).squeeze(1)
        return inputs, tuple(torch.stack(layers) for layers in zip(*parts, strict=True))

    def steps_from_sums(self, inputs: Tensor) -> bool:
        """Whether machine code takes such inputs a step on now."""
        if self.answers_whole:
            return True
        compiles = may_compile(self.kernel) and answers_compiled(inputs)
        return compiles and self.cell.name == "gru"

    def _cell_step(
        self,
        layer: int,
        inputs: Tensor,
        before: State,
        weights: list[Tensor],
        sums: Tensor | None,
    ) -> State:
        """Takes a layer one step on."""
        if self.answers_whole:
            return self._whole_step(layer, inputs, before, sums)
        if not self.steps_from_sums(inputs):
            return self.cell.step(inputs, before, *weights)
        from seqkit.nn import compiled_layers  # numba takes a while

        if sums is None:
            return compiled_layers.gru_step(inputs, before, *weights)
        _, w_hh, _, b_hh = weights
        return compiled_layers.gru_step_from(sums, before, w_hh, b_hh)

    def _whole_step(self, layer: int, inputs: Tensor, before: State, sums: Tensor | None) -> State:
        """The same in whole numbers: a sequence of one step."""
        batch = len(inputs)
        known = None if sums is None else KnownInputs(sums[None], torch.arange(batch)[:, None])
        start = tuple(part[None] for part in before)
        _, after = run_own(
            self, "compiled", rectangle(batch, 1), False, known, layer, inputs[:, None], start
        )
        return tuple(part[0] for part in after)

    def zero_state(self, batch: int, like: Tensor) -> State:
        """The state before any step: zeros in the dtype and on the device of `like`."""
        shape = (self.num_layers * self.num_directions, batch, self.hidden_size)
        return tuple(like.new_zeros(shape) for _ in range(self.cell.num_states))

    def _checked_state(self, inputs: Tensor, lengths: Tensor | None, state: State | None) -> State:
        if inputs.dim() != 3 or inputs.size(2) != self.input_size:
            raise ShapeError(
                f"inputs must be [batch, len, {self.input_size}], got {list(inputs.shape)}."
            )
        batch, max_len, _ = inputs.shape
        if lengths is not None and lengths.shape != (batch,):
            raise ShapeError(f"lengths must be [{batch}], got {list(lengths.shape)}.")
        if lengths is not None and batch and int(lengths.max()) > max_len:
            raise ShapeError(
                f"lengths go up to {int(lengths.max())}, but inputs have {max_len} steps."
            )
        if state is None:
            return self.zero_state(batch, inputs)
        shape = (self.num_layers * self.num_directions, batch, self.hidden_size)
        if len(state) != self.cell.num_states or any(part.shape != shape for part in state):
            got = [list(part.shape) for part in state]
            raise ShapeError(
                f"state must be {self.cell.num_states} tensors of {list(shape)}, got {got}."
            )
        return state

    def weights_of(self, layer: int) -> list[list[Tensor]]:
        """[weight_ih, weight_hh, bias_ih, bias_hh] of each direction of a layer, dropout applied."""
        directions = []
        for suffix in ("", "_reverse")[: self.num_directions]:
            weights = [getattr(self, f"{name}_l{layer}{suffix}") for name in _WEIGHTS]
            if self.weight_dropout:
                weights[1] = nn.functional.dropout(weights[1], self.weight_dropout, self.training)
            directions.append(weights)
        return directions

    def weights_by_kind(self, layer: int) -> list[tuple[Tensor, ...]]:
        """`weight_ih`, `weight_hh`, `bias_ih` and `bias_hh` of a layer, each of every direction."""
        return list(zip(*self.weights_of(layer), strict=True))


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def set_kernel(network: nn.Module, kernel: str) -> None:
    """Has all recurrent layers of a network computed by one of `kernels.KERNELS`; other parts may be machine code
    where it is `auto` or `compiled`.

    Raises:
        UnknownNameError, ConfigError: if one of them cannot be, see `check_kernel`.
    """
    for part in network.modules():
        if isinstance(part, Recurrent):
            check_kernel(kernel, part.cell.name)
            part.kernel = kernel
        elif isinstance(part, MayCompile):
            part.compiles = may_compile(kernel)
