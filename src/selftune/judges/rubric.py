"""Rubrics out of TOML, read strictly; what they quote from the codex is put in its place."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, offer
from selftune.records import Criterion, CriticalFailure, Rubric
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUBRICS: Final = Shipped(kind="rubric", package="selftune.judges", folder="rubrics")
shipped_rubrics: Final = RUBRICS.names

CRITICAL_FAILURES: Final = "critical_failures"
_CODEX: Final = "codex:"


@dataclass(frozen=True, kw_only=True)
class CodexEntry:
    """What a rubric may quote of one persona of the codex: who it is, and the pillars it stands on."""

    text: str
    pillars: tuple[str, ...] = ()


NO_CODEX: Final[Mapping[str, CodexEntry]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class _CriterionTable:
    name: str
    weight: float
    description: str
    pillars: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _FailureTable:
    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class _RubricTable:
    """What a file must hold: more than the record, which has a default scale."""

    name: str
    version: str
    description: str
    lowest: float
    highest: float
    golden: float
    criteria: tuple[_CriterionTable, ...]
    persona: str = ""
    critical_failures: tuple[_FailureTable, ...] = ()


def load_rubric(name_or_path: str, codex: Mapping[str, CodexEntry] = NO_CODEX) -> Rubric:
    """A shipped rubric by name, or one from a TOML file by its path.

    Raises:
        UnknownNameError: no shipped rubric has that name.
        MissingFileError: there is no such file.
        ConfigError: as `parse_rubric`.
    """
    return parse_rubric(RUBRICS.text(name_or_path), f"rubric {name_or_path}", codex)


def parse_rubric(text: str, where: str, codex: Mapping[str, CodexEntry] = NO_CODEX) -> Rubric:
    """The rubric that a TOML text describes; `where` names the text in errors.

    `persona = "codex:NAME"` stands for the text of that entry, and `pillars = ["codex:NAME"]` for its pillars, so that
    judge and governor share one source.

    Raises:
        ConfigError: no TOML, a key we don't know, a value that is missing, of the wrong type, or makes no sense, or a
            reference to an entry that the codex does not hold.
    """
    table = from_mapping(_RubricTable, read_toml(text, where), where)
    _check(table, where)
    return Rubric(
        name=table.name,
        version=table.version,
        description=table.description,
        criteria=tuple(_criterion(item, where, codex) for item in table.criteria),
        lowest=table.lowest,
        highest=table.highest,
        golden=table.golden,
        persona=_persona(table.persona, where, codex),
        critical_failures=tuple(CriticalFailure(**vars(item)) for item in table.critical_failures),
    )


def _criterion(table: _CriterionTable, where: str, codex: Mapping[str, CodexEntry]) -> Criterion:
    """The criterion; its pillars become part of its description, for that is what a judge reads."""
    named = [pillar for text in table.pillars for pillar in _pillars(text, where, codex)]
    pillars = f" Pillars: {', '.join(named)}." if named else ""
    return Criterion(name=table.name, weight=table.weight, description=table.description + pillars)


def _persona(text: str, where: str, codex: Mapping[str, CodexEntry]) -> str:
    return _entry(text, where, codex).text if text.startswith(_CODEX) else text


def _pillars(text: str, where: str, codex: Mapping[str, CodexEntry]) -> tuple[str, ...]:
    return _entry(text, where, codex).pillars if text.startswith(_CODEX) else (text,)


def _entry(reference: str, where: str, codex: Mapping[str, CodexEntry]) -> CodexEntry:
    name = reference.removeprefix(_CODEX)
    if name not in codex:
        advice = offer(name, codex) if codex else "This project has no codex: write the text itself into the rubric."
        raise ConfigError(f"{where}: nothing in the codex answers to {reference!r}.", next_step=advice)
    return codex[name]


def _check(rubric: _RubricTable, where: str) -> None:
    for fault in _faults(rubric):
        raise ConfigError(f"{where}: {fault}.", next_step="Correct the rubric.")


def _faults(rubric: _RubricTable) -> Iterator[str]:
    """What makes no sense in a rubric whose values have the right types."""
    names = [criterion.name for criterion in rubric.criteria]
    failures = [failure.name for failure in rubric.critical_failures]
    described = [item.description for item in rubric.criteria] + [item.description for item in rubric.critical_failures]
    twice = [name for listed in (names, failures) for name in dict.fromkeys(listed) if listed.count(name) > 1]
    faults = {
        "it has no [[criteria]]": not names,
        "a text is empty": not all((rubric.name, rubric.version, rubric.description, *names, *failures, *described)),
        "a weight is negative": any(criterion.weight < 0 for criterion in rubric.criteria),
        "no criterion has a weight above 0": all(criterion.weight <= 0 for criterion in rubric.criteria),
        "more than one criterion has weight 0": sum(criterion.weight == 0 for criterion in rubric.criteria) > 1,
        "lowest, golden and highest do not ascend": not rubric.lowest < rubric.golden <= rubric.highest,
        f"a criterion is named {CRITICAL_FAILURES!r}, which has a meaning of its own": CRITICAL_FAILURES in names,
    }
    kinds = {name: "criterion" if name in names else "critical failure" for name in twice}
    yield from (f"{kind} {name!r} stands twice" for name, kind in kinds.items())
    yield from (fault for fault, found in faults.items() if found)
