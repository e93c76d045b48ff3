"""A plain classifier's loss and gradients at once are those that autograd finds; others are left to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqkit.data.batch import Batch, pad
from seqkit.errors import ShapeError
from seqkit.nn import CELLS, Classifier, Encoder, Pooling, TokenEmbedding, workers
from seqkit.nn.at_once import kernel_at_once
from seqkit.nn.cells import State
from seqkit.nn.kernels import has_numba

needs_numba = pytest.mark.skipif(not has_numba(), reason="the extra `compiled` is not installed")

by_both = pytest.mark.parametrize("kernel", ["own", pytest.param("compiled", marks=needs_numba)])

VOCAB = 12
FULL, MIXED = [5] * 20, [3, 1, 5, 5, 2, 4, 1, 5, 3, 2] * 2


def classifier(
    cell: str = "gru", outputs: int = 3, *, pooling: str = "last", dropout: float = 0.0,
    head_dropout: float = 0.0, words: dict[str, Any] | None = None, kernel: str = "auto",
    **encoder: Any,
) -> Classifier:  # fmt: skip
    torch.manual_seed(4)
    embedding = TokenEmbedding("learned", VOCAB, 37, **(words or {}))
    encoder.setdefault("bidirectional", False)
    reads = Encoder(cell, embedding.output_size, 18, dropout=dropout, **encoder)
    reads.layers.kernel = kernel
    model = Classifier(embedding, reads, Pooling(pooling, reads.output_size), outputs, head_dropout)
    return model.double()


def batch_of(lengths: list[int]) -> Batch:
    drawn = torch.Generator().manual_seed(2)
    return pad([torch.randint(VOCAB, (n,), generator=drawn).tolist() for n in lengths])


def labels_of(outputs: int, rows: int = 20) -> Tensor:
    return torch.arange(rows) % max(2, outputs)


def learnt(
    model: Classifier, batch: Batch, labels: Tensor, scale: float = 20
) -> tuple[float, list[Tensor | None]]:
    """The loss, and the gradients of a mean, as a step of training has it."""
    model.zero_grad()
    loss = model.learn(batch, labels, scale)
    assert loss is not None
    return loss, [weight.grad for weight in model.parameters()]


@pytest.mark.parametrize(
    ("cell", "kernel"),
    [
        *(pytest.param(cell, "compiled", marks=needs_numba) for cell in CELLS),
        *((cell, "own") for cell in CELLS if cell != "lstm"),
    ],
)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [FULL, MIXED])
@pytest.mark.parametrize("outputs", [1, 3])
def test_loss_and_gradients_are_those_of_autograd(
    cell: str, kernel: str, bidirectional: bool, lengths: list[int], outputs: int
) -> None:
    model = classifier(cell, outputs, bidirectional=bidirectional, kernel=kernel)
    assert kernel_at_once(model, batch_of(lengths)) == kernel
    batch, labels = batch_of(lengths), labels_of(outputs)
    loss, grads = learnt(model, batch, labels)
    logits, _ = model(batch)
    if outputs == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    wanted = nn.functional.cross_entropy(logits, labels, reduction="sum")
    torch.testing.assert_close(loss, wanted.item())
    torch.testing.assert_close(
        grads, list(torch.autograd.grad(wanted / 20, list(model.parameters())))
    )


@by_both
def test_gradients_are_added_to_what_is_there(kernel: str) -> None:
    model, batch = classifier(kernel=kernel), batch_of(MIXED)
    _, once = learnt(model, batch, labels_of(3))
    wanted = [3 * grad for grad in once if grad is not None]
    model.learn(batch, labels_of(3), 10)
    torch.testing.assert_close([weight.grad for weight in model.parameters()], wanted)


@by_both
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_have_the_layout_of_the_weights(kernel: str, bidirectional: bool) -> None:
    model = classifier(kernel=kernel, bidirectional=bidirectional)
    _, grads = learnt(model, batch_of(MIXED), labels_of(3))
    assert all(grad is not None and grad.is_contiguous() for grad in grads)


@by_both
def test_padding_and_what_is_frozen_do_not_learn(kernel: str) -> None:
    model = classifier(kernel=kernel)
    assert model.embedding.table is not None
    of_table = learnt(model, batch_of(MIXED), labels_of(3))[1][0]
    assert of_table is not None and not of_table[0].any() and of_table[1:].any()
    model.embedding.table.weight.requires_grad_(False)
    model.head.bias.requires_grad_(False)
    learnt(model, batch_of(MIXED), labels_of(3))
    assert model.embedding.table.weight.grad is None and model.head.bias.grad is None
    assert model.head.weight.grad is not None


@needs_numba
def test_gradients_are_the_same_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ENOUGH", 0)
    found = []
    for threads in (1, 2, 5):
        workers.set_workers(threads)
        model = classifier(bidirectional=True).float()
        loss, grads = learnt(model, batch_of(MIXED), labels_of(3))
        found.append([torch.tensor(loss), *grads])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def hooked() -> Classifier:
    model = classifier()
    model.embedding.register_forward_hook(lambda *_: None)
    return model


def watched() -> Classifier:
    model = classifier()
    model.head.weight.register_hook(lambda grad: 2 * grad)
    return model


class Louder(TokenEmbedding):
    """Somebody's own."""

    def forward(self, ids: Tensor) -> Tensor:
        return 2 * super().forward(ids)


