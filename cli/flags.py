"""Flags from settings: every field of a task's dataclasses becomes `--section.field` with its own help. Torch-free."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, get_type_hints

import yaml

from seqkit.config import (
    check_setting,
    from_dict,
    iter_settings,
    merge,
    nest,
    read_yaml,
    setting_names,
    to_dict,
)
from seqkit.decoding.options import DecodingOptions
from seqkit.errors import ConfigError, did_you_mean, nearest
from seqkit.limits import Limits
from seqkit.recipes import fill_needs
from seqkit.task import Task

SHORT = {
    "data.path": " Short: --data.",
    "training.deterministic": " Short for true: --deterministic.",
    "training.diagnose": " Short for true: --diagnose.",
}
"""What the help says of settings that have a short form too."""


class PlainParser(argparse.ArgumentParser):
    """A parser whose mistakes are ConfigErrors, each with the nearest flag."""

    def error(self, message: str) -> NoReturn:
        """Raises what argparse would print."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        unknown = re.search(r"unrecognized arguments: (--?[^\s=]+)", message)
        guess = did_you_mean(unknown.group(1), flags) if unknown else ""
        raise ConfigError(f"{message}.{guess} See {self.prog} --help.")


def add_running_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of every verb that runs a trained network."""
    about = "short for --decoding.beam_size"
    parser.add_argument("--beam-size", type=int, metavar="N", help=about)
    about = "further run to average with; may be repeated"
    parser.add_argument("--ensemble", action="append", default=[], metavar="RUN", help=about)
    add_device_flags(parser)
    group = parser.add_argument_group(
        "decoding, for tasks that generate (default: as the run was trained with)"
    )
    for name, about in field_docs(DecodingOptions).items():
        group.add_argument(f"--decoding.{name}", type=yaml.safe_load, metavar="VALUE", help=about)


def add_batch_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of every verb that answers many inputs."""
    about = "inputs a batch; with 1, each is answered before the next is read (default: 32)"
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help=about)
    about = "what to compute in; fewer bits are faster (default: float32)"
    kinds = ("float32", "bf16", "int8")
    parser.add_argument("--precision", choices=kinds, default="float32", help=about)


def add_device_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that tell where a network runs."""
    about = "where to compute (default: auto)"
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help=about
    )
    about = "CPU threads (default: chosen by the size of the network)"
    parser.add_argument("--threads", type=int, default=0, metavar="N", help=about)


def add_limit_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `Limits`."""
    group = parser.add_argument_group("limits, which no input and no stranger's run goes beyond")
    for name, about in field_docs(Limits).items():
        default = getattr(Limits, name)
        about = f"{about.rstrip('.')} (default: {default:,})"
        group.add_argument(_flag(name), type=int, default=default, metavar="N", help=about)


def decoding_changes(options: argparse.Namespace) -> dict[str, Any]:
    """The decoding settings among those flags, by name."""
    short = {name: getattr(options, name, None) for name in ("beam_size", "nbest")}
    long = {
        name.removeprefix("decoding."): value
        for name, value in vars(options).items()
        if name.startswith("decoding.") and value is not None
    }
    return {name: value for name, value in short.items() if value is not None} | long


