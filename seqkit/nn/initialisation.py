"""Starting weights by name.

The recurrence multiplies its state by the same matrix at every step, so where that matrix starts decides whether
a plain RNN learns at all: an orthogonal one keeps the length of the signal over any number of steps
(Saxe et al. 2014, arXiv 1312.6120), torch's uniform one of small entries shrinks it.

    torch     every weight uniform in +-1/sqrt(hidden_size)
    keras     recurrent weights orthogonal, input weights Glorot-uniform per gate, biases 0, LSTM forget gate 1
    identity  as keras, but the recurrence starts as the identity (Le et al. 2015, arXiv 1504.00941)
    auto      keras for tanh, LSTM and GRU; identity for rnn_relu

Gates decide as much: one that starts half open writes half of the state anew at each step, so that what stood there a
hundred steps ago is gone before anything is learned. Chrono initialisation spreads them instead.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqkit.errors import UnknownNameError

SCHEMES = ("auto", "torch", "keras", "identity")
EMBEDDING_BOUND = 0.05


def initialise_recurrent(layer: nn.RNNBase, cell: str, scheme: str, chrono_steps: int = 0) -> None:
    """Sets the weights of a recurrent layer in place.

    Args:
        layer: The layer.
        cell: Name of its cell.
        scheme: One of `SCHEMES`.
        chrono_steps: Steps that the units of an LSTM or GRU start out remembering, at most; 0 leaves the gates to the
            scheme.

    Raises:
        UnknownNameError: if the scheme is unknown.
    """
    scheme = _resolved(scheme, cell)
    if scheme == "torch":
        layer.reset_parameters()
    else:
        _fill_gates(layer, cell, scheme)
    if chrono_steps and cell in ("lstm", "gru"):
        _spread_memories(layer, cell, chrono_steps)


def _fill_gates(layer: nn.RNNBase, cell: str, scheme: str) -> None:
    for name, weight in layer.named_parameters():
        for block in torch.split(weight.data, layer.hidden_size):  # one gate at a time
            _fill(name, block, scheme)
        if cell == "lstm" and name.startswith("bias_ih"):
            weight.data[layer.hidden_size : 2 * layer.hidden_size].fill_(1.0)


def _spread_memories(layer: nn.RNNBase, cell: str, steps: int) -> None:
    """Biases by which each unit keeps what it holds for a time of its own, uniform in 1 to `steps` (chrono
    initialisation, Tallec & Ollivier 2018, arXiv 1804.11188). The second gate is LSTM's forget gate and GRU's update
    gate, both of which keep; an LSTM's input gate admits as much as is forgotten."""
    for name, bias in layer.named_parameters():
        if name.startswith("bias_ih"):
            admitting, keeping, *_ = torch.split(bias.data, layer.hidden_size)
            keeping.uniform_(1, max(1, steps - 1)).log_()
            if cell == "lstm":
                torch.neg(keeping, out=admitting)


def initialise_embedding(weight: Tensor, scheme: str, pad_idx: int) -> None:
    """Word vectors, float [vocab_size, emb_size]: uniform in +-0.05 (keras), standard normal (torch), else normal with
    std 1/sqrt(emb_size), at most 0.1: large random vectors drown what a recurrence learns of rare words."""
    with torch.no_grad():
        if scheme == "keras":
            weight.uniform_(-EMBEDDING_BOUND, EMBEDDING_BOUND)
        elif scheme == "torch":
            weight.normal_()
        else:
            weight.normal_(std=min(1 / math.sqrt(weight.size(1)), 0.1))
        weight[pad_idx] = 0


def initialise_linear(layer: nn.Linear, scheme: str) -> None:
    """Glorot-uniform weight and zero bias, or torch's own for the scheme `torch`."""
    if scheme != "torch":
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def initialise_transformer(layers: nn.Module) -> None:
    """Glorot-uniform matrices, each its own: torch copies one layer, so that all would start alike."""
    for weight in layers.parameters():
        if weight.dim() > 1:
            nn.init.xavier_uniform_(weight)


def _resolved(scheme: str, cell: str) -> str:
    if scheme not in SCHEMES:
        raise UnknownNameError("initialisation", scheme, SCHEMES)
    if scheme == "auto":
        return "identity" if cell == "rnn_relu" else "keras"
    return scheme


def _fill(name: str, block: Tensor, scheme: str) -> None:
    if name.startswith("bias"):
        nn.init.zeros_(block)
    elif name.startswith("weight_ih"):
        nn.init.xavier_uniform_(block)
    elif scheme == "identity":
        nn.init.eye_(block)
    else:
        nn.init.orthogonal_(block)
