"""Texts that make this machine's own scheduler run the loop; the lease decides when two of them meet.

A schedule of cycles is printed, and a person puts it in place; the timers of the nights are written to where their
scheduler reads them. Switched on are they by a person alone: the command stands beside them.
"""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from selftune.errors import UnknownNameError, UsageError
from selftune.loop.night.window import read_time

# The gate said no, was not sure, or waits for a person: a night like that is no failure of the service.
_FINE_ENDINGS: Final = "3 4 5"
# For a timer of nights a budget that is used up is an end like any other.
_FINE_NIGHTS: Final = f"{_FINE_ENDINGS} 7"
# Another runner was first: two projects of one machine may have the same hour.
_TRY_AGAIN: Final = "6"
_WRONG_CONFIG: Final = "2"
_LINGER: Final = "loginctl enable-linger, if it should run while you are logged out"
_AGAIN_AFTER_SECONDS: Final = 900
# The start of a large model from a slow disk (`START_SECONDS`), and some for gateway and pages.
_READY_SECONDS: Final = 600
_SILENT_SECONDS: Final = 180
_UP_AGAIN_SECONDS: Final = 15
_LOOK_AFTER: Final = timedelta(hours=1)
_CATCH_UP_MINUTE: Final = 17
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Scheduler(StrEnum):
    """Who runs it: systemd on most Linux machines, launchd on a Mac, cron nearly everywhere."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    CRON = "cron"


class Work(StrEnum):
    """What is run: once a day the whole cycle, or only up to the choice of lessons; always, gateway and pages."""

    CYCLE = "cycle"
    CURATE = "curate"
    UP = "up"


class Missed(StrEnum):
    """What becomes of a night whose hour the machine slept through."""

    CATCH_UP = "catch_up"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One thing for a scheduler to run once a day.

    Attributes:
        name: Of its files, without their endings.
        told: What it is, for people.
        words: The command.
        at: Time of day, by this machine's clock.
        fine: Exit codes that are no failure.
        again: Exit codes after which it is tried again a quarter of an hour later, where the scheduler can do that.
        catch_up: Whether it is run later where the machine was off at its time.
        log: File for what it prints; None leaves that to the scheduler.
    """

    name: str
    told: str
    words: tuple[str, ...]
    at: str
    fine: str = ""
    again: str = ""
    catch_up: bool = True
    log: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One file for the scheduler; `name` is None where the text is a line for a table."""

    name: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What to put in place, and the steps that do it."""

    units: tuple[Unit, ...]
    steps: tuple[str, ...]


def write_schedule(folder: Path, *, at: str = "03:00", scheduler: str = "", work: str = Work.CYCLE) -> Schedule:
    """The texts for one project, once a day at `at` (24-hour clock, the machine's own time zone); for `up`, always.

    No name of a scheduler means this machine's own.

    Raises:
        UsageError: `at` is no time of day.
        UnknownNameError: no such scheduler, or nothing of that name to run.
    """
    if work not in list(Work):
        raise UnknownNameError("work", work, map(str, Work))
    folder = _writable(folder)
    if work == Work.UP:
        return _write_service(folder, choose_scheduler(scheduler))
    job = Job(
        name=_name_of(folder),
        told=f"selftune, {_plain(folder.name)}",
        words=(*_selftune(), work, "--project", str(folder)),
        at=at,
        fine=_FINE_ENDINGS,
    )
    chosen = choose_scheduler(scheduler)
    if chosen is Scheduler.SYSTEMD:
        steps = (f"Put both files into {_tilde(unit_folder(chosen))}/", *_enable_systemd(job))
    elif chosen is Scheduler.LAUNCHD:
        steps = (f"Put the file into {_tilde(unit_folder(chosen))}/", *_enable_launchd(job))
    else:
        steps = ("Add the line with: crontab -e",)
    return Schedule(units=_units(chosen, folder, job), steps=steps)


def write_nights(folder: Path, *, at: str, until: str, missed: Missed, scheduler: str = "") -> Schedule:
    """The texts that begin a project's night at `at`, and look an hour after `until` whether all is well with them.

    A night that is begun twice, or late where that is not wanted, sees so itself: clocks may change as they will.

    Raises:
        UsageError: `at` or `until` is no time of day.
        UnknownNameError: no such scheduler.
    """
    folder, chosen = _writable(folder), choose_scheduler(scheduler)
    nights, look = _night_jobs(folder, at, until, missed)
    if chosen is Scheduler.CRON:
        late = (_late_line(nights, at, until),) if missed is Missed.CATCH_UP else ()
        lines = (Unit(name=None, text="".join((_cron_line(nights), *late, _cron_line(look)))),)
        return Schedule(units=lines, steps=("Add these lines with: crontab -e",))
    enable = _enable_systemd if chosen is Scheduler.SYSTEMD else _enable_launchd
    units = (*_units(chosen, folder, nights), *_units(chosen, folder, look))
    return Schedule(units=units, steps=enable(nights, look))


