"""What nobody would notice: nights that began and never ended, nights that no longer come, nights that measure nothing.

All of it rests on the ledger and the records, so no crash can lose an alarm; a person's word ends a stop.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.doubts import standing
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import Signer, roster_of, signer_of
from selftune.governance.statements import approve
from selftune.ledger.keys import load_machine_key
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Decision, Experiment, Night, Outcome, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.ledger.entries import Entry
    from selftune.loop.night.window import Window
    from selftune.loop.project import Project
    from selftune.records import Effect

BEGAN: Final = "night began"
TIMER_INSTALLED: Final = "night timer installed"
TIMER_REMOVED: Final = "night timer removed"
_NIGHTS_UNTIL_STOP: Final = 3
_WORK: Final = "nights"
_LIST: Final = "list"
_KEPT_NIGHTS: Final = 400


class AlarmKind(StrEnum):
    """What is wrong."""

    CUT_OFF = "cut off"
    SILENT = "no night"
    NOTHING_TRIED = "nothing tried"
    STOPPED = "stopped"
    NOT_SERVING = "not serving"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One thing that a person must look at, in a sentence, and what to do."""

    kind: AlarmKind
    text: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A night that began, by the ledger; times are UTC, ISO 8601, and `until` is empty where it had no deadline."""

    seq: int
    name: str
    at: str
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class Timer:
    """What starts the nights: a scheduler, at a time of day, and what becomes of a missed one."""

    scheduler: str
    at: str
    missed: str
    installed: str


@dataclass(frozen=True, kw_only=True)
class Nights:
    """What the ledger says of nights: those that began, oldest first, and the timer in force."""

    begun: tuple[Begun, ...] = ()
    timer: Timer | None = None


def alarms(project: Project, now: datetime) -> tuple[Alarm, ...]:
    """Everything about the nights that a person should know now, the most urgent first; empty where all is well."""
    nights = read_nights(project)
    ended = {night.name: night for _, night in project.store.each(Night)}
    unmeasured = _unmeasured(project, nights.begun, ended)
    found = [
        *_stopped(unmeasured),
        *_not_serving(list(ended.values())),
        *_cut_off(nights.begun, ended, now),
        *_nothing_tried(nights.begun, ended),
    ]
    if len(unmeasured) < _NIGHTS_UNTIL_STOP:
        found += _silent(nights, list(ended.values()), now, timedelta(days=project.config.nightly.silent_days))
    return tuple(found)


def refuse_stopped(project: Project) -> None:
    """Return where a night may begin.

    Raises:
        WaitingForPersonError: the last three nights measured nothing, and nobody has said to go on since.
    """
    ended = {night.name: night for _, night in project.store.each(Night)}
    for alarm in _stopped(_unmeasured(project, read_nights(project).begun, ended)):
        raise WaitingForPersonError(alarm.text, next_step=alarm.next_step)


def was_missed(nights: Nights, due: datetime) -> bool:
    """Whether no night has begun since one was due; what was due before its timer was there was not missed."""
    known = [one.at for one in nights.begun[-1:]]
    if nights.timer is not None:
        known.append(nights.timer.installed)
    return all(datetime.fromisoformat(moment) < due for moment in known)


def resume_nights(
    project: Project,
    because: str,
    *,
    author: str = "",
    sign: Callable[[Statement], Statement] = lambda said: said,
) -> Statement:
    """Keep a person's signed word that nights may go on; those up to now no longer count.

    Args:
        project: Whose nights.
        because: What was mended.
        author: Who says so; empty: who is logged in.
        sign: Puts the author's own signature under it; of a team nothing else counts.

    Raises:
        UsageError: there is no night to speak of, or no reason is given.
    """
    begun = read_nights(project).begun
    if not begun or not because.strip():
        what = "no night has begun here" if not begun else "no reason is given"
        raise UsageError(f"{what}.", next_step="Say what was mended, with --because.")
    said = approve(
        _subject(begun[-1]),
        author=author or getpass.getuser(),
        text=because,
        context=project.context(),
        door=door_of(project),
    )
    return put_on_record(project, sign(said), event="nights resumed")


def note_timer(project: Project, *, scheduler: str, at: str, missed: str, now: datetime) -> None:
    """Put on record that a timer was written for this project: from then on nights that do not come are an alarm."""
    nights = _open(project)
    project.store.note(TIMER_INSTALLED, {"scheduler": scheduler, "at": at, "missed": missed})
    timer = Timer(scheduler=scheduler, at=at, missed=missed, installed=_utc(now))
    _close(project, replace(nights, timer=timer))


def note_no_timer(project: Project) -> None:
    """Put on record that no timer starts nights any more."""
    nights = _open(project)
    project.store.note(TIMER_REMOVED)
    _close(project, replace(nights, timer=None))


def note_began(project: Project, name: str, window: Window) -> None:
    """Put on record that a night began, before it does anything: one that never ends is then an alarm."""
    nights, until = _open(project), "" if window.until is None else _utc(window.until)
    seq = project.store.note(BEGAN, {"night": name, "until": until})
    one = Begun(seq=seq, name=name, at=_utc(window.began), until=until)
    _close(project, replace(nights, begun=(*nights.begun, one)[-_KEPT_NIGHTS:]))


def read_nights(project: Project) -> Nights:
    """The nights that began and the timer in force, as the ledger has them.

    They are listed beside it, for a status must not walk through a long ledger; only where a note was cut off in the
    middle, so that the list may lack its last line, is the ledger read on from there.
    """
    kept = project.store.step_work(_WORK).get(_LIST)
    if kept is None:
        return Nights()
    listed: dict[str, Any] = json.loads(kept)
    timer = None if listed["timer"] is None else Timer(**listed["timer"])
    nights = Nights(begun=tuple(Begun(**one) for one in listed["begun"]), timer=timer)
    if not listed["open"]:
        return nights
    for entry in project.store.history(nights.begun[-1].seq if nights.begun else 0):
        nights = _after(nights, entry)
    return nights


def _open(project: Project) -> Nights:
    """The nights so far, listed as a list that may lack its last line: a crash may follow."""
    nights = read_nights(project)
    _list(project, nights, whole=False)
    return nights


def _close(project: Project, nights: Nights) -> None:
    _list(project, nights, whole=True)


def _list(project: Project, nights: Nights, *, whole: bool) -> None:
    project.store.step_work(_WORK).put(_LIST, json.dumps({"open": not whole, **asdict(nights)}).encode())


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def tells_apart(effect: Effect | None) -> bool:
    """Whether a reward varied at all: one that is the same on every item says nothing, whatever its value."""
    return effect is not None and effect.interval[0] < effect.interval[1]


def _after(nights: Nights, entry: Entry) -> Nights:
    """What is known of the nights after one more entry of the ledger."""
    detail = dict(entry.detail)
    if entry.event == BEGAN:
        one = Begun(seq=entry.seq, name=detail["night"], at=entry.at, until=detail["until"])
        return replace(nights, begun=(*nights.begun, one)[-_KEPT_NIGHTS:])
    if entry.event == TIMER_INSTALLED:
        timer = Timer(scheduler=detail["scheduler"], at=detail["at"], missed=detail["missed"], installed=entry.at)
        return replace(nights, timer=timer)
    return replace(nights, timer=None) if entry.event == TIMER_REMOVED else nights


def _unmeasured(project: Project, begun: Sequence[Begun], ended: dict[str, Night]) -> tuple[str, ...]:
    """The newest nights, one after another, that measured nothing, each with its reason; newest last.

    A night that had nothing to try is passed over, and so is all that lies before a person's word to go on.
    """
    resumed = _resumed_at(project, begun)
    found: list[str] = []
    for one in reversed(begun):
        if one.seq < resumed:
            break
        night = ended.get(one.name)
        if night is None:
            found.append(f"{one.name} never ended")
        elif night.experiments or night.decision_id:
            if _measured(project, night):
                break
            found.append(f"{one.name}: {night.ended_by}")
    return tuple(reversed(found))


def _measured(project: Project, night: Night) -> bool:
    """Whether a night compared anything: a try whose reward varied, or a gate that could judge."""
    if night.decision_id is not None:
        decision = project.store.record(night.decision_id, Decision)
        if decision.outcome is not Outcome.INVALID:
            return True
    return any(tells_apart(one.effect) for one in project.store.records(night.experiments, Experiment))


def _resumed_at(project: Project, begun: Sequence[Begun]) -> int:
    """The place in the ledger of the last signed word of a person to go on; 0 for none."""
    public_key = load_machine_key(project.hidden / "keys").trusted
    said = tuple(project.store.each(Statement))
    kept = {statement.id for statement in standing(statement for _, statement in said)}
    roster = roster_of(said, public_key=public_key)
    subjects = {
        statement.subject
        for place, statement in said
        if statement.id in kept
        and statement.kind is StatementKind.APPROVAL
        and not statement.author_is_model
        and statement_is_signed(statement, public_key)
        and (not roster.is_team or isinstance(signer_of(statement, roster, place=place), Signer))
    }
    return max((one.seq + 1 for one in begun if _subject(one) in subjects), default=0)


def _subject(begun: Begun) -> str:
    """A night by its name and its place in the ledger: one that was cut off has no record to speak of."""
    return f"night {begun.name} at {begun.seq}"


def _stopped(unmeasured: Sequence[str]) -> Iterator[Alarm]:
    if len(unmeasured) >= _NIGHTS_UNTIL_STOP:
        yield Alarm(
            kind=AlarmKind.STOPPED,
            text=f"{len(unmeasured)} nights in a row measured nothing: {'; '.join(unmeasured[-_NIGHTS_UNTIL_STOP:])}.",
            next_step='Find out why, then say so: selftune nightly resume --because "what was mended"',
        )


def _not_serving(ended: Sequence[Night]) -> Iterator[Alarm]:
    if ended and ended[-1].unended is not None:
        yield Alarm(
            kind=AlarmKind.NOT_SERVING,
            text=f"the server that was stopped for the night of {ended[-1].name} did not come back.",
            next_step="Run `selftune start`; `selftune doctor` says what is wrong.",
        )


def _cut_off(begun: Sequence[Begun], ended: dict[str, Night], now: datetime) -> Iterator[Alarm]:
    """The newest night, if it should have ended and did not; earlier ones count for the stop."""
    if begun and begun[-1].name not in ended and _is_over(begun[-1], now):
        yield Alarm(
            kind=AlarmKind.CUT_OFF,
            text=f"the night of {begun[-1].name} began at {begun[-1].at} and never ended.",
            next_step="Run `selftune nightly --now`: it finds what was finished, and puts right what was cut off.",
        )


def _is_over(begun: Begun, now: datetime) -> bool:
    until = datetime.fromisoformat(begun.until) if begun.until else datetime.fromisoformat(begun.at) + timedelta(days=1)
    return now > until


def _nothing_tried(begun: Sequence[Begun], ended: dict[str, Night]) -> Iterator[Alarm]:
    last = [ended.get(one.name) for one in begun[-_NIGHTS_UNTIL_STOP:]]
    idle = [night for night in last if night is not None and not night.experiments and night.decision_id is None]
    if len(idle) == _NIGHTS_UNTIL_STOP:
        why = "; ".join(dict.fromkeys(night.ended_by for night in idle))
        yield Alarm(
            kind=AlarmKind.NOTHING_TRIED,
            text=f"the last {len(idle)} nights tried nothing: {why}.",
            next_step="Run `selftune nightly --dry-run`: it says what a night would do.",
        )


def _silent(nights: Nights, ended: Sequence[Night], now: datetime, longest: timedelta) -> Iterator[Alarm]:
    """A timer is installed, and for days no night came to its end."""
    if nights.timer is None:
        return
    last = max((night.ended for night in ended), default="")
    since = max(datetime.fromisoformat(moment) for moment in (last, nights.timer.installed) if moment)
    if now.astimezone(UTC) - since > longest:
        what = f"since {last}" if last else f"since its timer was installed at {nights.timer.installed}"
        yield Alarm(
            kind=AlarmKind.SILENT,
            text=f"no night has come to its end {what}.",
            next_step=f"Look whether {nights.timer.scheduler} still runs it: selftune nightly status",
        )
