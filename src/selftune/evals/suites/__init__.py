"""Suites from YAML: read strictly, so that a slip in a test never passes for a result."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, offer
from selftune.records import GenerationParameters, Message, Suite, SuiteItem, canonical_json
from selftune.settings import Shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SUITES: Final = Shipped(kind="suite", package="selftune.evals", folder="suites", endings=(".yaml", ".yml"))

_HEADER: Final[dict[str, Any]] = {
    "name": str,
    "version": str,
    "description": str,
    "scorer": str,
    "unit": str,
    "categories": list,
    "generation": dict,
    "seed": int,
    "items": list,
    "repeats": int,
    "purpose": str,
}
_ITEM: Final[dict[str, Any]] = {
    "id": str,
    "pair": str,
    "category": str,
    "behaviour": str,
    "difficulty": str,
    "agent": str,
    "messages": list,
    "expect": dict,
    "scorer": str,
    "reference": str,
    "weight": (int, float),
    "tier": str,
    "follow_ups": list,
    "origin": str,
}
_MAY_LACK: Final = frozenset(
    {
        "pair",
        "agent",
        "generation",
        "repeats",
        "scorer",
        "reference",
        "weight",
        "tier",
        "follow_ups",
        "origin",
        "purpose",
    }
)
_UNITS: Final = ("pair", "item")
_ROLES: Final = ("system", "user", "assistant", "tool")
TIERS: Final = ("gold", "extended", "held_out")
PURPOSES: Final = ("gate", "regression", "screen")
_PAIR: Final = 2


def load_suite(name_or_path: str | Path) -> Suite:
    """A shipped suite by name (`state_obedience`), or one from a file whose name ends in `.yaml`.

    Raises:
        UnknownNameError: no shipped suite has this name; the nearest is offered.
        MissingFileError: there is no such file.
        ConfigError: it is no YAML, a key is unknown or doubled, or its items do not fit together; the message names
            the item.
    """
    return _read(SUITES.text(name_or_path), f"suite {name_or_path}")


@lru_cache(maxsize=64)
def _read(text: str, where: str) -> Suite:
    """Kept by its text: one command looks at all suites several times, and a suite is frozen."""
    return suite_from(_parse(text, where), where=where)


def _parse(text: str, where: str) -> Any:
    import yaml

    loader = _strict_loader(yaml)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader that refuses doubled keys too
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is no YAML: {error}.", next_step="Correct that line.") from error


def _strict_loader(yaml: Any) -> Any:
    """The safe loader (libyaml's where it is built in: ten times as fast), and a doubled key is an error."""
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def construct(loader: Any, node: Any) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        doubled = [name for name, times in Counter(map(str, names)).items() if times > 1]
        if doubled:
            raise yaml.constructor.ConstructorError(None, None, f"key {doubled[0]!r} stands twice", node.start_mark)
        return dict(loader.construct_pairs(node, deep=True))

    strict: Any = type("StrictLoader", (safe,), {})
    strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, construct)
    return strict


def suite_from(entries: Any, *, where: str) -> Suite:
    """A suite from what its YAML holds; `where` opens every message.

    Raises:
        ConfigError: as `load_suite`.
    """
    header = _checked(entries, _HEADER, where)
    suite = Suite(
        name=header["name"],
        version=header["version"],
        description=header["description"],
        scorer=header["scorer"],
        unit=header["unit"],
        categories=tuple(header["categories"]),
        generation=_generation(header.get("generation", {}), where),
        seed=header["seed"],
        items=tuple(item_from(entry, f"{where}, item {place}") for place, entry in enumerate(header["items"], start=1)),
        repeats=header.get("repeats", 1),
        purpose=header.get("purpose", PURPOSES[0]),
    )
    _refuse_misfits(suite, where)
    return suite


