"""Trains a recurrent classifier by a plain loop over torch's own modules, an epoch whenever it is asked to."""

from __future__ import annotations

import argparse

import numpy as np
import torch
from talking import classifier_options, work
from torch import Tensor, nn


class Classifier(nn.Module):
    """embedding -> recurrent layer -> one logit, from the last state of each direction."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        layer = {"SimpleRNN": nn.RNN, "LSTM": nn.LSTM}[options.layer]
        directions = 2 if options.bidirectional else 1
        self.embedding = nn.Embedding(options.vocab_size, options.emb_size)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)  # as Keras starts
        self.layer = layer(
            options.emb_size, options.hidden_size, batch_first=True, bidirectional=directions == 2
        )
        self.head = nn.Linear(directions * options.hidden_size, 1)

    def forward(self, ids: Tensor) -> Tensor:
        """float [batch] from int64 [batch, len]."""
        _, state = self.layer(self.embedding(ids))
        hidden = state[0] if isinstance(state, tuple) else state  # [directions, batch, hidden_size]
        return self.head(hidden.transpose(0, 1).flatten(1)).squeeze(1)


def main() -> None:
    """Trains until nothing more is asked for."""
    options = classifier_options(__doc__)
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    data = {name: torch.from_numpy(array) for name, array in np.load(options.batches).items()}
    model = Classifier(options)
    adam = torch.optim.Adam(model.parameters(), options.lr)

    def epoch() -> None:
        for chosen in torch.randperm(len(data["train"])).split(options.batch_size):
            logits = model(data["train"][chosen])
            labels = data["train_labels"][chosen].float()
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
            adam.zero_grad()
            loss.backward()
            adam.step()

    @torch.inference_mode()
    def accuracy() -> float:
        logits = torch.cat([model(ids) for ids in data["dev"].split(options.batch_size)])
        return float(((logits > 0) == (data["dev_labels"] == 1)).float().mean())

    parameters = sum(p.numel() for p in model.parameters())
    work(epoch, accuracy, version=torch.__version__, parameters=parameters)


if __name__ == "__main__":
    main()
