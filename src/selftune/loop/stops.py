"""Stops between their file and the record: put on record by the next command, gone from the file once lifted there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.errors import SelftuneError
from selftune.governance.brake.file import read_stops, take_off
from selftune.governance.doubts import DoubtState, doubts
from selftune.governance.statements import PROJECT, say
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from selftune.governance.brake.file import Stop
    from selftune.loop.opened import Project


def settle_brake(project: Project) -> None:
    """Put on record what the brake's file says, and take out of the file what is lifted on record.

    So that a crash between the two loses neither a stop nor a lift.

    Raises:
        DamagedFileError: the file can't be read.
        MissingFileError: the machine's key is gone.
    """
    stops = read_stops(project.hidden)
    if not stops:
        return
    known = {said.salt for _, said in project.store.each(Statement) if said.kind is StatementKind.STOP}
    for stop in stops:
        if stop.salt not in known:
            put_on_record(project, _statement(project, stop), event="stopped")
    state = {one.statement.salt: one.state for one in doubts(hear_project(project), frozenset({StatementKind.STOP}))}
    lifted = [stop.salt for stop in stops if state.get(stop.salt, DoubtState.OPEN) is not DoubtState.OPEN]
    if lifted:
        take_off(project.hidden, lifted)


def settle_if_braked(project: Project) -> None:
    """The same for a command that is about something else: what can't be done now, the next one does."""
    with suppress(SelftuneError, OSError):
        settle_brake(project)


def _statement(project: Project, stop: Stop) -> Statement:
    plain = say(
        StatementKind.STOP,
        PROJECT,
        stop.author,
        stop.text,
        project.context(),
        door_of(project),
        author_is_model=stop.author_is_model,
    )
    return replace(plain, salt=stop.salt, said_at=stop.said_at)
