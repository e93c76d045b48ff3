"""Text to ids and back: by words, by characters, or by pieces that are learned from the training text.

All codecs share the ids of padding (0), unknown (1), beginning (2) and end (3). Torch-free.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from seqkit.data.tokens import join_words, split_joined, split_words, split_words_only
from seqkit.data.vocabulary import SPECIALS, Vocabulary
from seqkit.errors import DataError, RunError, UnknownNameError
from seqkit.kept import FEW, content_digest, kept

UNITS = ("word", "word_only", "char", "bpe", "unigram")


PIECES_FROM = 1_000_000
"""Texts that sentencepiece, which holds them in memory, learns from at most; of more it sees every n-th."""


class Codec(ABC):
    """Turns a text into ids and ids into a text."""

    suffix: ClassVar[str]

    @cached_property
    def known_names(self) -> dict[int, str]:
        """What `unit_names` has found out: units come again and again."""
        return {}

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The text cut into units."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Ids of the text's units, without beginning and end."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids."""

    @abstractmethod
    def index(self) -> dict[str, int]:
        """Ids of the units by their names."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def identity(self) -> tuple[object, ...]:
        """Equal for two codecs that turn every text into the same ids."""

    @abstractmethod
    def save(self, folder: Path, name: str) -> None:
        """Writes what `load_codec(folder, name)` reads."""


class VocabularyCodec(Codec):
    """Words or characters looked up in a vocabulary.

    Args:
        vocabulary: The known units.
        units: `word` (words and signs), `word_only` (no signs), `joined` (words and signs that remember what they
            touched, for text that is generated) or `char`.
        lowercase: Whether case is dropped.
    """

    suffix = ".json"

    def __init__(self, vocabulary: Vocabulary, units: str, lowercase: bool) -> None:
        self.vocabulary = vocabulary
        self.units = units
        self.lowercase = lowercase
        self._split = _SPLIT[units]

    def tokens(self, text: str) -> list[str]:
        return self._split(text.lower() if self.lowercase else text)

    def encode(self, text: str) -> list[int]:
        return self.vocabulary.ids(self.tokens(text))

    def decode(self, ids: Sequence[int]) -> str:
        words = self.vocabulary.words(ids)
        if self.units == "joined":
            return join_words(words)
        return ("" if self.units == "char" else " ").join(words)

    def index(self) -> dict[str, int]:
        return self.vocabulary.index

    def __len__(self) -> int:
        return len(self.vocabulary)

    def identity(self) -> tuple[object, ...]:
        return (self.units, self.lowercase, *self.vocabulary.tokens)

    def save(self, folder: Path, name: str) -> None:
        self.vocabulary.save(folder / f"{name}.json")
        meta = {"units": self.units, "lowercase": self.lowercase}
        (folder / f"{name}.units.json").write_text(json.dumps(meta), encoding="utf-8")


_SPLIT: dict[str, Callable[[str], list[str]]] = {
    "word": split_words,
    "word_only": split_words_only,
    "joined": split_joined,
    "char": list,
}


class PieceCodec(Codec):
    """Subword pieces of a sentencepiece model (Kudo & Richardson 2018, https://arxiv.org/abs/1808.06226).

    Args:
        model: The serialised model.
        lowercase: Whether case is dropped first.
    """

    suffix = ".model"

    def __init__(self, model: bytes, lowercase: bool) -> None:
        import sentencepiece

        self.model = model
        self.lowercase = lowercase
        self._pieces: Any = sentencepiece.SentencePieceProcessor()
        self._pieces.LoadFromSerializedProto(model)  # unlike the constructor, refuses an empty one
        specials = [self._pieces.piece_to_id(piece) for piece in SPECIAL_PIECES]
        if specials != list(range(len(SPECIAL_PIECES))):
            raise ValueError(f"its first pieces are not {', '.join(SPECIAL_PIECES)}")

    def tokens(self, text: str) -> list[str]:
        pieces: list[str] = self._pieces.encode(self._prepared(text), out_type=str)
        return pieces

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._pieces.encode(self._prepared(text))
        return ids

    def encode_with_dropout(
        self, texts: Sequence[str], dropout: float, seed: int
    ) -> list[list[int]]:
        """Ids of texts, each cut into finer pieces by chance (BPE-dropout, Provilkov et al. 2020,
        https://arxiv.org/abs/1910.13267).

        Args:
            texts: Any number.
            dropout: Probability that a merge is left out (0 to 1).
            seed: The cuts are a function of the texts and of this number.
        """
        import sentencepiece

        def encode() -> list[list[int]]:
            return [
                self._pieces.encode(
                    self._prepared(text), enable_sampling=True, alpha=dropout, nbest_size=-1
                )
                for text in texts
            ]

        sentencepiece.set_random_generator_seed(seed)
        with ThreadPoolExecutor(1) as pool:  # a new thread's generator takes the seed
            return pool.submit(encode).result()

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._pieces.decode(list(ids))
        return text

    def index(self) -> dict[str, int]:
        return {self._pieces.id_to_piece(i): i for i in range(len(self))}

    def __len__(self) -> int:
        return int(self._pieces.get_piece_size())

    def identity(self) -> tuple[object, ...]:
        return (self.lowercase, self.model)

    def _prepared(self, text: str) -> str:
        """The text in the case that was learned; half characters (lone surrogates), which sentencepiece does not take,
        become question marks."""
        text = text.lower() if self.lowercase else text
        return text.encode("utf-8", "replace").decode("utf-8")

    def save(self, folder: Path, name: str) -> None:
        (folder / f"{name}.model").write_bytes(self.model)
        meta = {"units": "pieces", "lowercase": self.lowercase}
        (folder / f"{name}.units.json").write_text(json.dumps(meta), encoding="utf-8")


def build_codec(
    units: str,
    texts: Sequence[str],
    *,
    vocab_size: int,
    min_count: int = 1,
    lowercase: bool = False,
    joined: bool = False,
    keep: bool = False,
) -> Codec:
    """Learns a codec from training texts.

    Args:
        units: `word` (words and signs), `word_only`, `char`, `bpe` or `unigram` (both sentencepiece).
        texts: The training side's texts.
        vocab_size: Ids at most, specials included (0: no limit; sentencepiece then takes 8,000).
        min_count: Occurrences that a word or character needs.
        lowercase: Whether case is dropped.
        joined: Whether words remember what they touched, so that decoding gives proper text.
        keep: Whether a codec of many texts is kept on disk, where the next training on them finds it.

    Raises:
        UnknownNameError: if the units are unknown.
        DataError: if sentencepiece cannot learn from these texts.
    """
    if units not in UNITS:
        raise UnknownNameError("units", units, UNITS)

    def learn() -> Codec:
        return _learn(units, texts, vocab_size, min_count, lowercase, joined)

    if not keep or len(texts) < FEW:
        return learn()
    settings = (units, vocab_size, min_count, lowercase, joined)
    found = kept(
        "units",
        (settings, content_digest(texts)),
        lambda folder: learn().save(folder, "text"),
        lambda folder: load_codec(folder, "text"),
    )
    return found or learn()


def _learn(
    units: str, texts: Sequence[str], vocab_size: int, min_count: int, lowercase: bool, joined: bool
) -> Codec:
    if units in ("bpe", "unigram"):
        texts = list(islice(texts, 0, None, 1 + len(texts) // PIECES_FROM))
        texts = [text.lower() for text in texts] if lowercase else texts
        return PieceCodec(_train_pieces(units, texts, vocab_size or 8000), lowercase)
    kind = "joined" if units == "word" and joined else units
    split = _SPLIT[kind]
    cut = (split(text.lower() if lowercase else text) for text in texts)
    vocabulary = Vocabulary.build(cut, max_size=vocab_size, min_count=min_count)
    return VocabularyCodec(vocabulary, kind, lowercase)


def load_codec(folder: Path, name: str) -> Codec:
    """The codec that `save` wrote under that name.

    Raises:
        RunError: if a file is missing or unreadable.
    """
    try:
        meta = json.loads((folder / f"{name}.units.json").read_text(encoding="utf-8"))
        if meta["units"] == "pieces":
            return PieceCodec((folder / f"{name}.model").read_bytes(), meta["lowercase"])
        return VocabularyCodec(
            Vocabulary.load(folder / f"{name}.json"), meta["units"], meta["lowercase"]
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{folder / name}: not a readable tokeniser ({error}).") from None


def unit_names(codec: Codec, ids: Iterable[int]) -> list[str]:
    """Each id as a text of its own, for people; a special unit by its name, such as `<unk>`."""
    names, wanted = codec.known_names, list(map(int, ids))
    for i in wanted:
        if i not in names:
            names[i] = SPECIALS[i] if i < len(SPECIALS) else codec.decode([i])
    return [names[i] for i in wanted]


def _train_pieces(units: str, texts: list[str], vocab_size: int) -> bytes:
    """A sentencepiece model; a vocabulary larger than the texts can fill is made as large as they allow."""
    import sentencepiece

    if not any(text.strip() for text in texts):
        raise DataError("No text to learn sentencepiece units from.")
    distinct = {word for text in texts for word in text.split()}
    ceiling = len(SPECIAL_PIECES) + sum(
        len(word) for word in distinct
    )  # more pieces there cannot be
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, model_type=units,
            vocab_size=min(vocab_size, ceiling), hard_vocab_limit=False, character_coverage=1.0,
            normalization_rule_name="nmt_nfkc", max_sentence_length=1_000_000, num_threads=1, minloglevel=2,
            pad_id=0, unk_id=1, bos_id=2, eos_id=3,
        )  # fmt: skip
    except RuntimeError as error:
        reason = str(error).split("] ")[-1].strip()
        raise DataError(
            f"sentencepiece cannot learn {vocab_size} {units} units from this text: {reason}"
        ) from None
    return model.getvalue()


SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>")
