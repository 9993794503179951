"""`selftune program`: the agenda of a night as it was read, and whether an edited copy keeps to the marked block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.bases.shape import read_shape
from selftune.loop.experiments.agenda.corner import corner_bytes
from selftune.loop.experiments.agenda.document import program_text
from selftune.loop.experiments.agenda.knobs import wired_to
from selftune.loop.experiments.agenda.points import ends_of
from selftune.loop.experiments.agenda.reading import parse_agenda, read_agenda
from selftune.loop.experiments.agenda.writing import lesson_line, refuse_changes
from selftune.loop.lessons.recipes import find_recipe
from selftune.settings import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.experiments.base import Agenda, Knob
    from selftune.loop.project import Project

_GB: Final = 1e9


@dataclass(frozen=True, kw_only=True)
class ShownAgenda:
    """An agenda, where it stands, what reads each knob, and the memory of the try that takes most."""

    where: str
    agenda: Agenda
    wired: tuple[tuple[str, str], ...]
    corner_bytes: int


def show_agenda(project: Project) -> ShownAgenda:
    """The agenda in force as a night would read it.

    Raises:
        ConfigError: it is not sound; the message names line and next step.
    """
    agenda = read_agenda(project)
    recipe, shape = find_recipe(project), read_shape(project.base_folder)
    return ShownAgenda(
        where=program_text(project.folder)[1],
        agenda=agenda,
        wired=tuple((knob.key, wired_to(knob.key)) for knob in agenda.knobs),
        corner_bytes=corner_bytes(agenda.knobs, recipe, shape),
    )


def check_copy(project: Project, copy: Path) -> Agenda:
    """The agenda of an edited copy, in which only the marked block may differ from the project's.

    Raises:
        MissingFileError: there is no such file.
        ConfigError: something else was touched, or what stands in the block is not sound.
    """
    before, _ = program_text(project.folder)
    after = read_text(copy, str(copy))
    refuse_changes(before, after)
    return parse_agenda(after, str(copy), project)


def describe(shown: ShownAgenda) -> Iterator[str]:
    """The agenda for a person: a line for each knob, then one for each thing that stands beside them."""
    yield f"{shown.where}: {shown.agenda.goal or 'no goal is written down'}"
    wired = dict(shown.wired)
    wide = max(len(knob.key) for knob in shown.agenda.knobs)
    for knob in shown.agenda.knobs:
        bounds = f"now {knob.now}, {_bounds(knob)}"
        yield f"  {knob.key:{wide}}  {bounds:38}  {knob.lane.value}; read by {wired[knob.key]}"
    agenda, limits = shown.agenda, shown.agenda.constraints
    yield from agenda.told
    yield f"The try that takes most is reckoned at {shown.corner_bytes / _GB:.1f} GB."
    yield f"Screen: {limits.screen or 'one that no suite of the gate holds is drawn'}"
    if limits.guarded:
        yield f"Guarded: {', '.join(limits.guarded)}"
    if limits.floors:
        yield f"Floors: {', '.join(f'{share:.0%} {name}' for name, share in limits.floors)}"
    yield f"A try turns {_count(limits.most_changes)}; the gate looks at one from {limits.least_gain:+.3f} on."
    yield from (f"Tried first: {', '.join(one.changes)}{_why(one.reason)}" for one in agenda.tries)
    yield from (f"Lesson: {lesson_line(one)}" for one in agenda.lessons)


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _count(most: int) -> str:
    return {0: "any number of knobs", 1: "one knob"}.get(most, f"{most} knobs at most")


def _bounds(knob: Knob) -> str:
    if knob.choices:
        return f"one of {', '.join(knob.choices)}"
    least, most = ends_of(knob)
    return f"{least} to {most} by {'factors' if knob.log else 'steps'}"
