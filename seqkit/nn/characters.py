"""A vector for each word from its characters: for names that no vocabulary holds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqkit.errors import UnknownNameError
from seqkit.nn.dropout import Dropout
from seqkit.nn.embedding import lookup
from seqkit.nn.kernels import MayCompile, exact, runs_compiled
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.recurrent import Recurrent


class CharCNN(nn.Module, MayCompile):
    """Convolution over a word's characters, then the maximum over the word.

    Ma & Hovy 2016, section 2.1, https://arxiv.org/abs/1603.01354.

    Args:
        num_chars: Number of character ids; 0 is padding.
        emb_size: Width of a character's vector.
        output_size: Number of filters.
        width: Characters that a filter sees, odd.
        dropout: Share of character values zeroed in training.
    """

    def __init__(
        self,
        num_chars: int,
        emb_size: int,
        output_size: int,
        *,
        width: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.embedding = nn.Embedding(num_chars, emb_size, padding_idx=0)
        self.dropout = Dropout(dropout)
        self.convolution = nn.Conv1d(emb_size, output_size, width, padding=width // 2)

    def forward(self, chars: Tensor, lengths: Tensor) -> Tensor:
        """float [words, output_size] from int64 chars [words, chars] and lengths [words], each at least 1."""
        answers = self.compiles and not (self.training or torch.is_grad_enabled())
        if answers and runs_compiled(self.embedding.weight):
            return self._answer(chars, lengths)
        vectors = self.dropout(lookup(self.embedding, chars)).transpose(1, 2)  # [words, emb, chars]
        maps = self.convolution(vectors)  # [words, filters, chars]
        mask = lengths_to_mask(lengths.to(chars.device), chars.size(1)).unsqueeze(1)
        pooled: Tensor = maps.masked_fill(~mask, torch.finfo(maps.dtype).min).amax(dim=2)
        return pooled

    def _answer(self, chars: Tensor, lengths: Tensor) -> Tensor:
        """The same by machine code, without gradients."""
        from seqkit.nn import compiled_characters  # numba takes a while

        with exact(chars.device):
            return compiled_characters.highest(
                self.embedding.weight, self.convolution, chars, lengths
            )


class CharRNN(nn.Module):
    """Both final states of a bidirectional layer over a word's characters.

    Lample et al. 2016, section 4.1, https://arxiv.org/abs/1603.01360.

    Args:
        num_chars, emb_size, dropout: As in `CharCNN`.
        output_size: Width of the word's vector, even: half for each direction.
        cell: Kind of recurrence.
    """

    def __init__(
        self,
        num_chars: int,
        emb_size: int,
        output_size: int,
        *,
        cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = output_size // 2 * 2
        self.embedding = nn.Embedding(num_chars, emb_size, padding_idx=0)
        self.dropout = Dropout(dropout)
        self.recurrent = Recurrent(cell, emb_size, output_size // 2, bidirectional=True)

    def forward(self, chars: Tensor, lengths: Tensor) -> Tensor:
        """float [words, output_size] from int64 chars [words, chars] and lengths [words], each at least 1."""
        vectors = self.dropout(lookup(self.embedding, chars))
        _, state = self.recurrent(vectors, lengths, need_outputs=False)
        return torch.cat([state[0][0], state[0][1]], dim=-1)


def build_characters(
    kind: str, num_chars: int, emb_size: int, output_size: int, dropout: float
) -> CharCNN | CharRNN | None:
    """The character encoder of that name: `cnn`, `rnn` or `none`.

    Raises:
        UnknownNameError: if there is none of that name.
    """
    if kind == "none":
        return None
    if kind == "cnn":
        return CharCNN(num_chars, emb_size, output_size, dropout=dropout)
    if kind == "rnn":
        return CharRNN(num_chars, emb_size, output_size, dropout=dropout)
    raise UnknownNameError("character encoder", kind, ("none", "cnn", "rnn"))
