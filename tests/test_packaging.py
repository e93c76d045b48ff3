"""What is installed, what is imported when, and that the layers hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqkit.config import from_dict
from seqkit.registry import get_task, task_names

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
RECIPES = [(task, recipe) for task in task_names() for recipe in get_task(task).recipe_names()]


def loaded_after(code: str) -> set[str]:
    """Names of the modules that are loaded in a new process after `code`."""
    program = f"import sys\n{code}\nprint('MODULES', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    return set(result.stdout.split("MODULES")[1].split())


def test_every_package_folder_is_listed_for_packaging() -> None:
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
            "packages"
        ]
    )
    found = set()
    for folder, name in (("seqkit", "seqkit"), ("tasks", "seqkit.tasks"), ("cli", "seqkit.cli")):
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *parts)))
    assert found == listed


def test_nobody_imports_the_folders_by_their_bare_names() -> None:
    bare = re.compile(r"^\s*(from|import) (tasks|cli)\b", flags=re.MULTILINE)
    sources = [
        p for folder in ("seqkit", "tasks", "cli", "tests") for p in (ROOT / folder).rglob("*.py")
    ]
    assert len(sources) > 50
    assert [str(p) for p in sources if bare.search(p.read_text(encoding="utf-8"))] == []


def test_a_checkout_that_hides_an_installed_package_is_whole() -> None:
    program = "import seqkit.cli, seqkit.tasks; print(seqkit.cli.__file__, seqkit.tasks.__file__)"
    result = subprocess.run(
        [sys.executable, "-S", "-c", program],  # -S: without what is installed
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert result.stdout.split() == [str(ROOT / n / "__init__.py") for n in ("cli", "tasks")]


def test_importing_seqkit_loads_no_torch() -> None:
    assert "torch" not in loaded_after("import seqkit")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["train", "sentimant"],
        ["train", "ner", "--help"],
        ["compare", "ner", "--cells", "grr"],
        ["explain", "nowhere"],
        ["tasks"],
    ],
)
def test_help_and_usage_errors_load_no_torch(argv: list[str]) -> None:
    loaded = loaded_after(f"from seqkit.cli.main import main\nmain({argv!r})")
    assert "torch" not in loaded and "pandas" not in loaded


def test_what_answers_loads_nothing_that_draws() -> None:
    loaded = loaded_after("import seqkit.predictor, seqkit.tasks.sentiment.pipeline")
    assert "seqkit.report.parts" in loaded
    assert loaded.isdisjoint({"matplotlib", "PIL", "seqkit.report.page", "seqkit.explaining"})


@pytest.mark.parametrize(("task", "recipe"), RECIPES)
def test_every_recipe_is_a_valid_configuration_without_a_path(task: str, recipe: str) -> None:
    chosen = get_task(task)
    config = from_dict(chosen.Config, chosen.recipe(recipe))
    assert config.data.path is None
    for setting, need in chosen.recipe_needs(recipe).items():
        section, field = setting.split(".")
        assert hasattr(getattr(config, section), field)
        words = need["get"].split()
        assert need["file"].startswith(words[words.index("--out") + 1])
        assert words[0] == "seqkit" or (words[0] == "python" and (ROOT / words[1]).is_file())


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [
        line
        for line in readme.splitlines()
        if line.startswith("python3 -m venv") and "pytest" in line
    ]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_four_tasks_are_installed() -> None:
    assert {"captioning", "ner", "sentiment", "translation"} <= set(task_names())
