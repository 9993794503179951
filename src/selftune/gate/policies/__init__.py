"""Policies from TOML: nothing unknown, nothing off its range, nothing declared that is not enforced."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any, Final

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.gate.config import Policy
from selftune.gate.rules import enforced_rules

_TEXTS: Final = frozenset({"name", "description", "independence"})
_LISTS: Final = frozenset({"rules", "guarded"})
_COUNTS: Final = frozenset({"min_units", "max_critical_failures"})
_OPEN_SHARES: Final = frozenset({"alpha", "level", "power"})
_INDEPENDENCE: Final = ("required", "reported")


def policy_names() -> tuple[str, ...]:
    """The policies that ship with the package."""
    files = resources.files("selftune.gate.policies").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def policy_text(name_or_path: str | Path) -> str:
    """The TOML text of a shipped policy, by name, or of a file, by path.

    Raises:
        UnknownNameError: no shipped policy has this name; the nearest is offered.
        MissingFileError: there is no such file.
    """
    place = Path(name_or_path)
    if place.suffix == ".toml":
        if not place.is_file():
            raise MissingFileError(f"no policy file {place}.", next_step="Run `selftune eject policy` to write one.")
        return place.read_text(encoding="utf-8")
    name = str(name_or_path)
    if name not in policy_names():
        raise UnknownNameError("policy", name, policy_names())
    return resources.files("selftune.gate.policies").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load_policy(name_or_path: str | Path) -> Policy:
    """A shipped policy by name (`small`, `strict`), or one from a file whose name ends in `.toml`.

    Raises:
        ConfigError: a key is unknown, a value is off, or a rule is declared that nothing enforces.
    """
    try:
        entries = tomllib.loads(policy_text(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"policy {name_or_path} is no TOML: {error}.", next_step="Correct that line.") from error
    return policy_from(entries, where=f"policy {name_or_path}")


def policy_from(entries: dict[str, Any], *, where: str) -> Policy:
    """A policy from the entries of a TOML file; `where` opens every message.

    Raises:
        ConfigError: as `load_policy`.
    """
    known = [field.name for field in fields(Policy)]
    for key in entries:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}.", next_step=_offer(key, known))
    for key in ("name", "rules"):
        if key not in entries:
            raise ConfigError(f"{where}: {key!r} is missing.", next_step=f"Add {key!r}; see `selftune eject policy`.")
    policy = Policy(**{key: _value(key, value, where) for key, value in entries.items()})
    _refuse_unenforced(policy, where)
    _refuse_unread(policy, entries, where)
    return policy


def _offer(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"Choose from: {', '.join(known)}."


def _value(key: str, value: Any, where: str) -> Any:
    if key == "floors":
        return _floors(value, where)
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _wrong(where, key, value, "a list of names")
        return tuple(value)
    if key in _TEXTS:
        if not isinstance(value, str) or (key == "independence" and value not in _INDEPENDENCE):
            raise _wrong(where, key, value, " or ".join(_INDEPENDENCE) if key == "independence" else "a text")
        return value
    if key in _COUNTS:
        if type(value) is not int or value < 0:
            raise _wrong(where, key, value, "a whole number, 0 or more")
        return value
    return _share(key, value, where)


def _share(key: str, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(where, key, value, "a number")
    if key in _OPEN_SHARES and not 0 < value < 1:
        raise _wrong(where, key, value, "a number between 0 and 1")
    if not 0 <= value <= 1:
        raise _wrong(where, key, value, "a number from 0 to 1")
    return float(value)


def _floors(value: Any, where: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, dict):
        raise _wrong(where, "floors", value, "a table of category and least score")
    return tuple((category, _share(f"floors.{category}", floor, where)) for category, floor in value.items())


def _wrong(where: str, key: str, value: Any, wanted: str) -> ConfigError:
    return ConfigError(f"{where}: {key} = {value!r} is not {wanted}.", next_step=f"Set {key} to {wanted}.")


def _refuse_unenforced(policy: Policy, where: str) -> None:
    known = enforced_rules()
    for rule in policy.rules:
        if rule not in known:
            raise ConfigError(
                f"{where}: rule {rule!r} is declared, but nothing enforces it.", next_step=_offer(rule, list(known))
            )
    for family, enforced in known.items():
        if enforced.required and family not in policy.rules:
            raise ConfigError(
                f"{where}: rule {family!r} is left out, and without it no decision means anything.",
                next_step=f"Add {family!r} to rules.",
            )


def _refuse_unread(policy: Policy, entries: dict[str, Any], where: str) -> None:
    for family, rule in enforced_rules().items():
        unread = [key for key in rule.settings if entries.get(key) and family not in policy.rules]
        if unread:
            raise ConfigError(
                f"{where}: {unread[0]!r} is set, but the rule {family!r} that reads it is not declared.",
                next_step=f"Add {family!r} to rules, or drop {unread[0]!r}.",
            )
