"""Recorded steps: the same numbers as steps that are made anew, whatever rows leave. A recorder without a GPU stands in
for CUDA graphs; what those do themselves is in `tests/test_gpu.py`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from seqkit.decoding import DecodingOptions, SpecialIds, decode
from seqkit.nn import CELLS
from seqkit.nn.captured import KEPT, SEEN, Captured, Recording
from seqkit.nn.decoder import RecurrentState

from .test_decoder import VOCAB, Decoder, decoder, encoded

CPU = torch.device("cpu")
IDS = SpecialIds(0, 2, 3, 1)
Found = tuple[Tensor, RecurrentState, Tensor | None]


def tensors(found: Found) -> list[Tensor]:
    """All that a step gives."""
    logits, state, weights = found
    return [logits, *state.hidden, state.feed, *([] if weights is None else [weights])]


def again(function: Callable[[], Found]) -> tuple[Found, Callable[[], None]]:
    """A recorder that computes anew and, as a graph does, writes over what the step before gave."""
    first = function()

    def replay() -> None:
        for place, value in zip(tensors(first), tensors(function()), strict=True):
            place.copy_(value)

    return first, replay


def captured(model: Decoder) -> Captured:
    return Captured(model, CPU, again)


def answers(model: Any, start: Decoder, core: str, options: DecodingOptions) -> list[Any]:
    """Beams of three sentences."""
    found = decode(model, start.start(encoded(core)), 3, IDS, options, True, max_lens=[9, 4, 12])
    return [(h.tokens, round(h.log_prob, 4), h.finished) for row in found for h in row]


@pytest.mark.parametrize(
    ("core", "kind", "feeding"),
    [*itertools.product(CELLS, ("none", "additive", "general"), (False, True))],
)
@torch.inference_mode()
def test_recorded_steps_give_what_steps_give(core: str, kind: str, feeding: bool) -> None:
    model = decoder(core, kind, feeding)
    recorded = captured(model)
    states = [model.start(encoded(core))] * 2
    kept: list[tuple[list[Tensor], list[Tensor]]] = []
    for index in range(8):
        tokens = torch.tensor([2, 4 + index % 3, 7])[: states[0].mask.size(0)]
        results = [step.step(tokens, s) for step, s in zip((model, recorded), states, strict=True)]
        kept.append((tensors(results[0]), tensors(results[1])))
        states = [state for _, state, _ in results]
        if index == 5:  # a sentence is done
            states = [state.select(torch.tensor([2, 0])) for state in states]
    assert recorded._recordings, "nothing was recorded"
    for plain, other in kept:  # also those of steps long gone
        for expected, found in zip(plain, other, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("core", ["gru", "lstm"])
@pytest.mark.parametrize("options", [DecodingOptions(), DecodingOptions(beam_size=4, nbest=3)])
def test_whole_sentences_come_out_the_same(core: str, options: DecodingOptions) -> None:
    model = decoder(core)
    recorded = captured(model)
    with torch.inference_mode():
        plain = answers(model, model, core, options)
        assert answers(recorded, model, core, options) == plain
    with torch.no_grad():  # what was recorded in the one mode is used in the other
        assert answers(recorded, model, core, options) == plain
    assert recorded._recordings


def test_a_shape_is_recorded_when_it_comes_again_and_few_are_kept() -> None:
    model = decoder("gru")
    recorded = captured(model)
    state = model.start(encoded("gru"))
    counts = []
    for _ in range(SEEN + 2):
        recorded.step(torch.tensor([2, 2, 2]), state)
        counts.append(len(recorded._recordings))
    assert counts == [0] * SEEN + [1, 1]
    for spare in range(16, 16 * (KEPT + 3), 16):
        long = model.start(encoded("gru", spare))
        for _ in range(SEEN + 1):
            recorded.step(torch.tensor([2, 2, 2]), long)
    assert len(recorded._recordings) == KEPT


def test_where_recording_fails_steps_are_made_as_usual() -> None:
    def fails(function: Callable[[], Any]) -> Any:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    model = decoder("gru")
    recorded = Captured(model, CPU, fails)
    state, tokens = model.start(encoded("gru")), torch.tensor([2, 2, 2])
    with torch.no_grad():
        for _ in range(SEEN + 2):
            assert torch.equal(recorded.step(tokens, state)[0], model.step(tokens, state)[0])
    assert recorded.failed


def test_a_transformer_is_not_recorded() -> None:
    model = decoder("transformer")
    recorded = captured(model)
    state = model.start(encoded("transformer"))
    for _ in range(SEEN + 2):
        logits, state, _ = recorded.step(torch.tensor([2, 4, 5]), state)
    assert logits.shape == (3, VOCAB) and not recorded._recordings


@torch.no_grad()
def test_the_memory_is_copied_only_where_it_is_another() -> None:
    model = decoder("gru")
    state, tokens = model.start(encoded("gru")), torch.tensor([2, 2, 2])
    recording = Recording(model, state, (4, 16), again)
    recording.step(tokens, state)
    before = recording.state.memory.clone()
    recording.state.memory.zero_()
    _, after, _ = recording.step(tokens, state.select(torch.tensor([0, 1, 2])))
    assert not recording.state.memory.any(), "the same sentences, in their places"
    recording.step(tokens, after.select(torch.tensor([1, 0, 2])))
    assert torch.equal(recording.state.memory[:3], before[:3][torch.tensor([1, 0, 2])])
