"""Where the nights stand: when the next one begins, how the last ones ended, and what is wrong; and their timers."""

from __future__ import annotations

import plistlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.scheduling import Missed, Scheduler, choose_scheduler, end_nights, unit_folder, write_nights
from selftune.errors import UsageError
from selftune.loop.night.alarms import alarms, note_no_timer, note_timer, read_nights
from selftune.loop.night.window import next_time
from selftune.records import Decision, Experiment, ExperimentResult, Night
from selftune.release.config_edit import edit_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from selftune.app.scheduling import Unit
    from selftune.loop.night.alarms import Alarm, Begun, Timer
    from selftune.loop.project import Project

_SHOWN: Final = 7
_NO_END: Final = "has not ended"


@dataclass(frozen=True, kw_only=True)
class NightRow:
    """One night in a line; a night that began and has no end says so in `ended_by`, and has no figures.

    Attributes:
        began: UTC time as ISO 8601.
        measured: Tries that could be held against their baseline.
        outcome: What the gate said; empty where it was not asked.
    """

    name: str
    began: str
    ended_by: str
    tries: int | None = None
    measured: int | None = None
    kept: int | None = None
    outcome: str = ""
    usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class NightStatus:
    """What `selftune nightly status` shows.

    Attributes:
        next: When the next night begins by its timer, local time as ISO 8601; None without a timer.
        nights: The last ones, newest first.
    """

    timer: Timer | None
    next: str | None
    nights: tuple[NightRow, ...]
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What was done about a timer: files written or taken away, lines for a table, and what a person does next."""

    scheduler: Scheduler
    files: tuple[Path, ...]
    lines: tuple[str, ...]
    steps: tuple[str, ...]


def night_status(project: Project, now: datetime) -> NightStatus:
    """Where the nights of a project stand; `now` is aware, in this machine's zone."""
    nights = read_nights(project)
    ended = {night.name: night for _, night in project.store.each(Night)}
    # A night that was cut off and went on later began twice; it is one night.
    newest = list({one.name: one for one in nights.begun}.values())[-_SHOWN:]
    return NightStatus(
        timer=nights.timer,
        next=None if nights.timer is None else next_time(now, nights.timer.at).isoformat(),
        nights=tuple(_row(project, one, ended.get(one.name)) for one in reversed(newest)),
        alarms=alarms(project, now),
    )


def describe_status(status: NightStatus) -> Iterator[str]:
    """The same in words: next start, alarms, last nights as a table."""
    if status.timer is None or status.next is None:
        yield "No timer starts the nights: selftune nightly install"
    else:
        late = "caught up with" if status.timer.missed == Missed.CATCH_UP else "skipped"
        yield f"Next night: {status.next[:16].replace('T', ' ')} by {status.timer.scheduler}; a missed one is {late}."
    yield from describe_alarms(status.alarms)
    if status.nights:
        yield f"{'night':<14}{'tries':>6}{'measured':>10}{'kept':>6}  {'gate':<14}{'USD':>8}  ended by"
    for row in status.nights:
        usd = "-" if row.usd is None else f"{row.usd:.2f}"
        counts = f"{_count(row.tries):>6}{_count(row.measured):>10}{_count(row.kept):>6}"
        yield f"{row.name:<14}{counts}  {row.outcome or '-':<14}{usd:>8}  {row.ended_by}"


def describe_alarms(found: Sequence[Alarm]) -> Iterator[str]:
    """Each alarm, and what to do about it."""
    for alarm in found:
        yield f"ALARM: {alarm.text}"
        yield f"  {alarm.next_step}"


def install_timers(
    project: Project,
    now: datetime,
    *,
    scheduler: str = "",
    at: str = "",
    missed: Missed = Missed.CATCH_UP,
    out: Path | None = None,
) -> Installed:
    """Write what begins the nights by itself and looks after them, to where its scheduler reads it or into `out`.

    Another hour than [nightly] has is written there too, so that timer and nights agree. Nothing is switched on.

    Raises:
        UsageError: `at` is no time of day, or files of the same name belong to another project.
        UnknownNameError: no such scheduler.
    """
    chosen = choose_scheduler(scheduler)
    section = project.config.nightly
    hour = at or section.at
    planned = write_nights(project.folder, at=hour, until=section.until, missed=missed, scheduler=chosen)
    files = [(unit, (out or unit_folder(chosen)) / unit.name) for unit in planned.units if unit.name is not None]
    for _, place in files:
        _check_ours(place, project.folder)
    for unit, place in files:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(unit.text, encoding="utf-8")
    if hour != section.at:
        edit_section(project.folder, "nightly", {"at": hour})
    # Where nights write what they print: neither cron nor launchd makes a folder, and without it neither begins one.
    (project.hidden / "logs").mkdir(exist_ok=True)
    note_timer(project, scheduler=chosen, at=hour, missed=missed, now=now)
    return Installed(
        scheduler=chosen,
        files=tuple(place for _, place in files),
        lines=tuple(_lines_of(planned.units)),
        steps=_steps(planned.steps, out, chosen),
    )


def remove_timers(project: Project, *, scheduler: str = "", out: Path | None = None) -> Installed:
    """Take the files of the timers away; that no night comes is no alarm from then on.

    Raises:
        UnknownNameError: no such scheduler.
    """
    timer = read_nights(project).timer
    chosen = choose_scheduler(scheduler or ("" if timer is None else timer.scheduler))
    planned = end_nights(project.folder, scheduler=chosen)
    places = [(out or unit_folder(chosen)) / unit.name for unit in planned.units if unit.name is not None]
    there = tuple(place for place in places if place.is_file())
    for place in there:
        _check_ours(place, project.folder)
    for place in there:
        place.unlink()
    note_no_timer(project)
    return Installed(scheduler=chosen, files=there, lines=(), steps=planned.steps)


def _row(project: Project, begun: Begun, night: Night | None) -> NightRow:
    if night is None:
        return NightRow(name=begun.name, began=begun.at, ended_by=_NO_END)
    tries = tuple(project.store.records(night.experiments, Experiment))
    decision = None if night.decision_id is None else project.store.record(night.decision_id, Decision)
    return NightRow(
        name=night.name,
        began=night.began,
        ended_by=night.ended_by,
        tries=len(tries),
        measured=sum(1 for one in tries if one.effect is not None),
        kept=sum(1 for one in tries if one.result is ExperimentResult.KEPT),
        outcome="" if decision is None else decision.outcome.value,
        usd=sum(night.costs_usd),
    )


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _check_ours(place: Path, folder: Path) -> None:
    """Refuse to touch a file of this name that another project's timer wrote: units are named by a project's folder."""
    if place.is_file() and _project_of(place) not in {None, str(folder)}:
        raise UsageError(
            f"{place} belongs to the project in {_project_of(place)}, whose folder has the same name.",
            next_step="Rename the folder of one of them, or write into another place with --out.",
        )


def _project_of(place: Path) -> str | None:
    """The folder that a unit works in; None where it names none, as a timer beside its service."""
    if place.suffix == ".plist":
        return str(plistlib.loads(place.read_bytes()).get("WorkingDirectory"))
    named = re.search(r"^WorkingDirectory=(.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
    return None if named is None else named[1].replace("%%", "%")


def _lines_of(units: Sequence[Unit]) -> Iterator[str]:
    for unit in units:
        if unit.name is None:
            yield from unit.text.splitlines()


def _steps(steps: tuple[str, ...], out: Path | None, scheduler: Scheduler) -> tuple[str, ...]:
    if out is None or scheduler is Scheduler.CRON:
        return steps
    return (f"Put the files from {out} into {unit_folder(scheduler)}", *steps)
