"""What a recipe needs beside its settings: public files, and the script that gets each. Torch-free.

A recipe's YAML may hold `needs`, a mapping from settings to files:

    needs:
      data.path: {file: data/multi30k, get: python data_scripts/multi30k.py --out data/multi30k}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqkit.config import from_dict, merge, to_dict
from seqkit.errors import ConfigError


def fill_needs(config: Any, needs: Mapping[str, Mapping[str, str]], recipe: str) -> Any:
    """The settings with the recipe's usual files where the user named no others.

    Args:
        config: Settings, resolved.
        needs: As in the recipe.
        recipe: Its name.

    Raises:
        ConfigError: if such a file is not there; lists all that the recipe needs, and what gets it.
    """
    usual = {name: need for name, need in needs.items() if _is_open(config, name)}
    missing = [need["file"] for need in usual.values() if not Path(need["file"]).exists()]
    if missing:
        lines = [f"  --{name} {need['file']}: {need['get']}" for name, need in needs.items()]
        raise ConfigError(
            f"Recipe {recipe} does not find {' and '.join(missing)}. Name yours, or get what it needs:\n"
            + "\n".join(lines)
        )
    values = to_dict(config)
    for name, need in usual.items():
        section, field = name.split(".")
        values = merge(values, {section: {field: need["file"]}})
    return from_dict(type(config), values)


def _is_open(config: Any, name: str) -> bool:
    """Whether the user left the setting to the recipe."""
    if name == "data.path":
        return bool(config.data.names_nothing)
    section, field = name.split(".")
    return getattr(getattr(config, section), field) is None
