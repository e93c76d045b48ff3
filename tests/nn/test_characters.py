"""Word vectors from characters: padding never shows, and both readers see what they should."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import UnknownNameError
from seqkit.nn.characters import CharCNN, CharRNN, build_characters
from seqkit.nn.kernels import has_numba, start_compiled

NUM_CHARS = 12
needs_numba = pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")
words_of_characters = st.lists(
    st.lists(st.integers(1, NUM_CHARS - 1), min_size=1, max_size=6), min_size=1, max_size=4
)


def reader(kind: str, output_size: int = 8) -> CharCNN | CharRNN:
    built = build_characters(kind, NUM_CHARS, 5, output_size, 0.0)
    assert built is not None
    return built


def padded(words: list[list[int]], spare: int) -> tuple[Tensor, Tensor]:
    width = max(len(word) for word in words) + spare
    rows = [word + [0] * (width - len(word)) for word in words]
    return torch.tensor(rows), torch.tensor([len(word) for word in words])


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
@settings(max_examples=25, deadline=None)
@given(words=words_of_characters, spare=st.integers(0, 3))
def test_a_word_has_the_same_vector_alone_and_beside_longer_ones(
    kind: str, words: list[list[int]], spare: int
) -> None:
    encode = reader(kind).double()
    vectors = encode(*padded(words, spare))
    assert vectors.shape == (len(words), encode.output_size)
    for word, vector in zip(words, vectors, strict=True):
        torch.testing.assert_close(encode(*padded([word], 0))[0], vector)


def test_the_cnn_is_the_maximum_of_a_window_slid_over_the_word() -> None:
    encode = CharCNN(NUM_CHARS, 5, 7, width=3)
    word = [3, 1, 4, 1, 5]
    around = torch.tensor([0, *word, 0])
    vectors = encode.embedding(around)  # [chars + 2, emb]
    weight, bias = encode.convolution.weight, encode.convolution.bias
    assert bias is not None
    windows = [vectors[i : i + 3].T.reshape(-1) for i in range(len(word))]
    maps = torch.stack(windows) @ weight.reshape(7, -1).T + bias
    torch.testing.assert_close(encode(*padded([word], 2))[0], maps.max(dim=0).values)


def test_the_rnn_joins_the_last_state_of_each_direction() -> None:
    encode = CharRNN(NUM_CHARS, 5, 6, cell="gru")
    word = [3, 1, 4]
    vectors = encode.embedding(torch.tensor([word]))
    outputs, _ = encode.recurrent(vectors)
    wanted = torch.cat([outputs[0, -1, :3], outputs[0, 0, 3:]])
    torch.testing.assert_close(encode(*padded([word], 2))[0], wanted)


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_another_order_of_characters_is_another_word(kind: str) -> None:
    vectors = reader(kind)(*padded([[1, 2, 3], [3, 2, 1]], 0))
    assert not torch.allclose(vectors[0], vectors[1])


@pytest.mark.parametrize(("kind", "width"), [("cnn", 7), ("rnn", 6)])
def test_the_width_told_is_the_width_given_also_where_it_is_odd(kind: str, width: int) -> None:
    encode = reader(kind, 7)
    assert encode.output_size == width
    assert encode(*padded([[1, 2]], 0)).shape == (1, width)


def test_none_is_no_reader_and_an_unknown_name_is_refused() -> None:
    assert build_characters("none", NUM_CHARS, 5, 8, 0.0) is None
    with pytest.raises(UnknownNameError, match=r"Unknown character encoder 'cnm'.*'cnn'"):
        build_characters("cnm", NUM_CHARS, 5, 8, 0.0)


@needs_numba
@pytest.mark.parametrize("width", [1, 3, 5])
def test_machine_code_convolves_as_torch_does(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = CharCNN(NUM_CHARS, 5, 7, width=width, dropout=0.5).eval()
    words = padded([[3, 1, 4, 1, 5], [9], [2, 6]], 2)
    wanted = encode(*words)
    start_compiled()
    with torch.no_grad(), torch.autocast("cpu"):
        torch.testing.assert_close(encode(*words), wanted)
    calls: list[Tensor] = []
    monkeypatch.setattr(CharCNN, "_answer", lambda *given: calls.append(given[1]))
    with torch.no_grad():
        encode(*words)
        encode.compiles = False
        encode(*words)
        encode.train()
        encode(*words)
    assert len(calls) == 1