def _checked(entries: Any, known: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The entries, all of them known, of the right type, and none missing."""
    if not isinstance(entries, dict):
        raise ConfigError(f"{where} is no mapping.", next_step=f"Give it the keys {', '.join(known)}.")
    for key, value in entries.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}.", next_step=offer(str(key), known))
        if not isinstance(value, known[key]) or isinstance(value, bool):
            wanted = getattr(known[key], "__name__", "number")
            raise ConfigError(f"{where}: {key} is no {wanted}: {value!r}.", next_step=f"Write a {wanted}; quote texts.")
    missing = [key for key in known if key not in entries and key not in _MAY_LACK]
    if missing:
        raise ConfigError(f"{where}: {missing[0]!r} is missing.", next_step=f"Add {missing[0]!r}.")
    return entries


def _generation(entries: dict[str, Any], where: str) -> GenerationParameters:
    known = [field.name for field in fields(GenerationParameters)]
    for key, value in entries.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown generation parameter {key!r}.", next_step=offer(str(key), known))
        right = isinstance(value, list) if key == "stop" else isinstance(value, int | float)
        if not right or isinstance(value, bool):
            raise ConfigError(
                f"{where}: generation parameter {key} = {value!r} is of the wrong type.", next_step="Correct it."
            )
    given: dict[str, Any] = {**entries, "stop": tuple(entries.get("stop", ()))}
    return GenerationParameters(**given)


def item_from(entry: Any, where: str) -> SuiteItem:
    """An item from its entry; whether it fits a suite is for `suite_from` to say.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type.
    """
    facts = _checked(entry, _ITEM, where)
    return SuiteItem(
        id=facts["id"],
        category=facts["category"],
        behaviour=facts["behaviour"],
        difficulty=facts["difficulty"],
        messages=tuple(_message(message, f"{where} ({facts['id']})") for message in facts["messages"]),
        expect=canonical_json(facts["expect"]),
        pair=facts.get("pair"),
        agent=facts.get("agent"),
        scorer=facts.get("scorer"),
        reference=facts.get("reference"),
        weight=float(facts.get("weight", 1.0)),
        tier=facts.get("tier", TIERS[0]),
        follow_ups=tuple(facts.get("follow_ups", ())),
        origin=facts.get("origin"),
    )


def _message(entry: Any, where: str) -> Message:
    facts = _checked(entry, {"role": str, "content": str}, f"{where}, a message")
    if facts["role"] not in _ROLES:
        raise ConfigError(f"{where}: unknown role {facts['role']!r}.", next_step=offer(facts["role"], _ROLES))
    return Message(role=facts["role"], content=facts["content"])


def _refuse_misfits(suite: Suite, where: str) -> None:
    for problem in _problems(suite):
        raise ConfigError(f"{where}: {problem}.", next_step="Correct the suite; nothing was asked.")


def _problems(suite: Suite) -> Iterable[str]:
    if suite.unit not in _UNITS:
        yield f"unit is {suite.unit!r}, not one of {', '.join(_UNITS)}"
    if not suite.items:
        yield "it has no item"
    if suite.repeats < 1:
        yield f"repeats is {suite.repeats}, below 1"
    if suite.purpose not in PURPOSES:
        yield f"purpose is {suite.purpose!r}, not one of {', '.join(PURPOSES)}"
    doubled = [item for item, times in Counter(item.id for item in suite.items).items() if times > 1]
    if doubled:
        yield f"id {doubled[0]!r} stands twice"
    yield from _misplaced(suite)
    if suite.unit == "pair":
        yield from _unpaired(suite)


def _misplaced(suite: Suite) -> Iterable[str]:
    for item in suite.items:
        if item.category not in suite.categories:
            yield f"item {item.id!r} is of category {item.category!r}, which the suite does not declare"
        if not item.messages or item.messages[-1].role != "user":
            yield f"item {item.id!r} does not end with a user's turn"
        if item.tier not in TIERS:
            yield f"item {item.id!r} is of tier {item.tier!r}, not one of {', '.join(TIERS)}"
        if not (math.isfinite(item.weight) and item.weight > 0):
            yield f"item {item.id!r} weighs {item.weight}, which is no positive number"
        if not all(isinstance(turn, str) and turn.strip() for turn in item.follow_ups):
            yield f"item {item.id!r} has a follow-up that is no text"
    empty = set(suite.categories) - {item.category for item in suite.items}
    if empty:
        yield f"category {min(empty)!r} is declared, but has no item"


def _unpaired(suite: Suite) -> Iterable[str]:
    pairs: dict[str, list[SuiteItem]] = {}
    # Where no item of a category has a pair, each stands for itself; where some have, one without was forgotten.
    paired = {item.category for item in suite.items if item.pair is not None}
    if not paired:
        yield "it counts pairs, but has none"
    for item in suite.items:
        if item.pair is None:
            if item.category in paired:
                yield f"item {item.id!r} has no pair, though others of category {item.category!r} have one"
        else:
            pairs.setdefault(item.pair, []).append(item)
    for name, members in pairs.items():
        if len(members) != _PAIR:
            yield f"pair {name!r} has {len(members)} items, not two"
        if len({member.category for member in members}) > 1:
            yield f"pair {name!r} stands in more than one category"
