"""Rubrics out of TOML, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from selftune.errors import ConfigError
from selftune.records import Criterion, Rubric
from selftune.settings import Shipped, from_mapping, read_toml

RUBRICS: Final = Shipped(kind="rubric", package="selftune.judges", folder="rubrics")
shipped_rubrics: Final = RUBRICS.names


@dataclass(frozen=True, kw_only=True)
class _CriterionTable:
    name: str
    weight: float
    description: str
    pillars: tuple[str, ...] = ()


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


def load_rubric(name_or_path: str) -> Rubric:
    """A shipped rubric by name, or one from a TOML file by its path.

    Raises:
        UnknownNameError: no shipped rubric has that name.
        MissingFileError: there is no such file.
        ConfigError: as `parse_rubric`.
    """
    return parse_rubric(RUBRICS.text(name_or_path), f"rubric {name_or_path}")


def parse_rubric(text: str, where: str) -> Rubric:
    """The rubric that a TOML text describes; `where` names the text in errors.

    Raises:
        ConfigError: no TOML, a key we don't know, or a value that is missing, of the wrong type, or makes no sense.
    """
    table = from_mapping(_RubricTable, read_toml(text, where), where)
    _check(table, where)
    return Rubric(**{**vars(table), "criteria": tuple(map(_criterion, table.criteria))})


def _criterion(table: _CriterionTable) -> Criterion:
    """The criterion; its pillars become part of its description, for that is what a judge reads."""
    pillars = f" Pillars: {', '.join(table.pillars)}." if table.pillars else ""
    return Criterion(name=table.name, weight=table.weight, description=table.description + pillars)


def _check(rubric: _RubricTable, where: str) -> None:
    names = [criterion.name for criterion in rubric.criteria]
    twice = next((name for name in names if names.count(name) > 1), None)
    texts = (*names, *(criterion.description for criterion in rubric.criteria))
    faults = {
        "it has no [[criteria]]": not names,
        "a text is empty": not all((rubric.name, rubric.version, rubric.description, *texts)),
        f"criterion {twice!r} stands twice": twice is not None,
        "a weight is negative": any(criterion.weight < 0 for criterion in rubric.criteria),
        "no criterion has a weight above 0": all(criterion.weight <= 0 for criterion in rubric.criteria),
        "more than one criterion has weight 0": sum(criterion.weight == 0 for criterion in rubric.criteria) > 1,
        "lowest, golden and highest do not ascend": not rubric.lowest < rubric.golden <= rubric.highest,
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"{where}: {fault}.", next_step="Correct the rubric.")
