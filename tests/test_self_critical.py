"""Self-critical training: its loss by hand, that rewards rise, and going on from a finished run."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import seqkit
from seqkit.config import from_dict
from seqkit.decoding import Hypothesis
from seqkit.errors import ConfigError
from seqkit.generation import IDS
from seqkit.metrics.cider import CiderD, cider_d
from seqkit.registry import get_task

SMALL: dict[str, Any] = {
    "data": {"units": "word"},
    "model": {"hidden_size": 16, "emb_size": 16, "dropout": 0.0},
    "decoding": {"max_len": 12},
}


def pipeline(share: float = 1.0) -> Any:
    task = get_task("translation")
    config = from_dict(task.Config, {**SMALL, "training": {"self_critical": share}})
    torch.manual_seed(0)
    made = task.fit(config, task.read(config).train[:60])
    made.model.train()
    return made


def hypothesis(tokens: list[int], finished: bool = True) -> Hypothesis:
    return Hypothesis(tokens, -1.0, -1.0, [], None, finished)


def test_the_loss_is_each_samples_advantage_times_its_log_probability() -> None:
    made = pipeline(share=0.25)
    task = get_task("translation")
    pairs = task.read(made.config).train[:2]
    batch = made.collate([made.encode(pair) for pair in pairs])
    drawn = [[hypothesis([7, 8]), hypothesis([9]), hypothesis([5, 6], finished=False)],
             [hypothesis([4]), hypothesis([]), hypothesis([10, 11, 12])]]  # fmt: skip
    rewards = [[0.9, 0.3, 0.0], [0.2, 0.2, 0.8]]
    left = list(rewards)
    made._samples = lambda *_: drawn
    made.rewards = lambda texts, references: left.pop(0)
    object.__setattr__(made.config.training, "self_critical_samples", 3)
    loss, units = made.loss(batch)
    likelihood = made.model(batch.src, batch.tgt)
    expected, sampled_units = 0.0, 0
    for row in range(2):
        state = made.model.start(batch.src).select(torch.tensor([row]))
        for place, hyp in enumerate(drawn[row]):
            advantage = rewards[row][place] - (sum(rewards[row]) - rewards[row][place]) / 2
            now, tokens = state, [*hyp.tokens, *([IDS.eos_idx] if hyp.finished else [])]
            for before, token in zip([IDS.bos_idx, *tokens], tokens, strict=False):
                logits, now, _ = made.model.step(torch.tensor([before]), now)
                expected = expected - advantage * logits[0].log_softmax(-1)[token]
            sampled_units += len(tokens)
    wanted = 0.25 * expected * units / sampled_units + 0.75 * likelihood
    torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=1e-4)
    assert int(units) == int((batch.tgt.lengths - 1).sum())


def test_epochs_before_the_start_follow_the_likelihood_alone() -> None:
    made = pipeline(share=1.0)
    object.__setattr__(made.config.training, "self_critical_start", 3)
    batch = made.collate(
        [made.encode(p) for p in get_task("translation").read(made.config).train[:4]]
    )
    critical = []
    made.critical_loss = lambda *_: critical.append(epoch) or (torch.zeros(()), 1)
    for epoch in (1, 2, 3, 4):
        made.before_epoch(epoch)
        loss, _ = made.loss(batch)
        if epoch < 3:
            torch.testing.assert_close(loss, made.model(batch.src, batch.tgt))
    assert critical == [3, 4]
    made.model.eval()
    made.loss(batch)
    assert critical == [3, 4]


def test_training_for_the_reward_raises_it() -> None:
    made = pipeline()
    pairs = get_task("translation").read(made.config).train[:16]
    batch = made.collate([made.encode(pair) for pair in pairs])

    def mean_reward() -> float:
        torch.manual_seed(1)
        samples = made._samples(batch.src, len(pairs), 20, 12)
        texts = [[made.codecs["target"].decode(h.tokens) for h in row] for row in samples]
        found = [made.rewards(row, [pair.tgt]) for row, pair in zip(texts, pairs, strict=True)]
        return sum(map(sum, found)) / (20 * len(pairs))

    before = mean_reward()
    optimizer = torch.optim.Adam(made.model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        loss, units = made.loss(batch)
        (loss / units).backward()
        optimizer.step()
    assert mean_reward() > 1.15 * before


def test_a_captions_reward_is_its_cider_among_the_training_captions() -> None:
    references = [["a red circle", "one circle"], ["a blue square"], ["two green triangles"]]
    tokens = [[text.split() for text in item] for item in references]
    hypotheses = [["a", "red", "square"], ["a", "blue", "square"], ["green", "triangles"]]
    _, wanted = cider_d(hypotheses, tokens)
    scorer = CiderD(tokens)
    found = [scorer.score(*pair) for pair in zip(hypotheses, tokens, strict=True)]
    assert found == wanted and max(found) > 1


def test_a_training_goes_on_from_a_finished_run_and_then_needs_it_no_more(tmp_path: Path) -> None:
    words = [("the", "le"), ("my", "mon"), ("a", "un")], [("cat", "chat"), ("dog", "chien")], [
        ("sleeps", "dort"), ("eats", "mange"), ("comes", "vient")]  # fmt: skip
    pairs = [tuple(map(" ".join, zip(*group, strict=True))) for group in itertools.product(*words)]
    lines = {"en": "".join(f"{en} very well today\n" for en, _ in pairs),
             "fr": "".join(f"{fr} fort bien demain\n" for _, fr in pairs)}  # fmt: skip
    for language, text in lines.items():
        (tmp_path / f"train.{language}").write_text(text * 6, encoding="utf-8")
    settings = {**SMALL, "training": {"epochs": 25, "lr": 0.01, "batch_size": 4, "patience": 0}}
    first = seqkit.train("translation", tmp_path, out=tmp_path / "a", config=settings)
    again = {"start_from": str(first.path), "self_critical": 0.9, "epochs": 1, "lr": 1e-4}
    second = seqkit.train(
        "translation", tmp_path, out=tmp_path / "b", config={**SMALL, "training": again}
    )
    scores = second.metrics["scores"]["dev"]["chrf"]
    assert scores == pytest.approx(first.metrics["scores"]["dev"]["chrf"], abs=10) and scores > 50
    shutil.rmtree(first.path)
    answers = [
        a.output
        for a in seqkit.load(second.path).predict([f"{en} very well today" for en, _ in pairs])
    ]
    right = sum(a == f"{fr} fort bien demain" for a, (_, fr) in zip(answers, pairs, strict=True))
    assert right > len(pairs) / 2


def test_a_run_of_another_task_is_no_start(tmp_path: Path) -> None:
    table = "text,label\n" + "good,x\nbad,y\n" * 6
    (tmp_path / "r.csv").write_text(table, encoding="utf-8")
    small = {"model": {"hidden_size": 4, "emb_size": 4}, "training": {"epochs": 1}}
    run = seqkit.train("sentiment", tmp_path / "r.csv", out=tmp_path / "a", config=small)
    with pytest.raises(ConfigError, match=r"must be a translation run; .* is of sentiment"):
        seqkit.train("translation", out=tmp_path / "b", training={"start_from": str(run.path)})