def end_nights(folder: Path, *, scheduler: str = "") -> Schedule:
    """The names of the files that `write_nights` made for a project, and the steps that switch them off first.

    Raises:
        UnknownNameError: no such scheduler.
    """
    folder, chosen = folder.resolve(), choose_scheduler(scheduler)
    jobs = _night_jobs(folder, "02:00", "05:00", Missed.SKIP)
    if chosen is Scheduler.CRON:
        return Schedule(units=(), steps=(f"Take out the lines that name {folder} with: crontab -e",))
    if chosen is Scheduler.SYSTEMD:
        timers = " ".join(f"{job.name}.timer" for job in jobs)
        steps: tuple[str, ...] = (f"systemctl --user disable --now {timers}",)
    else:
        steps = tuple(f"launchctl bootout gui/$(id -u)/{job.name}" for job in jobs)
    return Schedule(units=tuple(unit for job in jobs for unit in _units(chosen, folder, job)), steps=steps)


def choose_scheduler(name: str) -> Scheduler:
    """The scheduler of this name; this machine's own for none.

    Raises:
        UnknownNameError: no such scheduler.
    """
    if name and name not in list(Scheduler):
        raise UnknownNameError("scheduler", name, map(str, Scheduler))
    if name:
        return Scheduler(name)
    if sys.platform == "darwin":
        return Scheduler.LAUNCHD
    return Scheduler.SYSTEMD if Path("/run/systemd/system").is_dir() else Scheduler.CRON


def unit_folder(scheduler: Scheduler) -> Path:
    """Where a person's own units lie (systemd.unit(5), launchd.plist(5)); cron has no files of theirs."""
    if scheduler is Scheduler.LAUNCHD:
        return Path.home() / "Library" / "LaunchAgents"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def _night_jobs(folder: Path, at: str, until: str, missed: Missed) -> tuple[Job, Job]:
    """The night itself, and the look in the morning that finds one which never ended."""
    words = (*_selftune(), "nightly")
    where = ("--project", str(folder))
    late = ("--catch-up",) if missed is Missed.CATCH_UP else ()
    look_at = datetime.combine(date.min, read_time(until), UTC) + _LOOK_AFTER
    nights = Job(
        name=f"{_name_of(folder)}-nightly",
        told=f"selftune by night, {_plain(folder.name)}",
        words=(*words, *late, *where),
        at=at,
        fine=_FINE_NIGHTS,
        again=_TRY_AGAIN,
        catch_up=missed is Missed.CATCH_UP,
        log=folder / ".selftune" / "logs" / "nightly.log",
    )
    look = Job(
        name=f"{_name_of(folder)}-nightly-alarms",
        told=f"whether the nights of {_plain(folder.name)} come and end",
        words=(*words, "status", "--alarms", *where),
        at=f"{look_at:%H:%M}",
    )
    return nights, look


def _selftune() -> list[str]:
    """How this very installation is called; a scheduler knows no PATH of ours."""
    script = Path(sys.executable).with_name("selftune")
    return (
        [str(script)] if script.exists() else [sys.executable, "-c", "from selftune.app.cli.main import main; main()"]
    )


def _units(scheduler: Scheduler, folder: Path, job: Job) -> tuple[Unit, ...]:
    read_time(job.at)
    match scheduler:
        case Scheduler.SYSTEMD:
            return _systemd(folder, job)
        case Scheduler.LAUNCHD:
            return _launchd(folder, job)
        case Scheduler.CRON:
            return (Unit(name=None, text=_cron_line(job)),)


def _systemd(folder: Path, job: Job) -> tuple[Unit, ...]:
    endings = f"SuccessExitStatus={job.fine}\n" if job.fine else ""
    if job.again:
        endings += f"RestartForceExitStatus={job.again}\nRestartSec={_AGAIN_AFTER_SECONDS}\n"
    # A oneshot is never tried again (systemd.service(5)). At the end of a job systemd kills whatever that has started:
    # the model that it put into service would go too.
    service = f"""[Unit]
Description={job.told}

[Service]
Type={"exec" if job.again else "oneshot"}
WorkingDirectory={str(folder).replace("%", "%%")}
ExecStart={" ".join(map(_quoted, job.words))}
{endings}KillMode=process
Nice=10
"""
    timer = f"""[Unit]
Description={job.told}, once a day

[Timer]
OnCalendar=*-*-* {job.at}:00
Persistent={str(job.catch_up).lower()}

[Install]
WantedBy=timers.target
"""
    return (Unit(name=f"{job.name}.service", text=service), Unit(name=f"{job.name}.timer", text=timer))


