"""On a CUDA device: the numbers of the CPU, every task trained and answering there, recorded decoder steps."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seqkit
from seqkit.generation import Generator
from seqkit.nn import CELLS
from seqkit.nn.crf import CRF
from seqkit.nn.recurrent import Recurrent
from seqkit.registry import get_task
from seqkit.task import Task

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]

TASKS = ["sentiment", "ner", "translation", "captioning", "language"]
LENGTHS = torch.tensor([9, 4, 1, 7])


def run_and_gradients(layer: Recurrent, inputs: Tensor) -> list[Tensor]:
    """Outputs, final states and all gradients, on the CPU."""
    inputs = inputs.detach().requires_grad_()
    outputs, state = layer(inputs, LENGTHS)
    loss = outputs.sin().sum() + sum(part.cos().sum() for part in state)
    found = torch.autograd.grad(loss, [inputs, *layer.parameters()])
    return [tensor.detach().cpu() for tensor in (outputs, *state, *found)]


@pytest.mark.parametrize("kernel", ["auto", "own", "held", "torch"])
@pytest.mark.parametrize(("cell", "both"), [*itertools.product(CELLS, (False, True))])
def test_layers_give_the_numbers_and_gradients_of_the_cpu(
    cell: str, both: bool, kernel: str
) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, 6, 8, 2, bidirectional=both, kernel=kernel)
    inputs = torch.randn(4, 9, 6)
    expected = run_and_gradients(layer, inputs)
    with torch.backends.cudnn.flags(allow_tf32=False):
        found = run_and_gradients(copy.deepcopy(layer).cuda(), inputs.cuda())
    for ours, cpu in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, cpu, atol=1e-4, rtol=1e-3)


def test_the_crf_decodes_as_on_the_cpu() -> None:
    torch.manual_seed(0)
    crf = CRF(7, torch.rand(7, 7) > 0.3)
    emissions = 3 * torch.randn(4, 9, 7)
    expected = crf.decode_with_marginals(emissions, LENGTHS, 3)
    found = crf.cuda().decode_with_marginals(emissions.cuda(), LENGTHS.cuda(), 3)
    assert torch.equal(found[0].cpu(), expected[0])
    for ours, cpu in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(ours.cpu(), cpu, atol=1e-5, rtol=1e-4)


def inputs_of(task: Task[Any, Any], run: Path) -> list[Any]:
    """A few inputs that the run can answer."""
    predictor = seqkit.load(run, device="cpu")
    splits = task.read(predictor.config)
    return [predictor.pipeline.raw_input(example) for example in splits.get("dev")[:12]]


def texts(predictor: seqkit.Predictor, inputs: list[Any]) -> list[str]:
    """The answers as people read them, without how sure they are."""
    return [predictor.pipeline.answer_text(a.output) for a in predictor.predict(inputs)]


@pytest.mark.parametrize("cell", CELLS)
def test_mixed_precision_runs_layers_in_full_precision(cell: str) -> None:
    layer = Recurrent(cell, 6, 8, 2, bidirectional=True).cuda()
    inputs = torch.randn(4, 9, 6).cuda()
    expected = run_and_gradients(layer, inputs)
    with torch.autocast("cuda", torch.bfloat16):
        outputs, _ = layer(inputs.bfloat16(), LENGTHS)
        found = run_and_gradients(layer, inputs)
    assert outputs.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
@pytest.mark.parametrize("name", TASKS)
def test_a_run_of_the_gpu_answers_on_both_devices(
    name: str, precision: str, tmp_path: Path
) -> None:
    training = {"device": "cuda", "epochs": 2, "precision": precision}
    run = seqkit.train(name, out=tmp_path / "run", training=training).path
    inputs = inputs_of(get_task(name), run)
    there, here = (texts(seqkit.load(run, device=device), inputs) for device in ("cuda", "cpu"))
    alike = sum(a == b for a, b in zip(there, here, strict=True))
    assert alike >= len(inputs) - 2, "rounding may decide between two answers, seldom"


@pytest.mark.parametrize("name", ["translation", "captioning"])
@pytest.mark.parametrize("beam_size", [1, 5])
def test_recorded_steps_write_the_sentences_of_usual_ones(
    name: str, beam_size: int, tmp_path: Path
) -> None:
    training = {"device": "cuda", "epochs": 2}
    run = seqkit.train(name, out=tmp_path / "run", training=training).path
    inputs = inputs_of(get_task(name), run)
    predictor = seqkit.load(run, device="cuda")
    pipeline = predictor.pipeline
    assert isinstance(pipeline, Generator)
    pipeline.set_decoding({"beam_size": beam_size})
    recorded = [predictor.predict(inputs) for _ in range(2)][1]
    (steps,) = pipeline._steps.values()
    assert not steps.failed and steps._recordings
    pipeline._steps = {}
    usual = predictor.predict(inputs)
    assert [a.output for a in recorded] == [a.output for a in usual]
    for ours, other in zip(recorded, usual, strict=True):
        assert ours.score == pytest.approx(other.score, abs=1e-3)
