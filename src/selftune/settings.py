"""From a table in a TOML file to a frozen config, refusing what nobody reads."""

from __future__ import annotations

import difflib
import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")


def from_mapping(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """A config of class `cls` from a parsed TOML table; nested tables become nested configs.

    Args:
        cls: A frozen dataclass whose fields are scalars, tuples of scalars, enums or other such classes.
        table: Keys and values as read.
        where: Name of the file and section, for messages.

    Raises:
        ConfigError: an unknown key (the nearest name is offered), a missing key, or a value of the wrong type.
    """
    hints = get_type_hints(cls)
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type] # T is a dataclass by contract
    _refuse_unknown(table, known, where)
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _fit(table[name], hints[name], f"{where}: {name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{where}: {name!r} is missing.", next_step=f"Add {name} = … there.")
    return cls(**values)


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
            offer = f"Did you mean {near[0]!r}?" if near else f"It takes: {', '.join(sorted(names))}."
            raise ConfigError(f"{where}: unknown key {key!r}.", next_step=offer)


def _fit(value: Any, hint: Any, where: str) -> Any:
    """The value as its declared type; ints pass as floats, lists as tuples, nothing else is bent."""
    if get_origin(hint) in {Union, types.UnionType}:
        choices = [choice for choice in get_args(hint) if choice is not type(None)]
        return _fit(value, choices[0], where)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table, not {value!r}.", next_step="Write it as a [section].")
        return from_mapping(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, not {value!r}.", next_step="Write it in square brackets.")
        return tuple(_fit(item, get_args(hint)[0], where) for item in value)
    return _fit_scalar(value, hint, where)


def _plain(value: Any) -> Any:
    """A string or number without the class that a TOML editor gave it."""
    for kind in (str, int, float):
        if isinstance(value, kind) and not isinstance(value, bool | Enum):
            return kind(value)
    return value


def _fit_scalar(value: Any, hint: type, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        # tomlkit's own string and integer types stay behind in the file.
        return _plain(value)
    try:
        if isinstance(value, str) and hint not in {int, float, bool}:
            return hint(value)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.", next_step="Choose one of the values that it can take.") from error
    raise ConfigError(f"{where} must be {hint.__name__}, not {value!r}.", next_step="Correct it in the file.")