def _write_service(folder: Path, scheduler: Scheduler) -> Schedule:
    """What keeps `selftune up` running from the start of the machine on; a wrong config is not tried anew."""
    name, words = f"{_name_of(folder)}-up", (*_selftune(), "up", "--project", str(folder))
    place, by_hand = (
        _tilde(unit_folder(scheduler)),
        "Run `selftune up` once by hand: it shows your key, and a log should not",
    )
    if scheduler is Scheduler.CRON:
        log = shlex.quote(str(folder / ".selftune" / "logs" / "up.log"))
        line = f"@reboot {shlex.join(words)} >>{log} 2>&1".replace("%", "\\%") + "\n"
        return Schedule(units=(Unit(name=None, text=line),), steps=(by_hand, "Add the line with: crontab -e"))
    steps = (by_hand, f"Put the file into {place}/")
    if scheduler is Scheduler.SYSTEMD:
        unit = Unit(name=f"{name}.service", text=_systemd_service(folder, words))
        enable = f"systemctl --user daemon-reload && systemctl --user enable --now {unit.name}"
        return Schedule(units=(unit,), steps=(*steps, enable, _LINGER))
    unit = Unit(name=f"{name}.plist", text=_launchd_service(folder, name, words))
    return Schedule(units=(unit,), steps=(*steps, f"launchctl bootstrap gui/$(id -u) {place}/{unit.name}"))


def _systemd_service(folder: Path, words: tuple[str, ...]) -> str:
    # It ends its own children; the model it put into service stays, as after `selftune start`. Started again it is once
    # also what hung in it has let go of its port. Before the watchdog bites, `up` itself has ended what hangs.
    return f"""[Unit]
Description=selftune up, {_plain(folder.name)}

[Service]
Type=notify
WorkingDirectory={str(folder).replace("%", "%%")}
ExecStart={" ".join(map(_quoted, words))}
TimeoutStartSec={_READY_SECONDS}
WatchdogSec={_SILENT_SECONDS}
Restart=on-failure
RestartSec={_UP_AGAIN_SECONDS}
RestartPreventExitStatus={_WRONG_CONFIG}
KillMode=process

[Install]
WantedBy=default.target
"""


def _launchd_service(folder: Path, name: str, words: tuple[str, ...]) -> str:
    log = str(folder / ".selftune" / "logs" / "up.log")
    settings = {
        "Label": name,
        "ProgramArguments": list(words),
        "WorkingDirectory": str(folder),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "AbandonProcessGroup": True,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(settings, sort_keys=False).decode()


def _enable_systemd(*jobs: Job) -> tuple[str, ...]:
    timers = " ".join(f"{job.name}.timer" for job in jobs)
    return (
        f"systemctl --user daemon-reload && systemctl --user enable --now {timers}",
        _LINGER,
    )


def _launchd(folder: Path, job: Job) -> tuple[Unit, ...]:
    time = read_time(job.at)
    printed = {} if job.log is None else {"StandardOutPath": str(job.log), "StandardErrorPath": str(job.log)}
    settings = {
        "Label": job.name,
        "ProgramArguments": list(job.words),
        "WorkingDirectory": str(folder),
        # A Mac that sleeps at this time runs it when it wakes up (launchd.plist(5)).
        "StartCalendarInterval": {"Hour": time.hour, "Minute": time.minute},
        "ProcessType": "Background",
        "AbandonProcessGroup": True,
        **printed,
    }
    return (Unit(name=f"{job.name}.plist", text=plistlib.dumps(settings, sort_keys=False).decode()),)


def _enable_launchd(*jobs: Job) -> tuple[str, ...]:
    place = _tilde(unit_folder(Scheduler.LAUNCHD))
    return tuple(f"launchctl bootstrap gui/$(id -u) {place}/{job.name}.plist" for job in jobs)


def _cron_line(job: Job) -> str:
    time = read_time(job.at)
    return _crontab(job, f"{time.minute} {time.hour}")


def _late_line(job: Job, at: str, until: str) -> str:
    """Once an hour outside those of the night: cron itself never makes up for what it missed."""
    first, last = read_time(at).hour, read_time(until).hour
    by_night = {(first + hour) % 24 for hour in range((last - first) % 24 + 1)}
    hours = ",".join(str(hour) for hour in range(24) if hour not in by_night)
    return _crontab(job, f"{_CATCH_UP_MINUTE} {hours}") if hours else ""


def _crontab(job: Job, when: str) -> str:
    command = shlex.join(job.words) + ("" if job.log is None else f" >>{shlex.quote(str(job.log))} 2>&1")
    # In a crontab a percent sign ends the command; what follows would be its input.
    return f"{when} * * * {command}".replace("%", "\\%") + "\n"


def _writable(folder: Path) -> Path:
    """The folder as schedulers are told it.

    Raises:
        UsageError: its name holds what ends a line: the rest of it would pass for an order to the scheduler.
    """
    folder = folder.resolve()
    if _CONTROL.search(str(folder)):
        raise UsageError(f"no scheduler can be told of {str(folder)!r}.", next_step="Give the folder a plain name.")
    return folder


def _name_of(folder: Path) -> str:
    return f"selftune-{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name).strip('-') or 'project'}"


def _tilde(folder: Path) -> str:
    """A folder as a person writes it; theirs begins with a tilde."""
    return f"~/{folder.relative_to(Path.home())}" if folder.is_relative_to(Path.home()) else str(folder)


def _quoted(argument: str) -> str:
    """An argument as systemd reads it (systemd.service, "Command lines"): quoted, `%` and `$` doubled."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text).replace("%", "%%")
