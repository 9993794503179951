"""Whether a night may use this machine now: on mains power and with nobody at it, where its policy asks for that.

What can't be told counts as a no: a laptop that says nothing of its person is left alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.loop.config import OnlyWhen

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.night.clock import Clock
    from selftune.loop.night.window import Window

POWER_SUPPLIES: Final = Path("/sys/class/power_supply")
TERMINALS: Final = Path("/dev/pts")
_LOOK_EVERY: Final = 0.5
_LOOK_AGAIN: Final = 60.0
_ANSWER_SECONDS: Final = 5.0
_HID_IDLE: Final = re.compile(r'"HIDIdleTime"\s*=\s*(\d+)')


@dataclass(frozen=True, kw_only=True)
class Power:
    """What feeds this machine: whether it has a battery, and whether it is on mains; None where that can't be told."""

    battery: bool
    plugged_in: bool | None


@dataclass(frozen=True, kw_only=True)
class Presence:
    """What this machine says of its power and of its person.

    Attributes:
        idle_seconds: Since somebody last touched it, infinite where nobody is logged in; None where it can't be told.
    """

    power: Power
    idle_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When a night may use the machine: `only_when` is resolved, and idle means untouched for so many seconds."""

    only_when: OnlyWhen
    idle_seconds: float


def policy_of(only_when: OnlyWhen, idle_minutes: float, power: Power) -> Policy:
    """The policy in force on this machine: left to it, a machine with a battery waits for its plug and its person."""
    if only_when is OnlyWhen.AUTO:
        only_when = OnlyWhen.PLUGGED_IN_AND_IDLE if power.battery else OnlyWhen.ALWAYS
    return Policy(only_when=only_when, idle_seconds=60 * idle_minutes)


def objection(policy: Policy, presence: Presence) -> str:
    """Why the machine may not be used now, as half a sentence; empty where it may."""
    if policy.only_when is OnlyWhen.ALWAYS:
        return ""
    if presence.power.plugged_in is None:
        return "whether it is plugged in can't be told"
    if not presence.power.plugged_in:
        return "it runs on its battery"
    if policy.only_when is OnlyWhen.PLUGGED_IN:
        return ""
    if presence.idle_seconds is None:
        return "whether somebody is at it can't be told"
    return "somebody is at it" if presence.idle_seconds < policy.idle_seconds else ""


class Watch:
    """A wish to stop for `interrupts.stopped_by`: true from when the machine may no longer be used.

    It looks twice a second at most, however often it is called, so that a person who is back waits for half a second
    and the step that is being made.

    Attributes:
        why: What it saw; empty while all is well.
    """

    def __init__(
        self, policy: Policy, look: Callable[[], Presence], elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self.why = ""
        self._policy, self._look, self._elapsed = policy, look, elapsed
        self._next = elapsed()

    def __call__(self) -> bool:
        """Whether the machine is wanted back."""
        if self.why or self._policy.only_when is OnlyWhen.ALWAYS:
            return bool(self.why)
        if self._elapsed() >= self._next:
            self.why = objection(self._policy, self._look())
            self._next = self._elapsed() + _LOOK_EVERY
        return bool(self.why)


def wait_until_allowed(
    clock: Clock,
    window: Window,
    policy: Policy,
    look: Callable[[], Presence],
    stop: Callable[[], bool] = lambda: False,
    told: Callable[[str], object] = lambda text: None,  # noqa: ARG005 - nobody need listen
) -> bool:
    """Sleep until the machine may be used; false where the window closes first, or somebody stops the waiting.

    It looks once a minute, and not before somebody who was there just now can have been away for long enough. Why it
    waits is told once for each reason.
    """
    reason = ""
    while window.seconds_left(clock) > 0 and not stop():
        presence = look()
        why = objection(policy, presence)
        if not why:
            return True
        if why != reason:
            told(f"Waiting: {why}.")
        reason = why
        absent = presence.idle_seconds if policy.only_when is OnlyWhen.PLUGGED_IN_AND_IDLE else None
        missing = 0.0 if absent is None else policy.idle_seconds - absent
        clock.sleep(min(max(missing, _LOOK_AGAIN), window.seconds_left(clock)))
    return False


def look_here() -> Presence:
    """What this machine says now."""
    return Presence(power=read_power(), idle_seconds=read_idle())


def read_power(folder: Path = POWER_SUPPLIES) -> Power:
    """What feeds this machine, by the kernel's own files on Linux and by psutil elsewhere."""
    return _power_of(folder) if folder.is_dir() else _power_by_psutil()


def _power_of(folder: Path) -> Power:
    """By /sys/class/power_supply (Linux, Documentation/ABI/testing/sysfs-class-power).

    A mouse has a battery too, which psutil takes for the machine's: what has the scope `Device` feeds only itself.
    """
    supplies = [
        {name: _text(supply / name) for name in ("type", "scope", "online", "status")} for supply in folder.iterdir()
    ]
    ours = [supply for supply in supplies if supply["scope"] != "Device"]
    batteries = [supply["status"] for supply in ours if supply["type"] == "Battery"]
    mains = [supply["online"] for supply in ours if supply["type"] != "Battery" and supply["online"]]
    if not batteries:
        return Power(battery=False, plugged_in=True)
    if mains:
        return Power(battery=True, plugged_in=any(online != "0" for online in mains))
    told = [status for status in batteries if status and status != "Unknown"]
    return Power(battery=True, plugged_in="Discharging" not in told if told else None)


def _text(path: Path) -> str:
    """What a file of the kernel says; nothing where this supply has no such file or does not answer now."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _power_by_psutil() -> Power:
    import psutil

    found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return Power(battery=found is not None, plugged_in=True if found is None else found.power_plugged)


def read_idle(terminals: Path = TERMINALS) -> float | None:
    """Seconds since somebody touched this machine: by logind, by a Mac's input devices, or by its terminals.

    A terminal's time is exact to eight seconds only (Linux, `tty_update_time`).
    """
    if sys.platform == "darwin":
        return idle_by_ioreg(_said("ioreg", "-c", "IOHIDSystem", "-d", "4"))
    by_logind = idle_by_logind(
        _said("loginctl", "show-session", "-p", "IdleHint", "-p", "IdleSinceHintMonotonic"), time.monotonic()
    )
    return idle_by_terminals(terminals, time.time()) if by_logind is None else by_logind


def idle_by_logind(said: str, monotonic: float) -> float | None:
    """What `loginctl show-session` says of all sessions together (org.freedesktop.login1, IdleHint); None: nothing.

    Sessions are idle when each of them is; where there is none, they have been for ever.
    """
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if facts.get("IdleHint") == "no":
        return 0.0
    since = facts.get("IdleSinceHintMonotonic", "")
    if facts.get("IdleHint") != "yes" or not since.isdigit():
        return None
    return max(0.0, monotonic - int(since) / 1e6) if int(since) else float("inf")


def idle_by_ioreg(said: str) -> float | None:
    """What a Mac's `ioreg -c IOHIDSystem` says, in nanoseconds; None where it says nothing."""
    found = [int(nanoseconds) for nanoseconds in _HID_IDLE.findall(said)]
    return min(found) / 1e9 if found else None


def idle_by_terminals(folder: Path, now: float) -> float | None:
    """Seconds since a key was hit in the terminal that was used last; None where no terminal is open."""
    read = [place.stat().st_atime for place in folder.glob("[0-9]*")] if folder.is_dir() else []
    return max(0.0, now - max(read)) if read else None


def _said(*command: str) -> str:
    """What a program of the system prints; nothing where it is not there, fails, or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
