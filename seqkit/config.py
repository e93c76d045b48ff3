"""Settings as frozen dataclasses: checked once, read from YAML or flags, written beside the weights.

Torch-free. A task's settings are a dataclass of sections (`data`, `model`, `training`, ...), each a frozen
dataclass of plain values; a setting is named `section.field` wherever a person meets it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from seqkit.errors import ConfigError, did_you_mean
from seqkit.limits import SETTINGS_BYTES

C = TypeVar("C")

DEEPEST = 16
"""Sections and lists within each other, at most."""


class Faults:
    """Collects what is wrong with one section's values, to be said all at once.

    Args:
        section: Name of the section as the user types it, such as `training`.
    """

    def __init__(self, section: str) -> None:
        self.section = section
        self.messages: list[str] = []

    def add(self, name: str, rule: str, value: object) -> None:
        """Notes that `section.name` breaks `rule` ("must be ...")."""
        self.messages.append(f"`{self.section}.{name}` {rule}, got {value}.")

    def at_least(self, config: object, name: str, low: float, unit: str = "") -> None:
        """Notes a fault unless the field is at least `low` (None is let through)."""
        value = getattr(config, name)
        if value is not None and not value >= low:
            self.add(name, f"must be at least {low}{' ' + unit if unit else ''}", value)

    def at_most(self, config: object, name: str, high: float, unit: str = "") -> None:
        """Notes a fault unless the field is at most `high`."""
        value = getattr(config, name)
        if not value <= high:
            self.add(name, f"must be at most {high:,}{' ' + unit if unit else ''}", value)

    def above(self, config: object, name: str, low: float) -> None:
        """Notes a fault unless the field is above `low`."""
        value = getattr(config, name)
        if not value > low:
            self.add(name, f"must be above {low}", value)

    def fraction(self, config: object, name: str, *, below_one: bool = True) -> None:
        """Notes a fault unless the field lies in [0, 1), or in [0, 1] if not `below_one`."""
        value = getattr(config, name)
        if not (0 <= value < 1 or (value == 1 and not below_one)):
            self.add(
                name,
                "must be at least 0 and " + ("below" if below_one else "at most") + " 1",
                value,
            )

    def raise_any(self) -> None:
        """Raises one ConfigError with every fault noted, if there is any."""
        if self.messages:
            raise ConfigError("\n".join(self.messages))


def to_dict(config: Any) -> dict[str, Any]:
    """The settings as nested plain values, tuples as lists, ready for YAML."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    values: dict[str, Any] = plain(dataclasses.asdict(config))
    return values


def from_dict(cls: type[C], values: Mapping[str, Any]) -> C:
    """The dataclass `cls` with `values` (nested by section) over its defaults.

    Raises:
        ConfigError: with every fault found, one a line: unknown settings with the nearest known name,
            values of the wrong type, and what a section's own check finds.
    """
    faults: list[str] = []
    config = _build(cls, values, "", faults)
    if faults:
        raise ConfigError("\n".join(faults))
    return typing.cast(C, config)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` laid on top, section by section."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = (
            merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"model.cell": "gru"}` as `{"model": {"cell": "gru"}}`; nested values are kept."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        nested = merge(nested, value)
    return nested


def setting_names(cls: type) -> list[str]:
    """Every setting of a dataclass of sections, as `section.field`."""
    return [name for name, _, _ in iter_settings(cls)]


