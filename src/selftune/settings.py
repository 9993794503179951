"""From a text of settings, shipped or a user's own, to a frozen config, refusing what nobody reads."""

from __future__ import annotations

import tomllib
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from selftune.errors import ConfigError, MissingFileError, UnknownNameError, offer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

T = TypeVar("T")

_WORDS: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Texts of one kind that come with the package, any of which a user may replace by a file.

    Attributes:
        kind: What one of them is called, in messages and by `selftune eject`.
        package: The package that holds them, in its `folder`.
        endings: How the name of such a file ends; the first one is that of the shipped files.
    """

    kind: str
    package: str
    folder: str
    endings: tuple[str, ...] = (".toml",)

    def names(self) -> tuple[str, ...]:
        """The texts that come with the package."""
        ending = self.endings[0]
        files = (resources.files(self.package) / self.folder).iterdir()
        return tuple(sorted(file.name.removesuffix(ending) for file in files if file.name.endswith(ending)))

    def text(self, name_or_path: str | Path) -> str:
        """A shipped text by its name, or that of a file: by a name with an ending, or with a folder before it.

        Raises:
            UnknownNameError: no shipped text has this name; the nearest is offered.
            MissingFileError: there is no such file.
            ConfigError: the file is not UTF-8.
        """
        return read_text(self._file(name_or_path), f"{self.kind} {name_or_path}")

    def is_path(self, name: str) -> bool:
        """Whether a name means a file: it has an ending of this kind, or a folder before it."""
        return Path(name).suffix in self.endings or len(Path(name).parts) > 1

    def _file(self, name_or_path: str | Path) -> Path | Traversable:
        name, path, known = str(name_or_path), Path(name_or_path), self.names()
        if name in known:
            return resources.files(self.package) / self.folder / f"{name}{self.endings[0]}"
        if not self.is_path(name):
            raise UnknownNameError(self.kind, name, known)
        if not path.is_file():
            raise MissingFileError(
                f"there is no {self.kind} {path}.",
                next_step=f"Name one of {', '.join(known)}, or run `selftune eject {self.kind}` to write a file.",
            )
        return path


def read_text(file: Path | Traversable, where: str, *, next_step: str = "Save it as UTF-8.") -> str:
    """What a file holds; `where` opens the message.

    Raises:
        ConfigError: it is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where} is not UTF-8: {error}.", next_step=next_step) from error


def read_toml(text: str, where: str, *, next_step: str = "Correct that line.") -> dict[str, Any]:
    """The table that a TOML text describes; `where` opens the message.

    Raises:
        ConfigError: it is not TOML (the message names the line), or nested too deeply.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # besides its own, what `int` raises for thousands of digits
        raise ConfigError(f"{where} is not valid TOML: {error}.", next_step=next_step) from error
    except RecursionError as error:
        raise ConfigError(f"{where} is nested too deeply.", next_step=next_step) from error


def from_mapping(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """A config of class `cls` from a parsed TOML table; nested tables become nested configs.

    Args:
        cls: A frozen dataclass whose fields are scalars, enums, other such classes, tuples of these, or a tuple of
            pairs, which is written as a table.
        table: Keys and values as read.
        where: Name of the file and section, for messages.

    Raises:
        ConfigError: an unknown key (the nearest name is offered), a missing key, or a value of the wrong type.
    """
    hints = _hints_of(cls)  # type: ignore[arg-type] # a class is hashable
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type] # T is a dataclass by contract
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}.", next_step=offer(key, known))
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _fit(table[name], hints[name], f"{where}: {name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{where}: {name!r} is missing.", next_step=f"Add {name} there.")
    return cls(**values)


@cache
def _hints_of(cls: type[Any]) -> dict[str, Any]:
    """The types of a class, read once: of a project's many small sections they are most of what reading costs."""
    return get_type_hints(cls)


def refusal(where: str, value: object, wanted: str, *, next_step: str = "Correct it in the file.") -> ConfigError:
    """The error to raise for a value that is not what is wanted; `where` names file and key."""
    return ConfigError(f"{where} must be {wanted}, not {value!r}.", next_step=next_step)


def _fit(value: Any, hint: Any, where: str) -> Any:
    """The value as its declared type; ints pass as floats, lists as tuples, nothing else is bent."""
    if get_origin(hint) in {Union, types.UnionType}:
        choices = [choice for choice in get_args(hint) if choice is not type(None)]
        return _fit(value, choices[0], where)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, _table(value, where), where)
    if get_origin(hint) is tuple:
        return _fit_tuple(value, get_args(hint)[0], where)
    return _fit_scalar(value, hint, where)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refusal(where, value, "a table", next_step="Write it as a [section].")
    return value


def _fit_tuple(value: Any, hint: Any, where: str) -> tuple[Any, ...]:
    """The items of a list, or name and value of each line of a table where the type wants pairs."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)[1]
        return tuple((name, _fit(item, inner, f"{where}.{name}")) for name, item in _table(value, where).items())
    if not isinstance(value, list | tuple):
        if is_dataclass(hint):
            raise refusal(where, value, "a list of tables", next_step="Write each as a [[section]].")
        raise refusal(where, value, "a list of names", next_step="Write it in square brackets.")
    return tuple(_fit(item, hint, f"{where}, item {place}") for place, item in enumerate(value, start=1))


def _plain(value: Any) -> Any:
    """A string or number without the class that a TOML editor gave it."""
    for kind in (str, int, float):
        if isinstance(value, kind) and not isinstance(value, bool | Enum):
            return kind(value)
    return value


def _fit_scalar(value: Any, hint: type, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return _as_float(value, where)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        # tomlkit's own string and integer types stay behind in the file.
        return _plain(value)
    if issubclass(hint, Enum):
        return _fit_choice(value, hint, where)
    raise refusal(where, value, _WORDS[hint])


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise refusal(where, f"{str(value)[:12]}…", "a number that fits in 64 bits") from error


def _fit_choice(value: Any, hint: type[Enum], where: str) -> Enum:
    try:
        return hint(value)
    except ValueError as error:
        known = [choice.value for choice in hint]
        raise refusal(where, value, f"one of: {', '.join(known)}", next_step=offer(str(value), known)) from error
