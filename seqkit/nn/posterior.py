"""What a linear chain thinks of each tag once it has seen the whole row, computed with probabilities, not their logs.

Sums of products are matrix products then, without an exponential a step and pair of tags: on a CPU an eighth of the
time of the log-sums that `seqkit.nn.crf` trains with. Each step is scaled to sum to 1, as in Rabiner 1989, section V.A,
https://doi.org/10.1109/5.18626.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqkit.nn.masks import last_valid
from seqkit.nn.viterbi import Scores


def posterior(emissions: Tensor, scores: Scores, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Marginals and log partition of each row, without gradients.

    Both directions share one loop: the one from the end runs forwards over the row turned round.

    Args:
        emissions: Score of each tag at each step, float [len, batch, T], 0 the highest of each step; float64 has room
            for what is very unlikely.
        scores: Start, transition and end scores; very low ones forbid.
        lengths: Valid steps, int64 [batch].

    Returns:
        marginals, float [len, batch, T], of no meaning at padding; log partition, float [batch]. Rows whose paths all
        have next to no probability give nan.
    """
    start, transitions, end = (part.exp() for part in scores)
    steps = torch.arange(len(emissions), device=emissions.device).unsqueeze(1)
    turned = (
        (lengths - 1 - steps).clamp(min=0).unsqueeze(-1).expand_as(emissions)
    )  # its own inverse
    shares = torch.stack([emissions, emissions.gather(0, turned)], dim=1).exp()
    moves = torch.stack([transitions, transitions.T])  # [2, T, T]
    before = torch.stack([start, end]).unsqueeze(1).expand_as(shares[0])
    befores, afters, sums = [], [], []
    for share in shares.unbind(0):  # [2, batch, T]
        after = before * share
        total = after.sum(dim=-1, keepdim=True)
        after /= total
        befores.append(before)
        afters.append(after)
        sums.append(total[0])
        before = after @ moves
    forwards = torch.stack([after[0] for after in afters])  # with each step's emission counted in
    backwards = torch.stack([before[1] for before in befores]).gather(0, turned)  # without it
    joint = forwards * backwards
    marginals = joint / joint.sum(dim=-1, keepdim=True)
    scales = torch.stack(sums).squeeze(-1).log().cumsum(dim=0).T.unsqueeze(-1)  # [batch, len, 1]
    last = last_valid(forwards.transpose(0, 1), lengths)
    log_partition = last_valid(scales, lengths).squeeze(-1) + (last @ end).log()
    return marginals, log_partition