def iter_settings(cls: type, base: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """(name, type, default) of every setting, sections in order; the defaults of `base`, where given."""
    hints = _type_hints(cls)
    for field in dataclasses.fields(cls):
        default = _default(field) if base is None else getattr(base, field.name)
        if _is_section(hints[field.name]):
            for name, kind, value in iter_settings(hints[field.name], default):
                yield f"{field.name}.{name}", kind, value
        else:
            yield field.name, hints[field.name], default


def check_setting(cls: type, name: str, value: Any) -> str | None:
    """What is wrong with one setting's value by its type, as a sentence; None when it fits."""
    for known, kind, _ in iter_settings(cls):
        if known == name:
            faults: list[str] = []
            _convert(kind, value, name, faults)
            return faults[0] if faults else None
    return unknown_setting(cls, name)


def unknown_setting(cls: type, name: str) -> str:
    """The sentence for a setting that does not exist, with the nearest one that does."""
    names = setting_names(cls)
    guess = did_you_mean(name, names) or did_you_mean(
        name.split(".")[-1], [n.split(".")[-1] for n in names]
    )
    return f"Unknown setting `{name}`.{guess}"


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: if the file is missing or very long, is not YAML, holds no mapping, or holds what takes all memory
            or time to read (`_check_plain`).
    """
    import yaml

    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(SETTINGS_BYTES + 1)
        if len(text) > SETTINGS_BYTES:
            raise ConfigError(f"{path}: longer than any settings, {SETTINGS_BYTES:,} characters.")
        _check_plain(text, str(path))
        values = yaml.safe_load(text)
    except ConfigError:
        raise
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file.") from None
    except Exception as error:  # odd dates and numbers make the YAML reader raise nearly anything
        raise ConfigError(
            f"{path}: not a readable YAML file ({' '.join(str(error).split())})."
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: must hold sections of settings, found a {type(values).__name__}."
        )
    return values


def _check_plain(text: str, path: str) -> None:
    """Raises ConfigError if a YAML text has aliases, by which a short text stands for more values than there is memory
    for, or is nested so deep that it takes minutes to read."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{path}: has an alias (*name); write the value itself there.")
        if depth > DEEPEST:
            raise ConfigError(f"{path}: nested deeper than any settings.")


def dump_yaml(values: Mapping[str, Any]) -> str:
    """The mapping as YAML text, in its own order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Escapes what YAML takes for the end of a line, in double quotes."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = '"' if set(text) & set("\x85\u2028\u2029") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent)
    text: str = yaml.dump(dict(values), Dumper=Dumper, sort_keys=False, allow_unicode=True)
    return text


@functools.cache
def _type_hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default, made where it has to be; None where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _build(cls: type, values: Any, prefix: str, faults: list[str], base: Any = None) -> Any:
    """An instance of `cls`, or a copy of `base`, with these values; None where that adds to `faults`."""
    if not isinstance(values, Mapping):
        faults.append(f"`{prefix.rstrip('.')}` must be a section of settings, got {values!r}.")
        return None
    hints = _type_hints(cls)
    known = {field.name: field for field in dataclasses.fields(cls)}
    before = len(faults)
    kwargs: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            guess = did_you_mean(str(key), known)
            faults.append(f"Unknown setting `{prefix}{key}`.{guess}")
        elif _is_section(hints[key]):
            default = _default(known[key])
            kwargs[key] = _build(hints[key], value, f"{prefix}{key}.", faults, default)
        else:
            kwargs[key] = _convert(hints[key], value, f"{prefix}{key}", faults)
    if len(faults) > before:
        return None
    try:
        return cls(**kwargs) if base is None else dataclasses.replace(base, **kwargs)
    except ConfigError as error:
        faults.append(str(error))
        return None


def _convert(kind: Any, value: Any, name: str, faults: list[str]) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, name, faults)
    if origin is Literal:
        if value not in args:
            allowed = ", ".join(str(a) for a in args)
            guess = did_you_mean(str(value), [str(a) for a in args])
            faults.append(f"`{name}` must be one of {allowed}, got {_shown(value)}.{guess}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            faults.append(f"`{name}` must be a list, got {_shown(value)}.")
            return ()
        return tuple(_convert(args[0], item, name, faults) for item in value)
    return _convert_plain(kind, value, name, faults)


def _shown(value: object) -> str:
    """A value as a message quotes it, a long one cut."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


def _convert_plain(kind: type, value: Any, name: str, faults: list[str]) -> Any:
    """int, float, bool or str; YAML reads 1e-3 as text, so numbers may come as strings."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    as_float = kind is float and isinstance(value, (int, str)) and not isinstance(value, bool)
    if as_float or (kind is int and isinstance(value, str)):
        with contextlib.suppress(ValueError, OverflowError):
            return kind(value)
    faults.append(f"`{name}` must be {words.get(kind, kind.__name__)}, got {_shown(value)}.")
    return value
