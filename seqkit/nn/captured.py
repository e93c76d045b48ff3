"""A decoder's step as one launch.

On a GPU a step of a small network is dozens of kernels, each of which takes less time than to start it. A CUDA graph
starts them all at once (https://pytorch.org/blog/accelerating-pytorch-with-cuda-graphs).
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqkit.decoding.step import StepModel
from seqkit.nn.decoder import RecurrentState

T = TypeVar("T")

SEEN = 2
"""Steps of a shape that are made as usual before it is recorded."""
KEPT = 16
"""Recorded shapes that are kept, those used last."""
WIDTH = 16
"""The length of the memory is rounded up to a multiple of it, the number of rows to a power of two."""

Recorder = Callable[[Callable[[], T]], tuple[T, Callable[[], None]]]
"""Runs a function and gives (its tensors, what computes them anew in place from what its inputs then hold)."""


def cuda_graph(function: Callable[[], T]) -> tuple[T, Callable[[], None]]:
    """A recording as a CUDA graph.

    Raises:
        RuntimeError: if the function does what a graph cannot hold.
    """
    aside: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # libraries set themselves up outside of the recording
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = function()
    return found, graph.replay


class Captured:
    """A `StepModel` that makes the steps of a recurrent decoder by recordings of them.

    The steps of shapes that come seldom, of other decoders or on another device, and all steps once a recording has
    failed are made as usual. The weights of the network must stay where they are.

    Args:
        model: The network.
        device: Where it is.
        recorder: Makes a recording.
    """

    def __init__(
        self, model: StepModel[Any], device: torch.device, recorder: Recorder[Any] = cuda_graph
    ) -> None:
        self.model = model
        self.device = device
        self.recorder = recorder
        self.failed = False
        self._seen: dict[tuple[int, int], int] = {}
        self._recordings: OrderedDict[tuple[int, int], Recording] = OrderedDict()

    @torch.no_grad()
    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any, Tensor | None]:
        """As the network's `step`; what it gives stays as it is when further steps are made."""
        recording = self._recording(tokens, state)
        if recording is None:
            return self.model.step(tokens, state)
        return recording.step(tokens, state)

    def _recording(self, tokens: Tensor, state: Any) -> Recording | None:
        """The recording to use, made now where its shape has come often enough; None where there is none."""
        if self.failed or tokens.device != self.device or not isinstance(state, RecurrentState):
            return None
        if torch.is_autocast_enabled(self.device.type):
            return None  # the casts that it remembers are not those of a recording
        shape = _rounded_up(len(state.owners), state.mask.size(1))
        if shape not in self._recordings:
            self._seen[shape] = self._seen.get(shape, 0) + 1
            if self._seen[shape] <= SEEN:
                return None
            try:
                self._recordings[shape] = Recording(self.model, state, shape, self.recorder)
            except RuntimeError:  # what a graph cannot hold, or no memory for it
                self.failed = True
                self._recordings.clear()
                return None
            if len(self._recordings) > KEPT:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(shape)
        return self._recordings[shape]


class Recording:
    """The step of one shape, whose inputs and outputs stand in tensors of their own.

    Args:
        model: The network.
        like: A state with the dtypes and sizes to record.
        shape: (rows, length of the memory) of the recording; a step may have fewer of both.
        recorder: Makes it.
    """

    def __init__(
        self,
        model: StepModel[Any],
        like: RecurrentState,
        shape: tuple[int, int],
        recorder: Recorder[Any],
    ) -> None:
        rows, length = shape

        def room(part: Tensor, *sizes: int) -> Tensor:
            return torch.zeros(sizes, dtype=part.dtype, device=part.device)

        self._memory: Tensor | None = None
        with torch.inference_mode(False), torch.no_grad():  # tensors to be written to in any mode
            self.tokens = torch.zeros(rows, dtype=torch.int64, device=like.mask.device)
            self.state = RecurrentState(
                memory=room(like.memory, rows, length, like.memory.size(2)),
                keys=room(like.keys, rows, length, like.keys.size(2)),
                mask=room(like.mask, rows, length),
                hidden=tuple(room(p, p.size(0), rows, p.size(2)) for p in like.hidden),
                feed=room(like.feed, rows, like.feed.size(1)),
                owners=room(like.owners, rows),
            )
            found, self.replay = recorder(lambda: model.step(self.tokens, self.state))
        self.logits, self.after, self.weights = found

    def step(
        self, tokens: Tensor, state: RecurrentState
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        """One step of as many rows as `tokens` has, int64 [rows]."""
        rows, length = len(state.owners), state.mask.size(1)
        self._fill(tokens, state)
        self.replay()
        hidden = tuple(part[:, :rows].clone() for part in self.after.hidden)
        after = dataclasses.replace(state, hidden=hidden, feed=self.after.feed[:rows].clone())
        weights = None if self.weights is None else self.weights[:rows, :length].clone()
        return self.logits[:rows].clone(), after, weights

    def _fill(self, tokens: Tensor, state: RecurrentState) -> None:
        """Puts the inputs of a step in their places; the memory only where it is another one."""
        rows, length = len(state.owners), state.mask.size(1)
        self.tokens[:rows].copy_(tokens)
        self.state.feed[:rows].copy_(state.feed)
        for room, part in zip(self.state.hidden, state.hidden, strict=True):
            room[:, :rows].copy_(part)
        if state.memory is self._memory:
            return
        self._memory = state.memory
        memory, keys, mask = (
            part.repeat_interleave(state.width, dim=0) if state.width > 1 else part
            for part in (state.memory, state.keys, state.mask)
        )
        self.state.memory[:rows, :length].copy_(memory)
        self.state.keys[:rows, :length].copy_(keys)
        self.state.mask[:rows].zero_()
        self.state.mask[:rows, :length].copy_(mask)


def _rounded_up(rows: int, length: int) -> tuple[int, int]:
    """The shape of the recording for a step.

    >>> _rounded_up(5, 17)
    (8, 32)
    """
    return 1 << (rows - 1).bit_length(), -(-length // WIDTH) * WIDTH
