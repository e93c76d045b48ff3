from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from seqkit.cli.main import main

from seqkit.errors import SeqkitError, UnknownNameError
from seqkit.registry import GROUP, get_task, task_names

Offer = Callable[..., None]

WHOLE = """
from seqkit.task import Task
class Mine(Task):
    name, shape, summary, metric, example = "mine", "many-to-one", "a -> [b]", "c", ""
    Config = dict
    def read(self, config): ...
    def fit(self, config, train, others=()): ...
    def load(self, config, folder): ...
"""


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Installs a package that offers the task `mine`, made of one module where code is given."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(package: str, value: str, code: str | None = None) -> None:
        module = value.partition(":")[0]
        if code is not None:
            (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n", encoding="utf-8")
        text = f"[{GROUP}]\nmine = {value}\n"
        (info / "entry_points.txt").write_text(text, encoding="utf-8")

    return install


BROKEN = {
    "its module is missing": ("no_such_module:Mine", None, "No module named 'no_such_module'"),
    "its class is missing": ("broken_a:Mine", "", "has no attribute 'Mine'"),
    "its module cannot be parsed": ("broken_b:Mine", "def", "SyntaxError"),
    "its module fails": ("broken_c:Mine", "1 / 0", "ZeroDivisionError"),
    "it is no task": ("broken_d:Mine", "class Mine: pass", "makes a Mine, not a seqkit.task.Task"),
    "it is half a task": (
        "broken_e:Mine", "from seqkit.task import Task\nclass Mine(Task): pass", "abstract",
    ),
    "it does not say its metric": (
        "broken_f:Mine", WHOLE.replace('metric, ', "").replace('"c", ', ""), "does not set metric",
    ),
    "it has another name": ("broken_g:Mine", WHOLE.replace('"mine"', '"yours"'), "name to 'yours'"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_task_is_an_error_that_names_its_package(
    offer: Offer, value: str, code: str | None, reason: str
) -> None:
    offer("someones-package", value, code)
    with pytest.raises(SeqkitError, match="'mine' of package someones-package") as raised:
        get_task("mine")
    assert reason in str(raised.value)


def test_a_broken_task_breaks_neither_the_list_nor_the_other_tasks(
    offer: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    offer("someones-package", "no_such_module:Mine")
    assert get_task("sentiment").name == "sentiment"
    assert main(["tasks"]) == 0
    shown = capsys.readouterr().out
    assert "text -> label" in shown
    assert "'mine' of package someones-package (no_such_module:Mine) cannot be used" in shown


def test_a_broken_task_is_one_line_on_the_command_line(
    offer: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    offer("someones-package", "no_such_module:Mine")
    assert main(["train", "mine"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("seqkit: error: Task 'mine' of package someones-package")
    assert shown.count("\n") == 1


def test_a_task_in_a_module_of_its_own_needs_no_recipes(
    offer: Offer, capsys: pytest.CaptureFixture[str]
) -> None:
    offer("someones-package", "whole_mine:Mine", WHOLE)
    assert get_task("mine").recipe_names() == []
    with pytest.raises(UnknownNameError, match=r"Unknown recipe of mine 'best'\. Known: none\."):
        get_task("mine").recipe("best")
    assert main(["tasks"]) == 0
    assert "a -> [b]" in capsys.readouterr().out


def test_two_packages_that_offer_one_name_are_an_error_that_names_both(offer: Offer) -> None:
    offer("package-one", "whole_one:Mine", WHOLE)
    offer("package-two", "whole_two:Mine", WHOLE)
    with pytest.raises(SeqkitError, match="package-one, package-two"):
        get_task("mine")


def test_names_are_sorted_and_an_unknown_one_is_answered_with_the_nearest() -> None:
    assert task_names() == sorted(task_names())
    with pytest.raises(UnknownNameError, match="Did you mean 'sentiment'"):
        get_task("sentimant")
