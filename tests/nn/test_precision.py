"""Answers in fewer bits: close to those in float32, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqkit.errors import ConfigError, UnknownNameError
from seqkit.nn.decoder import Readout, RecurrentDecoder
from seqkit.nn.embedding import TokenEmbedding
from seqkit.nn.encoder import Encoded
from seqkit.nn.precision import computing_in, has_bfloat16, lower_precision
from seqkit.nn.whole import Int8Linear, has_whole_products, has_words

CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(
    not (has_words() or has_whole_products()),
    reason="this processor has no exact product of whole numbers",
)
needs_words = pytest.mark.skipif(
    not has_words(), reason="machine code multiplies no whole numbers here"
)


@needs_int8
def test_a_vocabulary_projection_keeps_its_names_and_shares_its_weight() -> None:
    readout = Readout(TokenEmbedding("learned", 50, 16), 16, tied=True)
    before = readout.state_dict()
    lower_precision(readout, "int8")
    assert isinstance(readout.projection, Int8Linear)
    assert readout.state_dict().keys() == before.keys()
    assert readout.projection.weight is dict(readout.named_parameters())["projection.weight"]


def decoder() -> RecurrentDecoder:
    torch.manual_seed(0)
    embedding = TokenEmbedding("learned", 60, 40)
    sizes = {"memory_size": 48, "state_size": 48, "state_layers": 1}
    return RecurrentDecoder(embedding, "lstm", 48, 2, deep_output=True, **sizes).eval()


def steps_of(decoder: RecurrentDecoder, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Logits of two steps over 20 sentences, and the state after them."""
    torch.manual_seed(1)
    memory, lengths = torch.randn(20, 6, 48), torch.full((20,), 6)
    encoded = Encoded(memory.to(dtype), (memory[:, 0][None].to(dtype),), lengths)
    with torch.inference_mode():
        first, state, _ = decoder.step(torch.arange(20), decoder.start(encoded))
        second, state, _ = decoder.step(torch.arange(20, 40), state)
    return [first, second, *state.hidden]


@needs_words
def test_machine_code_takes_recurrent_and_wide_linear_layers() -> None:
    exact, whole = decoder(), decoder()
    lower_precision(whole, "int8")
    assert whole.state_dict().keys() == exact.state_dict().keys()
    assert isinstance(whole.combine, Int8Linear) and whole.layers.answers_whole is False
    found, wanted = steps_of(whole), steps_of(exact)
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0.02)
        assert not torch.equal(mine, theirs)


@needs_words
def test_steps_in_whole_numbers_are_not_in_bfloat16_beside_them() -> None:
    whole = decoder()
    lower_precision(whole, "int8")
    alone = steps_of(whole)
    with computing_in("int8", CPU):
        torch.testing.assert_close(steps_of(whole), alone, rtol=0, atol=0)
        for found, wanted in zip(steps_of(whole, torch.bfloat16), alone, strict=True):
            assert found.dtype == torch.float32
            torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)


@needs_int8
def test_without_machine_code_only_the_vocabulary_projection_is_in_whole_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_whole_products():
        pytest.skip("torch has no exact product of whole numbers on this processor")
    for name in ("precision", "whole"):
        monkeypatch.setattr(f"seqkit.nn.{name}.has_words", lambda: False)
    whole = decoder()
    lower_precision(whole, "int8")
    assert isinstance(whole.readout.projection, Int8Linear)
    assert not isinstance(whole.combine, Int8Linear)
    with torch.no_grad():
        assert not whole.layers.answers_whole


def test_products_are_in_bfloat16_where_that_is_asked_for() -> None:
    if not has_bfloat16(CPU):
        pytest.skip("this processor computes nothing in bfloat16")
    layer = nn.Linear(4, 4)
    for precision, dtype in (("bf16", torch.bfloat16), ("float32", torch.float32)):
        lower_precision(layer, precision)
        with computing_in(precision, CPU):
            assert layer(torch.zeros(1, 4)).dtype == dtype


def test_a_precision_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="precision 'half'"):
        lower_precision(nn.Linear(2, 2), "half")
    with pytest.raises(ConfigError, match="int8: for cpu, not for meta"):
        lower_precision(nn.Linear(2, 2, device="meta"), "int8")
    monkeypatch.setattr("seqkit.nn.precision.has_words", lambda: False)
    overflowing = torch.full((64, 64), 64 * 2**15, dtype=torch.int32)
    monkeypatch.setattr(torch, "_int_mm", lambda left, right: overflowing)
    with pytest.raises(ConfigError, match="int8: this processor has no exact product"):
        lower_precision(nn.Linear(2, 2), "int8")
    monkeypatch.setattr("seqkit.nn.precision.has_bfloat16", lambda device: False)
    with pytest.raises(ConfigError, match="bf16: not on this cpu; use float32"):
        lower_precision(nn.Linear(2, 2), "bf16")
