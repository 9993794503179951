"""Policies from TOML: nothing unknown, nothing off its range, nothing declared that is not enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, offer
from selftune.gate.config import Policy
from selftune.gate.rules import enforced_rules
from selftune.gate.rules.harm import Floor
from selftune.gate.rules.sets import SetCap
from selftune.settings import Shipped, from_mapping, read_toml, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPEN_SHARES: Final = frozenset({"alpha", "level", "power"})
_LEAST: Final = {"min_units": 1, "min_part_units": 1, "least_seeds": 2, "training_seeds": 1}
_OF_SUITES: Final = {"floors": Floor.family, "sets": SetCap.family}
_INDEPENDENCE: Final = ("required", "reported")

POLICIES: Final = Shipped(kind="policy", package="selftune.gate", folder="policies")
policy_text: Final = POLICIES.text


def load_policy(name_or_path: str | Path) -> Policy:
    """A shipped policy by name (`small`, `strict`), or one from a file whose name ends in `.toml`.

    Raises:
        UnknownNameError: no shipped policy has this name; the nearest is offered.
        MissingFileError: there is no such file.
        ConfigError: a key is unknown, a value is off, or a rule is declared that nothing enforces.
    """
    where = f"policy {name_or_path}"
    return policy_from(read_toml(policy_text(name_or_path), where), where=where)


def policy_from(entries: dict[str, Any], *, where: str) -> Policy:
    """A policy from the entries of a TOML file; `where` opens every message.

    Raises:
        ConfigError: as `load_policy`.
    """
    policy = from_mapping(Policy, entries, where)
    _refuse_off_range(policy, where)
    _refuse_unenforced(policy, where)
    _refuse_unread(policy, entries, where)
    return policy


def _refuse_off_range(policy: Policy, where: str) -> None:
    if policy.independence not in _INDEPENDENCE:
        raise refusal(f"{where}: independence", policy.independence, " or ".join(_INDEPENDENCE))
    for key, value in _numbers_of(policy):
        least = _LEAST.get(key, 0)
        if isinstance(value, int) and value < least:
            raise refusal(f"{where}: {key}", value, f"a whole number, {least} or more")
        if isinstance(value, float) and key in _OPEN_SHARES and not 0 < value < 1:
            raise refusal(f"{where}: {key}", value, "a number between 0 and 1")
        if isinstance(value, float) and not 0 <= value <= 1:
            raise refusal(f"{where}: {key}", value, "a number from 0 to 1")


def _numbers_of(policy: Policy) -> Iterator[tuple[str, object]]:
    """Every value that may be off its range, by the name it has in the file."""
    yield from vars(policy).items()
    yield from ((f"floors.{category}", floor) for category, floor in policy.floors)
    for suite, demand in policy.suites:
        yield f"suites.{suite}.margin", demand.margin
        yield from ((f"suites.{suite}.floors.{category}", floor) for category, floor in demand.floors)
        yield from ((f"suites.{suite}.sets.{name}.margin", one.margin) for name, one in demand.sets)


def _refuse_unenforced(policy: Policy, where: str) -> None:
    known = enforced_rules()
    for rule in policy.rules:
        if rule not in known:
            raise ConfigError(
                f"{where}: rule {rule!r} is declared, but nothing enforces it.", next_step=offer(rule, known)
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
            raise _unread(where, unread[0], family)
    for suite, demand in policy.suites:
        for key, family in _OF_SUITES.items():
            if getattr(demand, key) and family not in policy.rules:
                raise _unread(where, f"suites.{suite}.{key}", family)


def _unread(where: str, key: str, family: str) -> ConfigError:
    return ConfigError(
        f"{where}: {key!r} is set, but the rule {family!r} that reads it is not declared.",
        next_step=f"Add {family!r} to rules, or drop {key!r}.",
    )