class Unsure(Classifier):
    """Somebody's own."""

    def forward(self, batch: Batch, state: State | None = None) -> tuple[Tensor, Tensor | None]:
        logits, weights = super().forward(batch, state)
        return 0 * logits, weights


def with_own_vectors() -> Classifier:
    model = classifier()
    model.embedding.__class__ = Louder
    return model


def test_what_somebody_derives_is_asked() -> None:
    model = classifier()
    model.__class__ = Unsure
    assert model.learn(batch_of(MIXED), labels_of(3), 1) is None
    loss = model.loss(batch_of(MIXED), labels_of(3))
    assert loss.item() == pytest.approx(20 * math.log(3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: classifier(pooling="attention"),
        lambda: classifier(pooling="max_mean"),
        lambda: classifier("transformer", num_heads=2),
        lambda: classifier(num_layers=2),
        lambda: classifier(tbptt_steps=2),
        lambda: classifier(dropout=0.5),
        lambda: classifier(dropout=0.5, locked=True),
        lambda: classifier(head_dropout=0.5),
        lambda: classifier(weight_dropout=0.5),
        lambda: classifier(words={"dropout": 0.5}),
        lambda: classifier(words={"scaled": True}),
        hooked,
        watched,
        with_own_vectors,
    ],
)
def test_what_is_not_plain_is_left_to_autograd(make: Callable[[], Classifier]) -> None:
    model = make()
    assert model.learn(batch_of(MIXED), labels_of(3), 1) is None
    assert torch.isfinite(model.loss(batch_of(MIXED), labels_of(3)))


def test_dropout_acts_in_training_only() -> None:
    model = classifier(dropout=0.5, head_dropout=0.5, weight_dropout=0.5, words={"dropout": 0.5})
    assert kernel_at_once(model.eval(), batch_of(MIXED))


def test_a_kernel_that_is_asked_for_and_fewer_bits_are_respected() -> None:
    model, batch = classifier(), batch_of(MIXED)
    assert kernel_at_once(model, batch) == ("compiled" if has_numba() else "own")
    with torch.autocast("cpu"):
        assert kernel_at_once(model, batch) is None
    with torch.no_grad():
        assert kernel_at_once(model, batch) is None
    for kernel, wanted in (("own", "own"), ("torch", None)):
        model.encoder.layers.kernel = kernel
        assert kernel_at_once(model, batch) == wanted


def test_which_kernel_an_lstm_learns_by_without_machine_code_hangs_on_the_batch() -> None:
    assert kernel_at_once(classifier("lstm", kernel="own"), batch_of(MIXED)) is None


@by_both
def test_what_is_no_number_stays_so(kernel: str) -> None:
    model = classifier(kernel=kernel)
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    assert math.isnan(learnt(model, batch_of(FULL), labels_of(3))[0])


@pytest.mark.parametrize(
    ("kernel", "label", "word"),
    [
        ("own", "Target 3 is out of bounds", "index out of range"),
        pytest.param("compiled", "label", "word", marks=needs_numba),
    ],
)
def test_words_labels_and_lengths_that_are_not_there_are_refused(
    kernel: str, label: str, word: str
) -> None:
    model, batch = classifier(kernel=kernel), batch_of(FULL)
    with pytest.raises(IndexError, match=label):
        model.learn(batch, labels_of(3) + 1, 1)
    with pytest.raises(IndexError, match=word):
        model.learn(Batch(batch.values + VOCAB, batch.lengths), labels_of(3), 1)
    with pytest.raises(ShapeError, match="lengths must be 0 to 5, got 5 to 6"):
        model.learn(Batch(batch.values, batch.lengths + (torch.arange(20) == 1)), labels_of(3), 1)
