"""Decoders: a step at a time is the same as all at once, and padding of the memory is never seen."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from torch import Tensor

from seqkit.errors import ConfigError
from seqkit.nn import CELLS, Encoded, RecurrentDecoder, TokenEmbedding, TransformerDecoder
from seqkit.nn.attention import KINDS
from seqkit.nn.build import build_decoder
from seqkit.nn.dropout import Dropout
from seqkit.nn.kernels import has_numba, start_compiled
from seqkit.nn.masks import lengths_to_mask
from seqkit.nn.recurrent import set_kernel

VOCAB, EMB, HIDDEN, MEMORY = 11, 6, 8, 10
CORES = [*CELLS, "transformer"]
VARIANTS = [
    *itertools.product(CELLS, KINDS, (False, True)),
    ("transformer", "additive", False),
]
LENGTHS = torch.tensor([5, 1, 3])
TOKENS = torch.tensor([[2, 4, 5, 6, 7], [2, 8, 8, 9, 10], [2, 10, 4, 4, 5]])

Decoder = RecurrentDecoder | TransformerDecoder


def decoder(
    core: str, kind: str = "additive", feeding: bool = False, *, layers: int = 2, tied: bool = True
) -> Decoder:
    torch.manual_seed(3)
    embedding = TokenEmbedding("learned", VOCAB, EMB)
    built = build_decoder(
        core, embedding, HIDDEN, layers, memory_size=MEMORY, state_size=MEMORY, state_layers=1,
        attention=kind, input_feeding=feeding, tied=tied, dropout=0.3, num_heads=2,
    )  # fmt: skip
    return built.eval()


def encoded(core: str, spare: int = 0, filler: float = 0.0) -> Encoded:
    """Outputs of a made-up encoder, with `spare` more steps of padding that hold `filler`."""
    generator = torch.Generator().manual_seed(5)
    memory = torch.randn(3, 5, MEMORY, generator=generator)
    states = tuple(torch.randn(1, 3, MEMORY, generator=generator) for _ in range(2))
    memory = torch.nn.functional.pad(memory, (0, 0, 0, spare))
    mask = lengths_to_mask(LENGTHS, memory.size(1))
    memory = torch.where(mask.unsqueeze(-1), memory, filler)
    return Encoded(memory, states if core == "lstm" else states[:1], LENGTHS)


def all_at_once(model: Decoder, source: Encoded) -> Tensor:
    return model.project(model.forward(TOKENS, model.start(source))[0])


def step_by_step(model: Decoder, source: Encoded) -> tuple[Tensor, list[Tensor | None]]:
    state, logits, looks = model.start(source), [], []
    for tokens in TOKENS.unbind(1):
        scores, state, weights = model.step(tokens, state)
        logits.append(scores)
        looks.append(weights)
    return torch.stack(logits, dim=1), looks


@pytest.mark.parametrize(("core", "kind", "feeding"), VARIANTS)
def test_steps_give_the_logits_of_the_whole_sequence(core: str, kind: str, feeding: bool) -> None:
    model, source = decoder(core, kind, feeding), encoded(core)
    steps, _ = step_by_step(model, source)
    assert steps.shape == (3, 5, VOCAB)
    torch.testing.assert_close(steps, all_at_once(model, source), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("core", "kind", "feeding"), VARIANTS)
def test_what_stands_in_the_padding_of_the_memory_changes_nothing(
    core: str, kind: str, feeding: bool
) -> None:
    model = decoder(core, kind, feeding)
    plain = all_at_once(model, encoded(core))
    padded = all_at_once(model, encoded(core, spare=4, filler=50.0))
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize(("core", "kind", "feeding"), VARIANTS)
def test_features_of_real_steps_do_not_hang_on_the_padding_beside_them(
    core: str, kind: str, feeding: bool, compiles: bool
) -> None:
    model, source = decoder(core, kind, feeding), encoded(core)
    set_kernel(model, "auto" if compiles else "own")
    lengths = torch.tensor([5, 2, 4])
    real = torch.arange(5) < lengths.unsqueeze(1)
    wanted = [model.forward(TOKENS[row : row + 1, :length], model.start(source).select(torch.tensor([row])))[0][0]
              for row, length in enumerate(lengths)]  # fmt: skip
    found, _ = model.forward(TOKENS, model.start(source), real=real)
    torch.testing.assert_close(found, torch.cat(wanted), atol=1e-5, rtol=1e-5)
    found.sum().backward()


@pytest.mark.parametrize("core", CORES)
def test_later_tokens_do_not_reach_earlier_logits(core: str) -> None:
    model, source = decoder(core), encoded(core)
    other = TOKENS.clone()
    other[:, 3:] = 9
    changed = model.project(model.forward(other, model.start(source))[0])
    before = all_at_once(model, source)
    torch.testing.assert_close(changed[:, :3], before[:, :3], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(changed[:, 4], before[:, 4])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_attention_sums_to_1_over_real_steps(kind: str) -> None:
    source = encoded("gru", spare=2, filler=9.0)
    _, looks = step_by_step(decoder("gru", kind), source)
    for weights in looks:
        assert weights is not None
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3))
        assert (weights[~source.mask] == 0).all()


@pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")
@pytest.mark.parametrize("training", [False, True])
def test_answers_by_machine_code_are_those_of_training(training: bool) -> None:
    start_compiled()
    model = decoder("gru").train(training)
    for part in model.modules():
        if isinstance(part, Dropout):
            part.compiles = False  # the same masks with gradients and without
    torch.manual_seed(1)
    wanted, _, _ = model.step(TOKENS[:, 0], model.start(encoded("gru")))
    torch.manual_seed(1)
    with torch.no_grad():
        found, _, _ = model.step(TOKENS[:, 0], model.start(encoded("gru")))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("core", CORES)
def test_a_selected_state_goes_on_as_its_rows_would(core: str) -> None:
    model = decoder(core, feeding=core in CELLS)
    _, state, _ = model.step(TOKENS[:, 0], model.start(encoded(core)))
    whole, _, _ = model.step(TOKENS[:, 1], state)
    rows = torch.tensor([2, 0, 2])
    picked, _, _ = model.step(TOKENS[:, 1][rows], state.select(rows))
    torch.testing.assert_close(picked, whole[rows])


def test_hypotheses_that_change_places_keep_the_memory_of_their_sentence() -> None:
    model = decoder("gru")
    beams = torch.tensor([0, 0, 1, 1, 2, 2])
    _, state, _ = model.step(TOKENS[:, 0][beams], model.start(encoded("gru")).select(beams))
    swapped = state.select(torch.tensor([1, 0, 2, 2, 5, 4]))
    assert swapped.memory is state.memory and swapped.keys is state.keys
    rows = torch.tensor([1, 2, 4, 5, 0, 3])  # from here on no row is of the sentence it was of
    tokens = torch.tensor([4, 5, 6, 7, 8, 9])
    whole, _, _ = model.step(tokens, swapped)
    moved, _, _ = model.step(tokens[rows], swapped.select(rows))
    torch.testing.assert_close(moved, whole[rows])


@pytest.mark.parametrize(
    ("beams", "width"),
    [([0, 0, 1, 1, 2, 2], 2), ([0, 1, 2], 1), ([0, 0, 1], 1), ([0, 0, 1, 2], 1), ([2, 2, 2], 3)],
)
def test_answers_read_the_memory_once_for_hypotheses_side_by_side_and_see_the_same(
    beams: list[int], width: int
) -> None:
    model = decoder("gru").eval()
    tokens, rows = TOKENS[:, 0][beams], torch.tensor(beams)
    with torch.no_grad():
        wanted, after, looks = model.step(tokens, model.start(encoded("gru")).select(rows))
    assert after.width == 1
    with torch.inference_mode():
        found, after, seen = model.step(tokens, model.start(encoded("gru")).select(rows))
    assert after.width == width
    torch.testing.assert_close((found, seen), (wanted, looks))
    with torch.no_grad():
        whole = model.forward(TOKENS[beams], model.start(encoded("gru")).select(rows))
    with torch.inference_mode():
        at_once = model.forward(TOKENS[beams], model.start(encoded("gru")).select(rows))
    torch.testing.assert_close(at_once, whole)


@pytest.mark.parametrize("core", CORES)
def test_a_tied_projection_is_the_embedding(core: str) -> None:
    tied, loose = decoder(core, tied=True), decoder(core, tied=False)
    assert tied.embedding.table is not None and loose.embedding.table is not None
    assert tied.readout.projection.weight is tied.embedding.table.weight
    assert loose.readout.projection.weight is not loose.embedding.table.weight
    assert loose.readout.projection.weight.shape == (VOCAB, HIDDEN)


@pytest.mark.parametrize("core", CORES)
def test_with_probability_1_the_decoder_reads_only_its_own_choices(core: str) -> None:
    model, source = decoder(core), encoded(core)
    own = model.project(model.forward(TOKENS, model.start(source), sampling_prob=1.0)[0])
    first = all_at_once(model, source)
    torch.testing.assert_close(own[:, 0], first[:, 0], atol=1e-5, rtol=1e-5)
    logits, state, _ = model.step(TOKENS[:, 0], model.start(source))
    logits, state, _ = model.step(logits.argmax(dim=-1), state)
    torch.testing.assert_close(own[:, 1], logits, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(own[:, 1], first[:, 1])


def test_input_feeding_changes_what_a_later_step_sees() -> None:
    model, source = decoder("lstm", feeding=True), encoded("lstm")
    assert isinstance(model, RecurrentDecoder)
    _, state, _ = model.step(TOKENS[:, 0], model.start(source))
    assert state.feed.shape == (3, model.feature_size)
    fed, _, _ = model.step(TOKENS[:, 1], state)
    blank = torch.zeros_like(state.feed)
    state = dataclasses.replace(state, feed=blank)
    unfed, _, _ = model.step(TOKENS[:, 1], state)
    assert not torch.allclose(fed, unfed)


@pytest.mark.parametrize("core", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_conditional_decoder_is_two_cells_with_the_attention_between(
    core: str, layers: int
) -> None:
    torch.manual_seed(3)
    embedding = TokenEmbedding("learned", VOCAB, EMB)
    model = build_decoder(
        core, embedding, HIDDEN, layers, memory_size=MEMORY, state_size=MEMORY, state_layers=1,
        conditional=True, deep_output=True,
    )  # fmt: skip
    assert isinstance(model, RecurrentDecoder) and model.second is not None
    assert model.attention is not None
    source = encoded(core)
    features, weights = model.forward(TOKENS, model.start(source))
    assert weights is not None and weights.shape == (3, 5, 5)
    state = model.start(source)
    hidden = [tuple(part[layer] for part in state.hidden) for layer in range(layers)]
    for step, tokens in enumerate(TOKENS.unbind(1)):
        vectors = inputs = embedding(tokens)
        for layer in range(layers):
            names = [f"{n}_l{layer}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            hidden[layer] = model.layers.cell.step(
                inputs, hidden[layer], *(getattr(model.layers, n) for n in names)
            )
            inputs = hidden[layer][0]
        context, looks = model.attention(inputs, state.keys, state.memory, state.mask)
        second = model.second
        weights_of = (
            second.weight_ih_l0,
            second.weight_hh_l0,
            second.bias_ih_l0,
            second.bias_hh_l0,
        )
        hidden[-1] = second.cell.step(context, hidden[-1], *weights_of)
        wanted = model.combine(torch.cat([hidden[-1][0], context, vectors], dim=1)).tanh()
        torch.testing.assert_close(features[:, step], wanted)
        torch.testing.assert_close(weights[:, step], looks)
    steps, _ = step_by_step(model, source)
    torch.testing.assert_close(steps, model.project(features))


def test_deep_output_sees_the_token_before_and_runs_all_steps_at_once() -> None:
    torch.manual_seed(3)
    embedding = TokenEmbedding("learned", VOCAB, EMB)
    model = build_decoder("gru", embedding, HIDDEN, 1, memory_size=MEMORY, state_size=MEMORY,
                          state_layers=1, deep_output=True)  # fmt: skip
    assert isinstance(model, RecurrentDecoder)
    assert model.combine.in_features == HIDDEN + MEMORY + EMB
    steps, _ = step_by_step(model, encoded("gru"))
    torch.testing.assert_close(steps, all_at_once(model, encoded("gru")))


def test_a_conditional_decoder_without_attention_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs `model\.attention` to be other than none"):
        build_decoder("gru", TokenEmbedding("learned", VOCAB, EMB), HIDDEN, 1, memory_size=MEMORY,
                      state_size=MEMORY, state_layers=1, attention="none", conditional=True)  # fmt: skip
