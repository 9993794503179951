"""How long a night may last: fixed at its beginning, held in seconds that no clock change moves."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import tzinfo

    from selftune.loop.night.clock import Clock

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_ENDLESS: Final = float("inf")


@dataclass(frozen=True, kw_only=True)
class Window:
    """From the beginning of a night to its hard stop.

    Attributes:
        began: When it began, aware; `until` is its deadline as the wall clock was to show it, None for none.
        deadline: The same in seconds of the clock's `elapsed`: what counts, whatever becomes of the wall clock.
        due: When a night by the timer was to begin, which a late one is called after; None where a person began it.
    """

    began: datetime
    until: datetime | None
    deadline: float
    due: datetime | None = None

    @property
    def date(self) -> str:
        """The local date on which it began or was due, such as `2026-11-22`."""
        return (self.due or self.began).date().isoformat()

    def seconds_left(self, clock: Clock) -> float:
        """Seconds until the hard stop; 0 from then on."""
        return max(0.0, self.spare_seconds(clock))

    def spare_seconds(self, clock: Clock) -> float:
        """Seconds until the hard stop, below 0 behind it."""
        return self.deadline - clock.elapsed()

    def fits(self, estimate_seconds: float, clock: Clock) -> bool:
        """Whether what takes so long ends before the hard stop, if begun now."""
        return estimate_seconds < self.seconds_left(clock)


def window_for(clock: Clock, until: str | None) -> Window:
    """The window of a night that begins now and stops when the wall clock next shows `until`; None: it does not stop.

    Raises:
        UsageError: `until` is no time of day.
    """
    began = clock.now()
    if until is None:
        return Window(began=began, until=None, deadline=_ENDLESS)
    ends = next_time(began, until)
    return Window(began=began, until=ends, deadline=clock.elapsed() + seconds_between(began, ends))


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Seconds that pass between two moments, below 0 where they come the other way round.

    By UTC: of two times in one zone Python takes what they show, and leaves out that clocks change in between.
    """
    return (later.astimezone(UTC) - earlier.astimezone(UTC)).total_seconds()


def name_night(window: Window, taken: Collection[str], *, again: bool = False) -> str | None:
    """What a night is called: its date; None where that date had its night and no second one was asked for.

    Nights after the first of a date have a number, as in `2026-11-22-2`: only `again`, a person's word, makes one.
    """
    if window.date not in taken:
        return window.date
    if not again:
        return None
    number = 2
    while f"{window.date}-{number}" in taken:
        number += 1
    return f"{window.date}-{number}"


def next_time(now: datetime, shown: str) -> datetime:
    """The first moment after now at which a wall clock in now's zone shows this time, or leaps over it.

    Where clocks go back, a time that is shown twice counts twice: the earlier one is a hard stop.

    Raises:
        UsageError: it is no time of day.
    """
    shown_at = (moment for day in (-1, 0, 1, 2) for moment in _of_day(now, shown, day))
    return next(moment for moment in shown_at if seconds_between(now, moment) > 0)


def last_time(now: datetime, shown: str) -> datetime:
    """The last moment up to now at which a wall clock in now's zone showed this time for the first time that day.

    Raises:
        UsageError: it is no time of day.
    """
    days = (next(_of_day(now, shown, day)) for day in (1, 0, -1, -2))
    return next(moment for moment in days if seconds_between(now, moment) <= 0)


def read_time(shown: str) -> time_of_day:
    """A time of day, as in 05:00 or 23:59.

    Raises:
        UsageError: it is none.
    """
    found = _TIME.fullmatch(shown)
    if found is None:
        raise UsageError(f"{shown!r} is no time of day.", next_step="Write it as 03:00, up to 23:59.")
    return time_of_day(int(found[1]), int(found[2]))


def _of_day(now: datetime, shown: str, day: int) -> Iterator[datetime]:
    """The moments at which the clock shows a time on the date so many days from now's, in order."""
    zone = now.tzinfo
    if zone is None:
        raise UsageError(f"{now} names no time zone.", next_step="Give the time with its zone.")
    wanted = datetime.combine(now.date() + timedelta(days=day), read_time(shown), zone)
    early, late = wanted.astimezone(UTC), wanted.replace(fold=1).astimezone(UTC)
    if early <= late:
        yield early.astimezone(zone)
        if early < late:
            yield late.astimezone(zone)
    else:
        yield _leap(zone, late, early).astimezone(zone)


def _leap(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The second between two moments in which clocks go forward: what they leap over is never shown (PEP 495)."""
    before = low.astimezone(zone).utcoffset()

    def has_leapt(passed: int) -> bool:
        return (low + timedelta(seconds=passed)).astimezone(zone).utcoffset() != before

    whole = int((high - low).total_seconds())
    return low + timedelta(seconds=bisect_left(range(whole), 1, key=has_leapt))
