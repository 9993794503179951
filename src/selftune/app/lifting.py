"""Holds, freezes and stops of the whole project by command: said with a reason, lifted with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from selftune.app.doubting import end, speaker, subject_of
from selftune.errors import DamagedFileError, UnknownNameError, UsageError
from selftune.failpoints import reach
from selftune.governance.brake.file import mend, new_stop
from selftune.governance.brake.stays import KINDS, project_stays
from selftune.governance.statements import PROJECT, say
from selftune.loop.canary.doubted import end_if_doubted
from selftune.loop.canary.ending import end_by_brake
from selftune.loop.canary.settling import settle_if_ended
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.stops import settle_brake
from selftune.records import StatementKind

if TYPE_CHECKING:
    from selftune.governance.people.keys import Ask
    from selftune.loop.project import Project
    from selftune.records import Statement

_EVENTS = {StatementKind.HOLD: "held", StatementKind.FREEZE: "frozen"}


def put_stay(project: Project, kind: StatementKind, because: str, *, on: str = PROJECT, author: str = "") -> Statement:
    """Hold promotions or freeze training from now on; nobody has to sign what only adds caution.

    A trial ends where this is about its candidate, what that rests on, or the whole project.

    Raises:
        UsageError: no reason is given.
        UnknownNameError: no record begins like that.
    """
    subject = subject_of(project, on)
    said = say(kind, subject, speaker(project, author), because, project.context(), door_of(project))
    why = f"a {kind.value} was put on record"
    if subject == PROJECT:
        # Before it is on record, which may take a while: what can't be said has been refused by now.
        end_by_brake(project.hidden, why)
    kept = put_on_record(project, said, event=_EVENTS[kind])
    end_if_doubted(project, why)
    settle_if_ended(project)
    return kept


def lift_stays(project: Project, word: str, because: str, *, author: str, ask: Ask) -> tuple[Statement, ...]:
    """Lift every hold, freeze or stop of the whole project, each on record with the reason.

    Raises:
        UnknownNameError: the word is none of these.
        UsageError: nothing of the kind stands, or no reason is given.
        WaitingForPersonError: this person may not; the message says why and who may.
        LockedError: somebody is just stopping it again.
    """
    if word not in KINDS:
        raise UnknownNameError("thing to lift", word, KINDS)
    kind = KINDS[word]
    if kind is StatementKind.STOP:
        _make_sayable(project)
    standing = project_stays(hear_project(project), kind)
    if not standing:
        raise UsageError(
            f"no {word} of the whole project stands.",
            next_step="`selftune concern list` shows what else is held; `selftune concern close ID` lifts that.",
        )
    lifted = tuple(end(project, doubt.statement.id, because, author=author, evidence=(), ask=ask) for doubt in standing)
    reach("lift-on-record")
    if kind is StatementKind.STOP:
        settle_brake(project)
    return lifted


def _make_sayable(project: Project) -> None:
    """See that every stop of the file is on record; one that can't be read becomes one that somebody can lift."""
    try:
        settle_brake(project)
    except DamagedFileError as damaged:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"whoever stopped it, and why, can't be read any more: {damaged.message}"
        mend(project.hidden, new_stop("selftune", text, now, author_is_model=True))
        settle_brake(project)
