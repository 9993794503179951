"""Texts that measure and steer: the project's own copy where one was ejected, else the package's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import load_codex
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.rubric import load_rubric

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.config import ProjectConfig
    from selftune.records import Codex, Rubric
    from selftune.settings import Shipped

# Named as texts: who looks for a rubric need not wake the gate, nor what trains.
_HOMES: Final = {
    "policy": ("selftune.gate.policies", "POLICIES"),
    "rubric": ("selftune.judges.rubric", "RUBRICS"),
    "suite": ("selftune.evals.suites", "SUITES"),
    "recipe": ("selftune.training.config", "RECIPES"),
    "codex": ("selftune.codex.reading", "CODICES"),
    "experiment": ("selftune.loop.experiments.experiment_plan", "EXPERIMENTS"),
    "program": ("selftune.loop.experiments.agenda.document", "PROGRAMS"),
    "charter": ("selftune.governance.signing.charter", "CHARTERS"),
}


class _Shelves(Mapping[str, "Shipped"]):
    """The shipped texts of each kind, from the room that keeps them."""

    def __getitem__(self, kind: str) -> Shipped:
        module, called = _HOMES[kind]
        shelf: Shipped = getattr(import_module(module), called)
        return shelf

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


KINDS: Final = _Shelves()


def find_text(folder: Path, kind: str, name: str) -> str:
    """What a loader is given for a name in the config: a file of the project as a path, else the name itself.

    A path is meant from the project's folder, wherever the command was typed.
    """
    shelf = KINDS[kind]
    own = _place_of(folder, kind, name)
    if own.is_file():
        return str(own)
    return str(folder / name) if shelf.is_path(name) else name


def codex_of(folder: Path, config: ProjectConfig) -> Codex:
    """The codex in force in a project.

    Raises:
        UnknownNameError: no codex has the name that the config gives.
        ConfigError: it is no sound codex.
    """
    return load_codex(find_text(folder, "codex", config.codex.name))


def rubric_of(folder: Path, config: ProjectConfig, name: str = "") -> Rubric:
    """A rubric by name, the judge's own by default, with what it quotes from the codex in force.

    Raises:
        UnknownNameError: no rubric has that name.
        ConfigError: it is no sound rubric, or quotes what the codex does not hold.
    """
    return load_rubric(find_text(folder, "rubric", name or config.judge.rubric), codex_of(folder, config))


def eject(folder: Path, kind: str, name: str) -> Path:
    """Write a text of the package into the project, to be edited there; returns where.

    Raises:
        UnknownNameError: there is no such kind, or no text of that name.
        UsageError: the project has its own already.
    """
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
