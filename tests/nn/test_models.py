"""The networks of the shapes: each learns, sums its loss over real steps, and never sees padding."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from seqkit.data.batch import Batch, pad
from seqkit.nn import (
    CELLS,
    CRF,
    Classifier,
    Encoder,
    EncoderDecoder,
    Pooling,
    RecurrentDecoder,
    SourceEncoder,
    Tagger,
    TokenEmbedding,
    TransformerDecoder,
    VectorClassifier,
)
from seqkit.nn.decoder import Decoder
from seqkit.nn.pooling import KINDS

VOCAB, SIZE = 9, 24
CORES = [*CELLS, "transformer"]
ROWS = [[4, 5, 6, 7], [8], [5, 4]]
TARGETS = [[2, 4, 5, 3], [2, 6, 3], [2, 7, 7, 7, 3]]


def encoder(core: str, dropout: float = 0.0) -> Encoder:
    return Encoder(core, SIZE, SIZE, bidirectional=True, num_heads=2, dropout=dropout)


def more_padding(batch: Batch, spare: int = 3) -> Batch:
    return Batch(nn.functional.pad(batch.values, (0, spare), value=0), batch.lengths)


def test_one_to_one_the_limit_case_learns_what_no_line_can_part() -> None:
    torch.manual_seed(0)
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    model = VectorClassifier(2, 16, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(corners), labels)
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    assert torch.equal(model(corners).argmax(dim=1), labels)


@pytest.mark.parametrize(("core", "kind"), list(itertools.product(CORES, KINDS)))
def test_padding_changes_no_label(core: str, kind: str) -> None:
    network = encoder(core)
    model = Classifier(
        TokenEmbedding("learned", VOCAB, SIZE), network, Pooling(kind, network.output_size), 3
    ).double()
    batch = pad(ROWS)
    logits, weights = model(batch)
    padded, _ = model(more_padding(batch))
    torch.testing.assert_close(padded, logits)
    assert (weights is not None) == ("attention" in kind)
    for row, ids in enumerate(ROWS):
        alone, _ = model(pad([ids]))
        torch.testing.assert_close(alone[0], logits[row])


@pytest.mark.parametrize("core", CELLS)
def test_real_valued_sequences_and_a_start_need_no_embedding(core: str) -> None:
    network = Encoder(core, 3, SIZE, bidirectional=False)
    model = Classifier(nn.Identity(), network, Pooling("last", SIZE), 1)
    values = Batch(torch.randn(2, 4, 3), torch.tensor([4, 4]))
    first, rest = Batch(values.values[:, :2], torch.tensor([2, 2])), values.values[:, 2:]
    carried = network(first.values, first.lengths).state
    whole, _ = model(values)
    continued, _ = model(Batch(rest, torch.tensor([2, 2])), carried)
    torch.testing.assert_close(continued, whole)


def tagger(core: str, crf: bool) -> Tagger:
    torch.manual_seed(1)
    return Tagger(encoder(core), 4, CRF(4) if crf else None).double()


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("crf", [False, True])
def test_the_taggers_loss_is_the_sum_of_its_rows_losses(core: str, crf: bool) -> None:
    model = tagger(core, crf)
    lengths = torch.tensor([4, 1, 2])
    vectors = torch.randn(3, 6, SIZE, dtype=torch.float64)
    tags = torch.randint(4, (3, 6))
    scores = model(vectors, lengths)
    assert scores.shape == (3, 6, 4)
    alone = [
        model.loss(
            model(vectors[row : row + 1, :n], lengths[row : row + 1]),
            tags[row : row + 1, :n],
            lengths[row : row + 1],
        )
        for row, n in enumerate(lengths.tolist())
    ]
    torch.testing.assert_close(model.loss(scores, tags, lengths), torch.stack(alone).sum())


def test_without_a_crf_each_step_is_its_own_cross_entropy() -> None:
    model = tagger("gru", crf=False)
    scores, tags = torch.randn(1, 3, 4).double(), torch.tensor([[0, 3, 1]])
    wanted = -sum(scores[0].log_softmax(-1)[step, tag] for step, tag in enumerate([0, 3, 1]))
    torch.testing.assert_close(model.loss(scores, tags, torch.tensor([3])), wanted)


def translator(core: str, tied: bool = False, **options: float) -> EncoderDecoder:
    torch.manual_seed(2)
    source = SourceEncoder(TokenEmbedding("learned", VOCAB, SIZE), encoder(core))
    words = TokenEmbedding("learned", VOCAB, SIZE)
    width = source.encoder.output_size
    decoder: Decoder[object]
    if core == "transformer":
        decoder = TransformerDecoder(words, SIZE, 1, 2, memory_size=width, tied=tied)
    else:
        layers = source.encoder.state_layers
        decoder = RecurrentDecoder(
            words,
            core,
            SIZE,
            1,
            memory_size=width,
            state_size=width,
            state_layers=layers,
            tied=tied,
        )
    return EncoderDecoder(source, decoder, **options).double()


def summed_by_steps(model: EncoderDecoder, src: list[int], tgt: list[int]) -> Tensor:
    """The loss of one pair, its decoder run token by token."""
    state, loss = model.start(pad([src])), torch.zeros((), dtype=torch.float64)
    for given, wanted in itertools.pairwise(tgt):
        logits, state, _ = model.step(torch.tensor([given]), state)
        loss = loss - logits[0].double().log_softmax(-1)[wanted]
    return loss


@pytest.mark.parametrize("core", CORES)
def test_the_loss_of_a_batch_is_that_of_each_pair_step_by_step(core: str) -> None:
    model = translator(core).eval()
    src, tgt = pad(ROWS), pad(TARGETS)
    wanted = sum(summed_by_steps(model, a, b) for a, b in zip(ROWS, TARGETS, strict=True))
    torch.testing.assert_close(model(src, tgt).double(), wanted, rtol=1e-5, atol=1e-5)
    padded = model(more_padding(src), more_padding(tgt))
    torch.testing.assert_close(padded, model(src, tgt))


@pytest.mark.parametrize("core", CORES)
def test_a_translator_learns_three_sentences(core: str) -> None:
    model = translator(core).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    src, tgt = pad(ROWS), pad(TARGETS)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(src, tgt)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert loss < 1.0  # nats over nine words; a guess costs 9 * ln 9 = 20


@pytest.mark.parametrize("core", ["gru", "transformer"])
def test_smoothing_and_sampling_act_in_training_only(core: str) -> None:
    plain, smoothed = translator(core), translator(core, label_smoothing=0.2)
    sampled = translator(core)
    sampled.sampling_prob = 1.0
    src, tgt = pad(ROWS), pad(TARGETS)
    loss = plain(src, tgt)
    for other in (smoothed, sampled):
        assert not torch.isclose(other(src, tgt), loss)
        torch.testing.assert_close(other.eval()(src, tgt), loss)


@pytest.mark.parametrize("core", ["lstm", "transformer"])
def test_a_shared_weight_is_there_once(core: str) -> None:
    sizes = [
        sum(weight.numel() for weight in translator(core, tied=tied).parameters())
        for tied in (False, True)
    ]
    assert sizes[0] - sizes[1] == VOCAB * SIZE


def test_the_penalty_on_uneven_attention_is_its_formula_and_acts_in_training_only() -> None:
    plain, penalised = translator("gru"), translator("gru", doubly_stochastic=0.7)
    src, tgt = pad(ROWS), pad(TARGETS)
    expected = torch.zeros((), dtype=torch.float64)
    for row, (source, target) in enumerate(zip(ROWS, TARGETS, strict=True)):
        state = plain.start(src).select(torch.tensor([row]))
        received = torch.zeros(src.values.size(1), dtype=torch.float64)
        for token in target[:-1]:
            _, state, weights = plain.step(torch.tensor([token]), state)
            assert weights is not None
            received = received + weights[0]
        expected = expected + ((1 - received[: len(source)]) ** 2).sum()
    torch.testing.assert_close(penalised(src, tgt) - plain(src, tgt), 0.7 * expected)
    torch.testing.assert_close(penalised.eval()(src, tgt), plain(src, tgt))


@pytest.mark.parametrize("core", CORES)
def test_log_probabilities_of_several_targets_of_a_source_are_those_of_each_alone(
    core: str,
) -> None:
    model = translator(core).eval()
    rows, targets = torch.tensor([0, 0, 2]), [TARGETS[0], TARGETS[1], TARGETS[2]]
    found = model.log_probs(pad(ROWS), pad(targets), rows)
    wanted = [summed_by_steps(model, ROWS[r], t) for r, t in zip(rows, targets, strict=True)]
    torch.testing.assert_close(found.double(), -torch.stack(wanted), rtol=1e-5, atol=1e-5)
