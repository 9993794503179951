"""Texts that measure and steer: the project's own copy where one was ejected, else the package's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.evals.suites import SUITES
from selftune.gate.policies import POLICIES
from selftune.judges.rubric import RUBRICS
from selftune.training.config import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

KINDS: Final = {shelf.kind: shelf for shelf in (POLICIES, RUBRICS, SUITES, RECIPES)}

CODEX: Final = "codex"


def find_text(folder: Path, kind: str, name: str) -> str:
    """What a loader is given for a name in the config: a file of the project as a path, else the name itself.

    A path is meant from the project's folder, wherever the command was typed.
    """
    shelf = KINDS[kind]
    own = _place_of(folder, kind, name)
    if own.is_file():
        return str(own)
    return str(folder / name) if shelf.is_path(name) else name


def eject(folder: Path, kind: str, name: str) -> Path:
    """Write a text of the package into the project, to be edited there; returns where.

    Raises:
        UnknownNameError: there is no such kind, or no text of that name.
        UsageError: the project has its own already, or nothing here reads such a text yet.
    """
    if kind == CODEX:
        raise UsageError(
            "a codex belongs to the personas, which this version does not have: nothing would read the file.",
            next_step="Write pillars into the criteria of a rubric: `selftune eject rubric golden`.",
        )
    if kind not in KINDS:
        raise UnknownNameError("kind of text", kind, KINDS)
    if name not in KINDS[kind].names():
        raise UnknownNameError(kind, name, KINDS[kind].names())
    target = _place_of(folder, kind, name)
    if target.exists():
        raise UsageError(f"{target} is there already.", next_step="Edit it, or remove it to eject it again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(KINDS[kind].text(name), encoding="utf-8", newline="\n")
    return target


def _place_of(folder: Path, kind: str, name: str) -> Path:
    return folder / KINDS[kind].folder / f"{name}{KINDS[kind].endings[0]}"
