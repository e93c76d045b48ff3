from __future__ import annotations

import pytest
import torch

from seqkit.decoding import DecodingOptions, Ensemble, EnsembleState, decode
from seqkit.errors import ConfigError, ShapeError

from .toy import IDS, ToyModel, run

TOKENS = torch.full((4,), IDS.bos_idx)


def states(*models: ToyModel) -> EnsembleState:
    return EnsembleState(tuple(model.state(range(4)) for model in models))


@pytest.mark.parametrize("method", ["beam", "greedy", "sample"])
def test_an_ensemble_of_one_decodes_as_its_model(method: str) -> None:
    model = ToyModel(1)
    options = DecodingOptions(method=method, max_len=8, seed=2)
    expected = run(model, range(4), options, return_attention=True)
    found = decode(Ensemble([model]), states(model), 4, IDS, options, return_attention=True)
    for [hyp], [other] in zip(found, expected, strict=True):
        assert hyp.tokens == other.tokens
        assert hyp.token_log_probs == pytest.approx(other.token_log_probs, abs=1e-5)
        torch.testing.assert_close(hyp.attention, other.attention)


def test_an_ensemble_of_two_gives_the_mean_of_their_probabilities_and_attention() -> None:
    first, second = ToyModel(1), ToyModel(2)
    logits, state, attn = Ensemble([first, second]).step(TOKENS, states(first, second))
    parts = [model.step(TOKENS, model.state(range(4))) for model in (first, second)]
    mean = (parts[0][0].softmax(-1) + parts[1][0].softmax(-1)) / 2
    torch.testing.assert_close(logits.exp(), mean)
    torch.testing.assert_close(attn, (parts[0][2] + parts[1][2]) / 2)
    assert all(torch.equal(part.contexts, parts[0][1].contexts) for part in state.states)


def test_selecting_rows_selects_them_in_every_state() -> None:
    first, second = ToyModel(1), ToyModel(2)
    selected = states(first, second).select(torch.tensor([3, 0, 0]))
    assert [part.table_rows.tolist() for part in selected.states] == [[3, 0, 0]] * 2


def test_a_sentence_of_two_models_has_their_mean_probability_at_each_step() -> None:
    models = [ToyModel(1), ToyModel(2)]
    options = DecodingOptions(beam_size=4, nbest=4, max_len=6)
    for row, nbest in enumerate(decode(Ensemble(models), states(*models), 4, IDS, options)):
        for hyp in nbest:
            steps = [*hyp.tokens, IDS.eos_idx] if hyp.finished else hyp.tokens
            contexts = models[0].contexts(hyp.tokens)
            for step, token in enumerate(steps):
                log_probs = [model.log_probs(row, contexts[step])[token] for model in models]
                mean = torch.tensor(log_probs).exp().mean().log().item()
                assert hyp.token_log_probs[step] == pytest.approx(mean, abs=1e-4)


def test_attention_is_none_where_one_model_has_none() -> None:
    class Inattentive(ToyModel):
        def step(self, tokens, state):
            logits, state, _ = super().step(tokens, state)
            return logits, state, None

    models = [ToyModel(1), Inattentive(2)]
    assert Ensemble(models).step(TOKENS, states(*models))[2] is None


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 model"):
        Ensemble([])


def test_models_of_different_vocabularies_are_refused() -> None:
    models = [ToyModel(1, vocab_size=7), ToyModel(2, vocab_size=8)]
    with pytest.raises(ShapeError, match=r"one vocabulary, received sizes \[7, 8\]"):
        Ensemble(models).step(TOKENS, states(*models))


def test_another_number_of_states_than_models_is_refused() -> None:
    model = ToyModel(1)
    with pytest.raises(ShapeError, match="Expected 1 states, received 2"):
        Ensemble([model]).step(TOKENS, states(model, model))
