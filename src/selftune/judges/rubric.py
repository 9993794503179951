"""Rubrics out of TOML, read strictly; what they quote from the codex is put in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.quoting import REFERENCE, quote_judge, quote_pillars
from selftune.codex.reading import load_codex
from selftune.errors import ConfigError
from selftune.records import Criterion, CriticalFailure, Rubric
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Codex

RUBRICS: Final = Shipped(kind="rubric", package="selftune.judges", folder="rubrics")
shipped_rubrics: Final = RUBRICS.names

CRITICAL_FAILURES: Final = "critical_failures"


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


def load_rubric(name_or_path: str, codex: Codex | None = None) -> Rubric:
    """A shipped rubric by name, or one from a TOML file by its path; it quotes the codex, the shipped one for None.

    Raises:
        UnknownNameError: no shipped rubric has that name.
        MissingFileError: there is no such file.
        ConfigError: as `parse_rubric`.
    """
    return parse_rubric(RUBRICS.text(name_or_path), f"rubric {name_or_path}", codex)


def parse_rubric(text: str, where: str, codex: Codex | None = None) -> Rubric:
    """The rubric that a TOML text describes; `where` names the text in errors.

    `persona = "codex:alfred"` stands for that persona of the codex as a judge, `pillars = ["codex:brick.the_guide"]`
    for the words of one of its pillars and `["codex:brick"]` for those of all. So judge and governor share one source,
    and a codex that says something else there makes another rubric, with another id.

    Raises:
        ConfigError: no TOML, a key we don't know, a value that is missing, of the wrong type, or makes no sense, or a
            reference to an entry that the codex does not hold.
    """
    table = from_mapping(_RubricTable, read_toml(text, where), where)
    _check(table, where)
    quoted = codex or load_codex()
    return Rubric(
        name=table.name,
        version=table.version,
        description=table.description,
        criteria=tuple(_criterion(item, where, quoted) for item in table.criteria),
        lowest=table.lowest,
        highest=table.highest,
        golden=table.golden,
        persona=_persona(table.persona, where, quoted),
        critical_failures=tuple(CriticalFailure(**vars(item)) for item in table.critical_failures),
    )


def _criterion(table: _CriterionTable, where: str, codex: Codex) -> Criterion:
    """The criterion; its pillars become part of its description, for that is what a judge reads."""
    named = "".join(f"\n  - {pillar}" for text in table.pillars for pillar in _pillars(text, where, codex))
    pillars = f" Pillars:{named}" if named else ""
    return Criterion(name=table.name, weight=table.weight, description=table.description + pillars)


def _persona(text: str, where: str, codex: Codex) -> str:
    return quote_judge(codex, text, where) if text.startswith(REFERENCE) else text


def _pillars(text: str, where: str, codex: Codex) -> tuple[str, ...]:
    return quote_pillars(codex, text, where) if text.startswith(REFERENCE) else (text,)


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
