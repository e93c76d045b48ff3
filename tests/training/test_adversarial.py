"""Adversarial training: which way the vectors are moved, how far, and what that does to the loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqkit.data.batch import pad
from seqkit.errors import ConfigError
from seqkit.nn import Classifier, Encoder, Pooling, TokenEmbedding
from seqkit.training.adversarial import Adversary

from ..toy import toy_pipeline
from .test_loop import SPLITS, fit, same, weights


def classifier() -> Classifier:
    torch.manual_seed(0)
    encoder = Encoder("gru", 4, 6)
    embedding = TokenEmbedding("learned", 9, 4)
    return Classifier(embedding, encoder, Pooling("max", encoder.output_size), 2)


def test_each_rows_vectors_move_along_their_gradient_by_the_norm_and_padding_stays() -> None:
    model, batch = classifier(), pad([[4, 5, 6], [7, 8]])
    labels = torch.tensor([0, 1])
    outputs = []
    model.embedding.register_forward_hook(lambda *call: outputs.append(call[2]))
    adversary = Adversary(model, norm=0.3)
    plain = torch.nn.functional.cross_entropy(model(batch)[0], labels)
    plain.backward()
    with adversary.attacking():
        attacked = torch.nn.functional.cross_entropy(model(batch)[0], labels)
    before = outputs[0].detach()
    again = before.clone().requires_grad_()
    pooled, _ = model.pooling(model.encoder(again, batch.lengths))
    loss = torch.nn.functional.cross_entropy(model.head(pooled), labels)
    (grad,) = torch.autograd.grad(loss, again)
    assert not grad[1, 2:].any()
    for row in range(2):
        step = 0.3 * grad[row] / grad[row].norm()
        again.data[row] += step
    moved = torch.nn.functional.cross_entropy(
        model.head(model.pooling(model.encoder(again, batch.lengths))[0]), labels
    )
    torch.testing.assert_close(attacked, moved)
    assert attacked > plain
    torch.testing.assert_close(torch.nn.functional.cross_entropy(model(batch)[0], labels), plain)


def test_an_attacked_training_learns_and_differs_from_a_plain_one(tmp_path: Path) -> None:
    plain, attacked = (toy_pipeline(epochs=12, patience=0, adversarial=a) for a in (0.0, 0.1))
    fit(plain, tmp_path)
    state, _ = fit(attacked, tmp_path)
    assert not same(weights(plain), weights(attacked))
    assert state.history[-1]["train_loss"] < state.history[0]["train_loss"] / 2
    assert len(SPLITS.train) == 40


def test_a_network_without_word_vectors_is_refused() -> None:
    encoder = Encoder("gru", 1, 6)
    model = Classifier(TokenEmbedding("integer", 9), encoder, Pooling("max", 12), 2)
    with pytest.raises(ConfigError, match="moves word vectors, but this network learns none"):
        Adversary(model, 1.0)
