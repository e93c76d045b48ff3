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

C = TypeVar("C")


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


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the data is; with nothing said, the task's built-in sample."""

    path: str | None = None
    """A folder in one of the task's formats, or one file that is split by `dev_fraction`."""
    train: str | None = None
    """File to learn from, instead of `path`."""
    dev: str | None = None
    """File that chooses the best epoch; without one, a part of the training data."""
    test: str | None = None
    """File to score when training has ended."""
    dev_fraction: float = 0.1
    """Share of the training data set apart where there is no dev data (0 to 1)."""

    def faults(self) -> Faults:
        """What is wrong with these values; sections that extend this one add to it."""
        faults = Faults("data")
        faults.fraction(self, "dev_fraction")
        if self.path is not None and self.train is not None:
            faults.add(
                "path", "and `data.train` exclude each other", f"{self.path!r} and {self.train!r}"
            )
        return faults

    def __post_init__(self) -> None:
        self.faults().raise_any()


@dataclasses.dataclass(frozen=True)
class CoreConfig:
    """The recurrent core, the same settings in every task."""

    cell: Literal["rnn_tanh", "rnn_relu", "lstm", "gru", "transformer"] = "lstm"
    """Kind of core: a textbook recurrent cell, or a transformer to compare with."""
    hidden_size: int = 128
    """Units of each layer and direction (transformer: width of the layer)."""
    num_layers: int = 1
    """Layers on top of each other."""
    dropout: float = 0.2
    """Share of values zeroed in training, on embeddings, between layers and before outputs (0 to 1)."""
    init: Literal["auto", "torch", "keras", "identity"] = "auto"
    """Starting weights: torch's uniform, Keras' (orthogonal recurrence, Glorot input, zero bias), an identity
    recurrence, or auto: keras for all cells but rnn_relu, which takes identity."""
    num_heads: int = 4
    """Attention heads of a transformer core; others ignore it."""

    def faults(self) -> Faults:
        """What is wrong with these values; sections that extend this one add to it."""
        faults = Faults("model")
        faults.at_least(self, "hidden_size", 1, "unit")
        faults.at_least(self, "num_layers", 1, "layer")
        faults.fraction(self, "dropout")
        faults.at_least(self, "num_heads", 1, "head")
        heads_ok = self.num_heads >= 1 and self.hidden_size % self.num_heads == 0
        if self.cell == "transformer" and self.hidden_size >= 1 and not heads_ok:
            rule = f"must be a multiple of `model.num_heads` ({self.num_heads}) for a transformer"
            faults.add("hidden_size", rule, self.hidden_size)
        return faults

    def __post_init__(self) -> None:
        self.faults().raise_any()


@dataclasses.dataclass(frozen=True)
class GeneratorConfig(CoreConfig):
    """A core that produces sentences: what the tasks with a decoder share."""

    emb_size: int = 128
    """Width of the vectors of units."""
    attention: Literal["none", "dot", "scaled_dot", "general", "additive"] = "additive"
    """How the decoder weighs what was encoded; a transformer has its own attention."""
    input_feeding: bool = False
    """Whether a step also reads what the step before made of its attention; slower, as training then goes
    step by step. A transformer ignores it."""
    label_smoothing: float = 0.0
    """Probability spread over the whole vocabulary in the training target (0 to 1)."""
    sampling: Literal["none", "linear", "exponential", "inverse_sigmoid"] = "none"
    """How training passes from given words to the network's own (scheduled sampling); slower, as with
    input feeding."""
    sampling_start: float = 0.0
    """Probability that a step reads the network's own word, at the first training step (0 to 1)."""
    sampling_end: float = 0.25
    """The same probability after `sampling_steps`."""
    sampling_steps: int = 2000
    """Training steps that the change takes."""

    def faults(self) -> Faults:
        faults = super().faults()
        faults.at_least(self, "emb_size", 1, "number")
        faults.fraction(self, "label_smoothing")
        faults.fraction(self, "sampling_start", below_one=False)
        faults.fraction(self, "sampling_end", below_one=False)
        faults.at_least(self, "sampling_steps", 1, "step")
        return faults


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How the network learns."""

    epochs: int = 10
    """Passes over the training data, at most."""
    batch_size: int = 32
    """Examples a batch."""
    batch_tokens: int = 0
    """Tokens a batch, padding included, instead of a number of examples (0: off)."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Update rule."""
    lr: float = 1e-3
    """Learning rate at its highest."""
    adam_eps: float = 1e-8
    """Term that keeps Adam's steps small where gradients are tiny, as those of rare words are; Keras takes 1e-7."""
    weight_decay: float = 0.0
    """Weight decay of the optimizer."""
    momentum: float = 0.0
    """Momentum, sgd only."""
    schedule: Literal["constant", "linear", "cosine", "plateau", "inverse_sqrt"] = "constant"
    """How the learning rate changes: over all steps, or (plateau) halved when the dev metric stands still."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0."""
    plateau_patience: int = 1
    """Epochs without a better dev metric before the plateau schedule halves the rate."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; longer ones are scaled down (0: off)."""
    accumulate: int = 1
    """Batches whose gradients are summed before one update."""
    patience: int = 3
    """Epochs without a better dev metric before training stops (0: never)."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision: none, bfloat16, or float16 (CUDA only)."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes an accelerator where there is one."""
    threads: int = 0
    """CPU threads of one operation (0: chosen by the size of the model)."""
    seed: int = 1
    """Seed of every random choice."""

    def __post_init__(self) -> None:
        faults = Faults("training")
        faults.at_least(self, "epochs", 1, "epoch")
        faults.at_least(self, "batch_size", 1, "example")
        faults.above(self, "lr", 0)
        faults.above(self, "adam_eps", 0)
        faults.at_least(self, "accumulate", 1, "batch")
        for name in (
            "batch_tokens",
            "weight_decay",
            "momentum",
            "warmup_steps",
            "plateau_patience",
        ):
            faults.at_least(self, name, 0)
        for name in ("clip_norm", "patience", "threads", "seed"):
            faults.at_least(self, name, 0)
        faults.raise_any()


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
        ConfigError: if the file is missing, is not YAML, or holds no mapping.
    """
    import yaml

    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
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


def dump_yaml(values: Mapping[str, Any]) -> str:
    """The mapping as YAML text, in its own order."""
    import yaml

    text: str = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)
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
            faults.append(f"`{name}` must be one of {allowed}, got {value!r}.{guess}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            faults.append(f"`{name}` must be a list, got {value!r}.")
            return ()
        return tuple(_convert(args[0], item, name, faults) for item in value)
    return _convert_plain(kind, value, name, faults)


def _convert_plain(kind: type, value: Any, name: str, faults: list[str]) -> Any:
    """int, float, bool or str; YAML reads 1e-3 as text, so numbers may come as strings."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    as_float = kind is float and isinstance(value, (int, str)) and not isinstance(value, bool)
    if as_float or (kind is int and isinstance(value, str)):
        with contextlib.suppress(ValueError, OverflowError):
            return kind(value)
    faults.append(f"`{name}` must be {words.get(kind, kind.__name__)}, got {value!r}.")
    return value
