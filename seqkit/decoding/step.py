"""What decoding asks of a model: one step, and a state whose rows can be picked. Torch-free."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

S = TypeVar("S", bound="DecoderState")


class DecoderState(Protocol):
    """What a model remembers between two steps for each row: hidden states, encoder outputs."""

    def select(self: S, rows: Tensor) -> S:
        """State of the given rows, to reorder, repeat or drop hypotheses.

        Args:
            rows: Rows of this state, int64 [n]; a row may come several times or not at all.

        Returns:
            A state of n rows. This state stays usable as it is.
        """
        ...


class StepModel(Protocol[S]):
    """Scores the next token of each row, from that row's state and token alone."""

    def step(self, tokens: Tensor, state: S) -> tuple[Tensor, S, Tensor | None]:
        """Reads one token a row and scores what may follow it.

        Args:
            tokens: The token before, int64 [rows]; `bos_idx` at the first step.
            state: State of as many rows.

        Returns:
            logits, float [rows, vocab_size]; the new state; attention over the source, float [rows,
            src_len], or None.
        """
        ...


@dataclass(frozen=True)
class SpecialIds:
    """Vocabulary entries that are no words; all four differ.

    Raises:
        ConfigError: if two of them are the same.
    """

    pad_idx: int
    bos_idx: int
    eos_idx: int
    unk_idx: int

    def __post_init__(self) -> None:
        if len(set(astuple(self))) < 4:
            raise ConfigError(
                f"The ids of padding, start, end and unknown must all differ, got {self}."
            )
