"""What is known of tokens stands for their products: the same answers, each different token computed once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqkit.data.batch import pad
from seqkit.nn import (
    CELLS,
    Classifier,
    Encoder,
    Pooling,
    Recurrent,
    RecurrentDecoder,
    SourceEncoder,
    TokenEmbedding,
    known,
    recurrent,
)
from seqkit.nn.encoder import Encoded
from seqkit.nn.kernels import MANY_ROWS, has_numba, start_compiled
from seqkit.nn.known import KnownTokens
from seqkit.nn.trace import KnownInputs
from seqkit.nn.workers import set_workers

VOCAB, SIZE = 9, known.WIDE
ROWS = [[4, 5, 6, 7], [8], [5, 4]] * MANY_ROWS

needs_numba = pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")


@needs_numba
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [None, [6, 0, 3, 5, 1]])
def test_what_is_known_of_inputs_stands_for_their_products(
    cell: str, lengths: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Recurrent(cell, 4, 9, num_layers=2, bidirectional=True, kernel="compiled")
    vectors, rows = torch.randn(recurrent.TOGETHER + 3, 4), torch.randint(0, 515, (5, 6))
    inputs, given = vectors[rows], None if lengths is None else torch.tensor(lengths)
    wanted = layer(inputs, given)
    assert layer.known_sums(vectors) is None  # gradients may be wanted
    set_workers(2)
    with torch.no_grad():
        sums = layer.known_sums(vectors)
        assert sums is not None
        once = KnownInputs(sums, rows)
        torch.testing.assert_close(layer(inputs, given, known=once), wanted)
        with torch.autocast("cpu", torch.bfloat16):  # as in float32
            torch.testing.assert_close(layer(inputs, given, known=once), wanted)
            torch.testing.assert_close(layer.known_sums(vectors), sums)
        twice = KnownInputs(2 * sums, rows)  # taken where it may be, and there only
        assert not torch.allclose(layer(inputs, given, known=twice)[0], wanted[0])
        layer.kernel = "own"
        torch.testing.assert_close(layer(inputs, given, known=twice), wanted)
        assert layer.known_sums(vectors) is None
        layer.kernel = "auto"
        assert layer.known_sums(vectors) is not None
        torch.testing.assert_close(layer(inputs, given, known=once), wanted)
        with torch.autocast("cpu", torch.bfloat16):  # the second layer is faster in it
            assert layer.known_sums(vectors) is None
        monkeypatch.setattr(recurrent, "COMPILED_UP_TO", 8)
        assert layer.known_sums(vectors) is None
        layer.kernel = "compiled"
        monkeypatch.setattr(recurrent, "MOST_KNOWN", sums.numel() - 1)
        assert layer.known_sums(vectors) is None
    torch.testing.assert_close(layer(inputs, given, known=twice), wanted)


def test_a_token_is_computed_when_it_first_comes_and_kept() -> None:
    asked: list[list[int]] = []
    table = torch.randn(VOCAB, 3)

    def compute(tokens: Tensor) -> Tensor:
        asked.append(tokens.tolist())
        return table[tokens]

    rows = KnownTokens(compute, VOCAB, table)
    with torch.inference_mode():
        for tokens in ([4, 2, 4], [2, 4], [5, 4, 3], []):
            found = rows(torch.tensor(tokens, dtype=torch.int64))
            torch.testing.assert_close(found, table[tokens], rtol=0, atol=0)
            found.zero_()  # a copy
    assert asked == [[2, 4], [3, 5]]


@needs_numba
@pytest.mark.parametrize("kind", ["learned", "one_hot"])
@pytest.mark.parametrize("network", ["classifier", "source"])
def test_encoders_of_tokens_look_up_what_they_bring(
    network: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_compiled()
    monkeypatch.setattr(known, "WIDE", 9)
    embedding = TokenEmbedding(kind, VOCAB, SIZE)
    encoder = Encoder("gru", embedding.output_size, 12, dropout=0.5).eval()
    looked: list[int] = []
    sums_of = encoder.known_sums
    monkeypatch.setattr(encoder, "known_sums", lambda v: looked.append(len(v)) or sums_of(v))
    classifier = Classifier(embedding, encoder, Pooling("mean", 24), 2)
    source = SourceEncoder(embedding, encoder)

    def answer(rows: list[list[int]]) -> Tensor:
        batch = pad(rows)
        return classifier(batch)[0] if network == "classifier" else source(batch).memory

    wanted = answer(ROWS)
    assert not looked  # gradients may be wanted
    with torch.no_grad():
        torch.testing.assert_close(answer(ROWS), wanted)
        assert looked == [6]  # padding is one of them
        answer([[4, 4, 4]])  # too few rows
        answer([[4]] * MANY_ROWS)
        assert looked == [6, 1]
        answer([[number % VOCAB] for number in range(MANY_ROWS)])  # most come once
        encoder.train()
        answer(ROWS)
        assert looked == [6, 1]
        encoder.eval()
        monkeypatch.setattr(known, "WIDE", embedding.output_size + 1)
        answer(ROWS)
    assert looked == [6, 1]


@needs_numba
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("feeding", [False, True])
def test_a_decoder_keeps_what_tokens_bring(
    cell: str, feeding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_compiled()
    embedding = TokenEmbedding("learned", VOCAB, 6, scaled=True)
    model = RecurrentDecoder(
        embedding, cell, 8, 2, memory_size=10, state_size=10, state_layers=1, input_feeding=feeding,
    ).eval()  # fmt: skip
    rows = MANY_ROWS
    states = tuple(torch.randn(1, rows, 10) for _ in range(2 if cell == "lstm" else 1))
    source = Encoded(torch.randn(rows, 3, 10), states, torch.full((rows,), 3))
    tokens = torch.randint(VOCAB, (2, rows))

    def two_steps() -> tuple[Tensor, bool]:
        state = model.start(source)
        kept = state.known is not None
        _, state, _ = model.step(tokens[0], state)
        beams = torch.arange(rows).flip(0)
        return model.step(tokens[1], state.select(beams))[0], kept

    wanted, kept = two_steps()
    assert not kept  # gradients may be wanted
    with torch.inference_mode():
        found, kept = two_steps()
        assert kept == (cell == "gru" and not feeding)
        torch.testing.assert_close(found, wanted)
    with torch.no_grad():
        state = model.start(source)
    assert model.step(tokens[0], state)[0].requires_grad
    with torch.no_grad():
        monkeypatch.setattr("seqkit.nn.decoder.MOST_KNOWN", 24 * VOCAB - 1)
        assert not two_steps()[1]
        monkeypatch.undo()
        model.train()
        assert not two_steps()[1]
