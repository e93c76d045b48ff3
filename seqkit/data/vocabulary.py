"""Words and their ids. Torch-free."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from seqkit.errors import RunError

PAD, UNK, BOS, EOS = "<pad>", "<unk>", "<bos>", "<eos>"
SPECIALS = (PAD, UNK, BOS, EOS)


class Vocabulary:
    """Ids of tokens; the first four are padding, unknown, beginning and end of a sentence.

    Args:
        tokens: Ordinary tokens in the order of their ids, which start at 4.
    """

    pad_idx, unk_idx, bos_idx, eos_idx = range(4)

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = [*SPECIALS, *tokens]
        self.index = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def build(
        cls, sentences: Iterable[Iterable[str]], *, max_size: int = 0, min_count: int = 1
    ) -> Vocabulary:
        """The tokens seen at least `min_count` times, most frequent first, ties in order of the alphabet.

        Args:
            sentences: Tokens of each sentence.
            max_size: Ids at most, specials included (0: no limit).
            min_count: Occurrences that a token needs.
        """
        counts = Counter(token for sentence in sentences for token in sentence)
        for special in SPECIALS:
            counts.pop(special, None)
        ranked = sorted(
            (t for t, n in counts.items() if n >= min_count), key=lambda t: (-counts[t], t)
        )
        return cls(ranked[: max(0, max_size - len(SPECIALS))] if max_size else ranked)

    def extend(self, tokens: Iterable[str]) -> None:
        """Adds the tokens that are not known yet, under the next ids."""
        for token in tokens:
            if token not in self.index:
                self.index[token] = len(self.tokens)
                self.tokens.append(token)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.index

    def ordinary(self) -> dict[str, int]:
        """Ids of the tokens that are no specials."""
        return {token: i for token, i in self.index.items() if i >= len(SPECIALS)}

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Ids of the tokens; an unknown one is `unk_idx`."""
        get, unk = self.index.get, self.unk_idx
        return [get(token, unk) for token in tokens]

    def words(self, ids: Sequence[int]) -> list[str]:
        """Tokens of the ids."""
        return [self.tokens[i] for i in ids]

    def save(self, path: Path) -> None:
        """Writes the ordinary tokens as a JSON list."""
        path.write_text(
            json.dumps(self.tokens[len(SPECIALS) :], ensure_ascii=False), encoding="utf-8"
        )

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """The vocabulary that `save` wrote.

        Raises:
            RunError: if the file is missing or is no list of tokens.
        """
        try:
            tokens = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path}: not a readable vocabulary ({error}).") from None
        if not isinstance(tokens, list) or not all(isinstance(t, str) for t in tokens):
            raise RunError(f"{path}: not a vocabulary, which is a JSON list of tokens.")
        return cls(tokens)
