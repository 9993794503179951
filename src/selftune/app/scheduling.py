"""Texts that make this machine's own scheduler run the loop; the lease decides when two of them meet.

Nothing is installed here: a person reads the text and puts it in place, and sees by the steps beside it how.
"""

from __future__ import annotations

import plistlib
import re
import shlex
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from selftune.errors import UnknownNameError, UsageError

# The gate said no, was not sure, or waits for a person: a night like that is no failure of the service.
_FINE_ENDINGS: Final = "3 4 5"
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Scheduler(StrEnum):
    """Who runs it: systemd on most Linux machines, launchd on a Mac, cron nearly everywhere."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    CRON = "cron"


class Work(StrEnum):
    """What is run: the whole cycle, or only up to the choice of lessons."""

    CYCLE = "cycle"
    CURATE = "curate"


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
    """The texts for one project, once a day at `at` (24-hour clock, the machine's own time zone).

    No name of a scheduler means this machine's own.

    Raises:
        UsageError: `at` is no time of day.
        UnknownNameError: no such scheduler, or nothing of that name to run.
    """
    for what, name, known in (("scheduler", scheduler or Scheduler.CRON, Scheduler), ("work", work, Work)):
        if name not in list(known):
            raise UnknownNameError(what, name, map(str, known))
    clock = _CLOCK.fullmatch(at)
    if clock is None:
        raise UsageError(f"{at!r} is no time of day.", next_step="Write it as 03:00, up to 23:59.")
    hour, minute = int(clock[1]), int(clock[2])
    folder = folder.resolve()
    command = [*_selftune(), work, "--project", str(folder)]
    name = f"selftune-{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name).strip('-') or 'project'}"
    match Scheduler(scheduler or _own_scheduler()):
        case Scheduler.SYSTEMD:
            return _systemd(name, command, folder, at)
        case Scheduler.LAUNCHD:
            return _launchd(name, command, folder, hour, minute)
        case Scheduler.CRON:
            return _cron(command, hour, minute)


def _own_scheduler() -> Scheduler:
    if sys.platform == "darwin":
        return Scheduler.LAUNCHD
    return Scheduler.SYSTEMD if Path("/run/systemd/system").is_dir() else Scheduler.CRON


def _selftune() -> list[str]:
    """How this very installation is called; a scheduler knows no PATH of ours."""
    script = Path(sys.executable).with_name("selftune")
    return (
        [str(script)] if script.exists() else [sys.executable, "-c", "from selftune.app.cli.main import main; main()"]
    )


def _systemd(name: str, command: list[str], folder: Path, at: str) -> Schedule:
    service = f"""[Unit]
Description=selftune, {_plain(folder.name)}

[Service]
Type=oneshot
WorkingDirectory={str(folder).replace("%", "%%")}
ExecStart={" ".join(map(_quoted, command))}
SuccessExitStatus={_FINE_ENDINGS}
Nice=10
"""
    timer = f"""[Unit]
Description=selftune, {_plain(folder.name)}, once a day

[Timer]
OnCalendar=*-*-* {at}:00
Persistent=true

[Install]
WantedBy=timers.target
"""
    return Schedule(
        units=(Unit(name=f"{name}.service", text=service), Unit(name=f"{name}.timer", text=timer)),
        steps=(
            "Put both files into ~/.config/systemd/user/",
            f"systemctl --user daemon-reload && systemctl --user enable --now {name}.timer",
            "loginctl enable-linger, if it should run while you are logged out",
        ),
    )


def _launchd(name: str, command: list[str], folder: Path, hour: int, minute: int) -> Schedule:
    settings = {
        "Label": name,
        "ProgramArguments": command,
        "WorkingDirectory": str(folder),
        "StartCalendarInterval": {"Hour": hour, "Minute": minute},
        "ProcessType": "Background",
    }
    text = plistlib.dumps(settings, sort_keys=False).decode()
    return Schedule(
        units=(Unit(name=f"{name}.plist", text=text),),
        steps=(
            "Put the file into ~/Library/LaunchAgents/",
            f"launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{name}.plist",
        ),
    )


def _cron(command: list[str], hour: int, minute: int) -> Schedule:
    # In a crontab a percent sign ends the command; what follows would be its input.
    line = f"{minute} {hour} * * * {shlex.join(command)}".replace("%", "\\%")
    return Schedule(units=(Unit(name=None, text=f"{line}\n"),), steps=("Add the line with: crontab -e",))


def _quoted(argument: str) -> str:
    """An argument as systemd reads it (systemd.service, "Command lines"): quoted, `%` and `$` doubled."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text).replace("%", "%%")
