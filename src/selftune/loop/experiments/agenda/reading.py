"""From `program.md` to an agenda that can be obeyed: each knob is wired and each bound holds, or a line is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.bases.shape import read_shape
from selftune.errors import ConfigError, UsageError
from selftune.loop.experiments.agenda.corner import fit_to_machine
from selftune.loop.experiments.agenda.document import (
    CONSTRAINTS,
    GOAL,
    LESSONS,
    SPACE,
    items_of,
    line_of,
    marked_lines,
    program_text,
    read_document,
    toml_block,
)
from selftune.loop.experiments.agenda.knobs import make_knob
from selftune.loop.experiments.agenda.lists import read_lesson, read_proposal
from selftune.loop.experiments.agenda.points import ends_of
from selftune.loop.experiments.base import Agenda, Constraints, Knob, Lane
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.lessons.recipes import find_recipe
from selftune.records import digest_of
from selftune.settings import from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.bases.shape import ModelShape
    from selftune.loop.experiments.agenda.document import Document
    from selftune.loop.project import Project
    from selftune.training.machine import Machine


def read_agenda(project: Project, *, shape: ModelShape | None = None, machine: Machine | None = None) -> Agenda:
    """The agenda in force: the project's `program.md`, else the shipped one, cut to what base and machine can hold.

    Args:
        project: Whose recipe and curation are varied.
        shape: Sizes of the base; None: read from its folder.
        machine: Where it would be trained; None: where the recipe's back-end trains.

    Raises:
        ConfigError: the file is not sound; the message names line and next step.
    """
    text, where = program_text(project.folder)
    agenda = parse_agenda(text, where, project)
    shape = shape or read_shape(project.base_folder)
    knobs, told = fit_to_machine(agenda.knobs, find_recipe(project), shape, project.config.machine, machine)
    if not knobs:
        raise ConfigError(f"{where}: nothing is left to vary: {' '.join(told)}", next_step="Widen the search space.")
    return replace(agenda, knobs=knobs, told=told)


def parse_agenda(text: str, where: str, project: Project) -> Agenda:
    """The agenda as it is written, before base and machine were asked.

    Raises:
        ConfigError: the text is not sound; the message names line and next step.
    """
    document = read_document(text, where)
    goal = "\n".join(line.text for line in document.lines(GOAL)).strip()
    knobs = tuple(_knobs(document, project))
    constraints = _constraints(document)
    return Agenda(
        goal=goal,
        knobs=knobs,
        constraints=constraints,
        tries=tuple(
            read_proposal(document, line, knobs) for line in items_of(document, marked_lines(document), "proposal")
        ),
        lessons=tuple(
            read_lesson(document, line, project) for line in items_of(document, document.lines(LESSONS), "lesson")
        ),
        digest=digest_of(["agenda", goal, knobs, constraints]),
    )


def _knobs(document: Document, project: Project) -> Iterator[Knob]:
    table, number = toml_block(document, SPACE)
    entries = list(_entries(table))
    if not entries:
        step = (
            f"Write a block ```toml under `## {SPACE}` with a line such as lora_rank = [8, 64] below [hyperparameters]."
        )
        raise document.error(number or 1, "the search space is empty.", step)
    recipe = find_recipe(project)
    for lane, key, wanted in entries:
        line = line_of(document, SPACE, key or lane)
        try:
            own = _lane(lane, key)
            knob = make_knob(key, wanted, recipe, project.config)
            for end in ends_of(knob):
                apply_changes(project, (f"{key}={end}",))
        except UsageError as error:
            raise document.error(line, error.message, error.next_step) from error
        if own is not knob.lane:
            step = f"Move it below [{knob.lane}]."
            raise document.error(line, f"{key} belongs to the lane {knob.lane}, not to {lane}.", step)
        yield knob


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Lane, key and what is wanted; a table inside of a lane holds parts, as in `weights.isolation`."""
    for lane, held in table.items():
        if not isinstance(held, dict):
            yield lane, "", held
            continue
        for key, wanted in held.items():
            if isinstance(wanted, dict):
                yield from ((lane, f"{key}.{part}", bounds) for part, bounds in wanted.items())
            else:
                yield lane, key, wanted


def _lane(lane: str, key: str) -> Lane:
    named = ", ".join(f"[{one}]" for one in Lane)
    if not key:
        raise ConfigError(f"{lane!r} stands below no lane.", next_step=f"Put it below one of {named}.")
    if lane not in list(Lane):
        raise ConfigError(f"there is no lane {lane!r}.", next_step=f"Choose from: {named}.")
    return Lane(lane)


def _constraints(document: Document) -> Constraints:
    table, number = toml_block(document, CONSTRAINTS)
    try:
        read = from_mapping(Constraints, table, CONSTRAINTS)
    except ConfigError as error:
        raise document.error(number, error.message, error.next_step) from error
    faults = {
        "least_gain must lie between 0 and 1": ("least_gain", not 0 <= read.least_gain < 1),
        "most_changes must be 0 or more": ("most_changes", read.most_changes < 0),
        "floors are shares above 0 that come to 1 at most": ("floors", not _are_shares(read.floors)),
    }
    for fault, (key, found) in faults.items():
        if found:
            raise document.error(line_of(document, CONSTRAINTS, key), f"{fault}.", "Correct it.")
    return read


def _are_shares(floors: tuple[tuple[str, float], ...]) -> bool:
    return all(0 < share <= 1 for _, share in floors) and sum(share for _, share in floors) <= 1
