"""Texts that measure and steer: the project's own copy where one was ejected, else the package's."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

# What kind of text, where the package keeps it, where a project keeps its own, and its ending.
_PLACES: Final = {
    "policy": ("selftune.gate", "policies", "policies", ".toml"),
    "rubric": ("selftune.judges", "rubrics", "rubrics", ".toml"),
    "suite": ("selftune.evals", "suites", "suites", ".yaml"),
    "recipe": ("selftune.training", "recipes", "recipes", ".toml"),
}


def find_text(folder: Path, kind: str, name: str) -> str:
    """What a loader is given for a name: the project's own file as a path, if there is one, else the name itself."""
    _, _, own, ending = _PLACES[kind]
    path = folder / own / f"{name}{ending}"
    return str(path) if path.is_file() else name


def eject(folder: Path, kind: str, name: str) -> Path:
    """Write a text of the package into the project, to be edited there; returns where.

    Raises:
        UnknownNameError: there is no such kind, or no text of that name.
        UsageError: the project has its own already.
    """
    if kind not in _PLACES:
        raise UnknownNameError("kind of text", kind, _PLACES)
    package, inside, own, ending = _PLACES[kind]
    shelf = files(package) / inside
    known = shipped_names(kind)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    target = folder / own / f"{name}{ending}"
    if target.exists():
        raise UsageError(f"{target} is there already.", next_step="Edit it, or remove it to eject it again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy(shelf / f"{name}{ending}", target)
    return target


def shipped_names(kind: str) -> tuple[str, ...]:
    """The texts of a kind that the package brings."""
    package, inside, _, ending = _PLACES[kind]
    shelf = files(package) / inside
    return tuple(sorted(Path(entry.name).stem for entry in shelf.iterdir() if entry.name.endswith(ending)))


def _copy(source: Traversable, target: Path) -> None:
    with as_file(source) as path:
        shutil.copyfile(path, target)
