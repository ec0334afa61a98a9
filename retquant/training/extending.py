"""Recipes that say what they change of another: `extends = "other.toml"`, beside the recipe itself.

Tables are merged key by key, and lists of named tables (data sets, phantoms) name by name: one of a known name changes
that one, the others are added. Any other value stands in place of the other recipe's. Nothing can be taken away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retquant.config import read_toml
from retquant.errors import ConfigError


def read_extended(path: Path, *, missing: str) -> dict[str, Any]:
    """What a recipe's TOML file and those that it extends hold together; `missing` says what to do without the file.

    Raises
    ------
    ConfigError
        A file is missing or no TOML, `extends` names none, or recipes extend each other in a circle.
    """
    return _read(path, (), missing)


def _read(path: Path, before: tuple[Path, ...], missing: str) -> dict[str, Any]:
    found = read_toml(path, missing=missing)
    if "extends" not in found:
        return found
    named, place = found.pop("extends"), path.resolve()
    if not isinstance(named, str):
        raise ConfigError("`extends` is no file name", where=str(path), remedy='extends = "other.toml"')
    other = path.parent / named
    if other.resolve() in (place, *before):
        raise ConfigError(
            f"{other.name} and this recipe extend each other",
            where=str(path),
            remedy="take `extends` out of one",
        )
    return _merged(_read(other, (*before, place), f"{path} extends it; mend its `extends`"), found)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {**old, **{key: _one(old[key], value) if key in old else value for key, value in new.items()}}


def _one(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return _merged(old, new)
    if _has_names(old) and _has_names(new):
        by_name = {entry["name"]: entry for entry in new}
        kept = [_merged(entry, by_name.pop(entry["name"], {})) for entry in old]
        return [*kept, *by_name.values()]
    return new


def _has_names(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(entry, dict) and "name" in entry for entry in value)
    )
