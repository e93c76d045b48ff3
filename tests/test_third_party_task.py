"""A package of someone else's adds a task: `tests/third_party`, built and found by its entry point alone."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import seqkit
from seqkit.nn import CELLS

PROJECT = Path(__file__).parent / "third_party"
WINDOW = "0.0 0.7 1.0 0.7 0.0 -0.7 -1.0 -0.7 0.0 0.7 1.0 0.7"
LEAST_R2 = 0.9
"""What three epochs must reach on the built-in sample; the noise alone allows 0.98."""


def has(module: str) -> bool:
    """Whether it is installed; setuptools itself must not be imported here, as it changes distutils."""
    return importlib.util.find_spec(module) is not None


def python(*args: str, site: Path | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python in `cwd` as if `site` were one more folder of installed packages."""
    paths = [str(site)] if site else []
    paths += [p for p in [os.environ.get("PYTHONPATH")] if p]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env, capture_output=True, encoding="utf-8"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's wheel, built from a copy and unpacked: what an installation would add."""
    if not has("setuptools"):
        pytest.skip("building the example package needs setuptools")
    folder = tmp_path_factory.mktemp("third-party")
    source = folder / "source"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns("__pycache__"))
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    done = python("-c", build, str(folder), cwd=source)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the example visible to this very process."""
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture(scope="module")
def run(site: Path) -> Path:
    """A run of three epochs on the built-in sample, trained by the command line."""
    done = python(
        *("-m", "seqkit", "train", "forecasting", "--out", "run", "--training.epochs", "3"),
        site=site,
        cwd=site.parent,
    )
    assert done.returncode == 0, done.stderr
    return site.parent / "run"


def test_the_task_is_listed_where_its_package_is_and_only_there(site: Path, tmp_path: Path) -> None:
    with_package = python("-m", "seqkit", "tasks", site=site, cwd=tmp_path)
    without = python("-m", "seqkit", "tasks", cwd=tmp_path)
    assert with_package.returncode == without.returncode == 0, with_package.stderr
    assert "forecasting" in with_package.stdout
    assert "sentiment" in with_package.stdout
    assert "forecasting" not in without.stdout


def test_help_lists_the_settings_of_the_task_and_its_own_defaults(
    site: Path, tmp_path: Path
) -> None:
    done = python("-m", "seqkit", "train", "forecasting", "--help", site=site, cwd=tmp_path)
    text = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "--data.window" in text
    assert "Numbers that the network reads before it names the next." in text
    assert "default: 0.005" in text


def test_a_misspelt_setting_is_an_error_that_names_the_nearest(site: Path, tmp_path: Path) -> None:
    done = python(
        *("-m", "seqkit", "train", "forecasting", "--data.windw", "8"), site=site, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "Did you mean '--data.window'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_network_forecasts_better_than_the_mean_and_the_last_value(
    run: Path, installed: None
) -> None:
    scores = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["scores"]["test"]
    assert naive_r2() < 0.5 < LEAST_R2 < scores["r2"]  # the mean has 0 by definition


def naive_r2() -> float:
    """R2 on the sample's test windows of answering the last value read."""
    from seqkit_forecasting import ForecastingConfig, ForecastingTask

    windows = ForecastingTask().read(ForecastingConfig()).test
    error = statistics.fmean((w.target - w.values[-1]) ** 2 for w in windows)
    return 1 - error / statistics.pvariance([w.target for w in windows])


def test_predict_answers_numbers_on_the_command_line(run: Path, site: Path, tmp_path: Path) -> None:
    done = python("-m", "seqkit", "predict", str(run), WINDOW, site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert -0.8 < float(done.stdout) < 0.8  # the wave goes on to 0.0


def test_load_answers_texts_and_lists_alike_and_json_says_there_is_no_probability(
    run: Path, installed: None
) -> None:
    values = [float(word) for word in WINDOW.split()]
    predictor = seqkit.load(run)
    text, comma, listed = predictor.predict([WINDOW, WINDOW.replace(" ", ", "), values])
    assert text.output == pytest.approx(listed.output, abs=1e-5) == comma.output
    answer = json.loads(json.dumps(listed.to_json()))
    assert answer["input"] == values
    assert answer["score"] is answer["confidence"] is None


def test_csv_leaves_the_probability_empty(run: Path, installed: None, capsys) -> None:
    from seqkit.cli.main import main

    assert main(["predict", str(run), WINDOW, "--format", "csv"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header == "input,output,score,confidence"
    assert row.endswith(",,")


@pytest.mark.parametrize(
    ("given", "said"),
    [("1 two 3", "value 2 must be a number, got 'two'"), ("nan 1", "got 'nan'"), ("", "2 numbers")],
)
def test_an_input_that_is_no_series_is_said_in_a_sentence(
    run: Path, installed: None, given: str, said: str
) -> None:
    with pytest.raises(seqkit.DataError, match=said):
        seqkit.load(run).predict([given])


@pytest.mark.parametrize("cell", [*CELLS, "transformer"])
def test_every_cell_trains_on_a_table(cell: str, installed: None, tmp_path: Path) -> None:
    draw = random.Random(0).random
    table = tmp_path / "series.csv"
    table.write_text("\n".join(["value", *(f"{draw():.3f}" for _ in range(80))]), encoding="utf-8")
    trained = seqkit.train(
        "forecasting",
        {"path": str(table), "window": 8},
        out=tmp_path / "run",
        model={"cell": cell, "hidden_size": 8},
        training={"epochs": 1},
    )
    assert trained.metrics["examples"] == {"train": 65, "dev": 7, "test": 0}
    assert seqkit.load(trained.path).config.training.lr == 0.005  # the task's own default stays
    again = seqkit.load(trained.path).evaluate(table)
    assert set(again.values) == {"r2", "rmse"}


def test_a_table_that_holds_a_word_is_an_error_with_its_place(
    installed: None, tmp_path: Path
) -> None:
    table = tmp_path / "series.csv"
    table.write_text("value\n1\nhigh\n", encoding="utf-8")
    with pytest.raises(
        seqkit.DataError, match=r"series\.csv.*value 2 must be a number, got 'high'"
    ):
        seqkit.train("forecasting", table, out=tmp_path / "run")


@pytest.mark.skipif(not (has("pip") and has("setuptools")), reason="needs pip and setuptools")
def test_pip_builds_a_wheel_of_the_example(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    done = python("-m", "pip", "wheel", *offline, "-w", "wheels", str(source), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").glob("seqkit_forecasting-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"seqkit_forecasting/__init__.py", "seqkit_forecasting/pipeline.py"} <= set(names)
