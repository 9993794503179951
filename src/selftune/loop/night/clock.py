"""What time a night goes by: a wall clock to begin by, and seconds that no clock change touches to end by."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

LOCAL_ZONE: Final = Path("/etc/localtime")
_LEAST_SLEPT: Final = 1.0
_NAP_SECONDS: Final = 60.0


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> datetime:
        """The wall clock's time, aware, in this machine's zone."""
        ...

    def elapsed(self) -> float:
        """Seconds since some moment; it never goes back, and counts also while the machine sleeps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds of `elapsed`, at once for none."""
        ...


class SystemClock:
    """This machine's own time."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone or local_zone()
        self._elapsed = sleepless_counter()

    def now(self) -> datetime:
        """The wall clock's time, aware, in this machine's zone."""
        return datetime.now(self._zone)

    def elapsed(self) -> float:
        """Seconds since some moment, also those that the machine slept through."""
        return self._elapsed()

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds; a machine that wakes up later returns within a minute of waking."""
        until = self.elapsed() + seconds
        while (left := until - self.elapsed()) > 0:
            # The system's own sleep does not count while the machine is suspended.
            time.sleep(min(left, _NAP_SECONDS))


class SimulatedClock:
    """Time that passes when somebody sleeps, for a month of nights in minutes."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise UsageError(f"{start} names no time zone.", next_step="Give the start with its zone.")
        self._zone = start.tzinfo
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._wrong = timedelta()

    def now(self) -> datetime:
        """The simulated wall clock, in the zone of its start."""
        return (self._start + timedelta(seconds=self._elapsed) + self._wrong).astimezone(self._zone)

    def elapsed(self) -> float:
        """Simulated seconds since the start."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._elapsed += max(0.0, seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall clock on or back, as a time server does; no time passes."""
        self._wrong += timedelta(seconds=seconds)


class SleepByDifference:
    """Seconds that count sleep where no clock of the system does: what the wall clock gained was slept through.

    A wall clock that was set on counts as sleep, too: whoever can't tell the two apart ends a night early, never late.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._before = monotonic(), wall()
        self._slept = 0.0

    def __call__(self) -> float:
        """Seconds since some moment."""
        now = self._monotonic(), self._wall()
        gained = (now[1] - self._before[1]) - (now[0] - self._before[0])
        self._before = now
        self._slept += gained if gained > _LEAST_SLEPT else 0.0
        return now[0] + self._slept


def sleepless_counter() -> Callable[[], float]:
    """What counts seconds on this system, those included in which it slept.

    Linux: `CLOCK_BOOTTIME` (clock_gettime(2)). A Mac: `CLOCK_MONOTONIC_RAW`, which goes on while asleep, other than
    Python's own monotonic clock there (Darwin's clock_gettime(3); NOT VERIFIED on one).
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC_RAW"):
        number = getattr(time, name, None)
        if number is not None:
            return lambda: time.clock_gettime(number)
    return SleepByDifference()


def local_zone(variable: str | None = None, link: Path = LOCAL_ZONE) -> tzinfo:
    """This machine's time zone with its rules, by `TZ` where it is set, else by `/etc/localtime`, else UTC.

    Raises:
        UsageError: `TZ` names no zone of the time zone database.
    """
    named = os.environ.get("TZ") if variable is None else variable
    if named is not None:
        return _zone_of(named.removeprefix(":"))
    if not link.exists():
        return UTC
    name = str(link.resolve()).rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        with link.open("rb") as rules:
            return ZoneInfo.from_file(rules, key="localtime")


def _zone_of(name: str) -> tzinfo:
    """The zone of a `TZ` variable: empty is UTC, a path is a file of rules (POSIX, 8.3; tzset(3))."""
    if not name:
        return UTC
    try:
        if name.startswith("/"):
            with Path(name).open("rb") as rules:
                return ZoneInfo.from_file(rules, key=name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"TZ is {name!r}, which names no time zone.",
            next_step="Set it to a name such as Europe/Berlin, or unset it.",
        ) from error
