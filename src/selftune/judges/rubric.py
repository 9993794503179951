"""Rubrics out of TOML, read strictly."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.records import Criterion, Rubric

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS: Final = {"name": str, "version": str, "description": str, "lowest": float, "highest": float, "golden": float}
_CRITERION_KEYS: Final = {"name": str, "weight": float, "description": str}


def shipped_rubrics() -> tuple[str, ...]:
    """Names of the rubrics in the package."""
    folder = resources.files("selftune.judges") / "rubrics"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_rubric(name_or_path: str) -> Rubric:
    """A shipped rubric by name, or one from a TOML file by its path.

    Raises:
        UnknownNameError: no shipped rubric has that name, or the file holds a key we don't know.
        MissingFileError: there is no such file.
        ConfigError: a value is missing, of the wrong type, or makes no sense.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise MissingFileError(
                f"there is no rubric {path}.", next_step="Check the path, or `selftune eject rubric`."
            )
        return parse_rubric(path.read_text("utf-8"), name_or_path)
    if name_or_path not in shipped_rubrics():
        raise UnknownNameError("rubric", name_or_path, shipped_rubrics())
    text = (resources.files("selftune.judges") / "rubrics" / f"{name_or_path}.toml").read_text("utf-8")
    return parse_rubric(text, f"{name_or_path}.toml")


def parse_rubric(text: str, where: str) -> Rubric:
    """The rubric that a TOML text describes; `where` names the text in errors.

    Raises:
        UnknownNameError: a key we don't know; the nearest ones are offered.
        ConfigError: no TOML, or a value is missing, of the wrong type, or makes no sense.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML: {error}.", next_step="Mend the line that it names.") from error
    listed = table.pop("criteria", None)
    if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
        raise ConfigError(
            f"{where} has no [[criteria]].", next_step="Add at least one, with name, weight, description."
        )
    criteria = tuple(
        _parse_criterion(item, f"{where}, criterion {place}") for place, item in enumerate(listed, start=1)
    )
    rubric = Rubric(**_typed(table, _KEYS, where), criteria=criteria)
    _check(rubric, where)
    return rubric


def _parse_criterion(table: dict[str, Any], where: str) -> Criterion:
    """A criterion; its pillars become part of its description, for that is what a judge reads."""
    pillars = table.pop("pillars", [])
    if not isinstance(pillars, list) or not all(isinstance(pillar, str) for pillar in pillars):
        raise ConfigError(f"{where}: pillars is no list of names.", next_step='Write pillars = ["…", "…"].')
    values = _typed(table, _CRITERION_KEYS, where, also=("pillars",))
    if pillars:
        values["description"] += f" Pillars: {', '.join(pillars)}."
    return Criterion(**values)


def _typed(
    table: Mapping[str, Any], keys: Mapping[str, type], where: str, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    for key in table:
        if key not in keys:
            raise UnknownNameError(f"key in {where}:", key, (*keys, *also))
    return {key: _value(table, key, kind, where) for key, kind in keys.items()}


def _value(table: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = table.get(key)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, str) and value:
        return value
    wanted = "a number" if kind is float else "a text"
    found = "is missing" if value is None else f"is {value!r}, no {wanted.split()[1]}"
    raise ConfigError(f"{where}: {key} {found}.", next_step=f"Set {key} to {wanted}.")


def _check(rubric: Rubric, where: str) -> None:
    names = [criterion.name for criterion in rubric.criteria]
    twice = next((name for name in names if names.count(name) > 1), None)
    faults = {
        f"criterion {twice!r} stands twice": twice is not None,
        "a weight is negative": any(criterion.weight < 0 for criterion in rubric.criteria),
        "no criterion has a weight above 0": all(criterion.weight <= 0 for criterion in rubric.criteria),
        "more than one criterion has weight 0": sum(criterion.weight == 0 for criterion in rubric.criteria) > 1,
        "lowest, golden and highest do not ascend": not rubric.lowest < rubric.golden <= rubric.highest,
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"{where}: {fault}.", next_step="Correct the rubric.")