def check_running_flags(options: argparse.Namespace) -> None:
    """Checks the numbers among those flags.

    Raises:
        ConfigError: with every fault.
    """
    lowest = {"beam_size": 1, "nbest": 1, "batch_size": 1, "threads": 0}
    lowest |= {field.name: 1 for field in dataclasses.fields(Limits)}
    faults = [
        f"{_flag(name)} must be at least {low}, got {getattr(options, name)}."
        for name, low in lowest.items()
        if (getattr(options, name, None) is not None) and getattr(options, name) < low
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits among those flags."""
    names = [field.name for field in dataclasses.fields(Limits)]
    return Limits(**{name: getattr(options, name) for name in names})


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def settings_parser(prog: str, usage: str, config_class: type, defaults: Any) -> Any:
    """A jsonargparse parser with a flag for each setting.

    Args:
        prog: What the help calls the command.
        usage: Its usage line.
        config_class: Dataclass of sections.
        defaults: Instance whose values are the flags' defaults.
    """
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog=prog, usage=usage, exit_on_error=False, allow_abbrev=False
    )
    values = to_dict(defaults)
    kinds = {name: kind for name, kind, _ in iter_settings(config_class)}
    hints = get_type_hints(config_class)
    for section in dataclasses.fields(config_class):
        cls = hints[section.name]
        docs = field_docs(cls)
        group = parser.add_argument_group((cls.__doc__ or section.name).splitlines()[0].rstrip("."))
        for field in dataclasses.fields(cls):
            name = f"{section.name}.{field.name}"
            default = values[section.name][field.name]
            about = docs.get(field.name, "") + SHORT.get(name, "")
            group.add_argument(f"--{name}", type=kinds[name], default=default, help=about)
    return parser


def training_parser(prog: str, usage: str, task: Task[Any, Any], defaults: Any) -> Any:
    """A parser of a task's settings, of `--recipe` and of `--config`."""
    parser = settings_parser(prog, usage, task.Config, defaults)
    recipes = ", ".join(task.recipe_names()) or "none"
    about = f"settings that come with the task: {recipes}"
    parser.add_argument("--recipe", metavar="NAME", type=str, help=about)
    about = "YAML file of settings, such as a run's config.yaml"
    parser.add_argument("--config", metavar="FILE", type=str, help=about)
    return parser


def starting_values(task: Task[Any, Any], argv: Sequence[str]) -> Any:
    """The settings that a recipe and a settings file give, before single flags."""
    values: dict[str, Any] = {}
    for flag, read in (("--recipe", task.recipe), ("--config", read_yaml)):
        for index, word in enumerate(argv):
            if word == flag and index + 1 < len(argv):
                values = merge(values, read(argv[index + 1]))
            elif word.startswith(f"{flag}="):
                values = merge(values, read(word.partition("=")[2]))
    return from_dict(task.Config, values)


def with_recipe_files(task: Task[Any, Any], config: Any, recipe: str | None) -> Any:
    """The settings with the files that a recipe is for, where the user named no others."""
    return fill_needs(config, task.recipe_needs(recipe), recipe) if recipe else config


def parse_settings(
    parser: Any, argv: Sequence[str], config_class: type
) -> tuple[Any, Mapping[str, Any]]:
    """(settings, the other arguments by name) of a command line.

    Raises:
        ConfigError: names every wrong or unknown setting as it was typed, with the nearest known one.
    """
    try:
        values = parser.parse_args([_spelt_out(word) for word in argv]).as_dict()
    except argparse.ArgumentError as error:
        raise ConfigError(_own_words(str(error), config_class, parser)) from None
    sections = {field.name for field in dataclasses.fields(config_class)}
    settings = {name: values.pop(name) for name in sections}
    return from_dict(config_class, nest(settings)), values


def field_docs(cls: type) -> dict[str, str]:
    """The line under each field of a dataclass, those of its parents included."""
    import docstring_parser

    docs: dict[str, str] = {}
    for part in reversed(cls.__mro__[:-1]):
        for param in docstring_parser.parse_from_object(part).params:
            docs[param.arg_name] = " ".join((param.description or "").split())
    return docs


def _spelt_out(word: str) -> str:
    """The long form of `--data`, `--deterministic` and `--diagnose`; a dash in a setting's name stands for an
    underscore."""
    if word in ("--deterministic", "--diagnose"):
        return f"--training.{word[2:]}=true"
    flag, equals, value = word.partition("=")
    if flag == "--data":
        flag = "--data.path"
    elif flag.startswith("--") and "." in flag:
        flag = "--" + flag[2:].replace("-", "_")
    return flag + equals + value


def _own_words(message: str, config_class: type, parser: Any) -> str:
    """A jsonargparse complaint as a sentence about the setting."""
    wrong = re.search(
        r'Parser key "(?P<key>[\w.]+)".*Got value: (?P<value>.*)', message, flags=re.DOTALL
    )
    if wrong and wrong["key"] not in setting_names(config_class):
        return f"--{wrong['key']} cannot be {wrong['value'].strip()}."
    if wrong:
        return check_setting(config_class, wrong["key"], wrong["value"].strip()) or " ".join(
            message.split()
        )
    unknown = re.search(r"unrecognized arguments: (?P<rest>.*)", message, flags=re.DOTALL)
    if not unknown:
        return " ".join(message.split()) + "."
    words = unknown["rest"].split()
    flags = [word.split("=")[0] for word in words if word.startswith("-")]
    if not flags:
        return f"Unexpected argument {words[0]!r}; settings are given as --section.setting VALUE."
    others = [flag for action in parser._actions for flag in action.option_strings]
    names = [f"--{name}" for name in setting_names(config_class)] + others
    short = {name.split(".")[-1]: name for name in names}
    return "\n".join(_unknown_flag(flag, names, short) for flag in flags)


def _unknown_flag(flag: str, names: Sequence[str], short: Mapping[str, str]) -> str:
    bare = flag.lstrip("-").replace("-", "_").split(".")[-1]
    if bare in short:
        return f"Unknown setting `{flag}`. Did you mean '{short[bare]}'?"
    near = nearest(flag, names)
    if near is None and (field := nearest(bare, short)):
        near = short[field]
    return f"Unknown setting `{flag}`." + (f" Did you mean {near!r}?" if near else "")
