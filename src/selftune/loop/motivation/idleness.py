"""Whether anybody wants this machine or this model now: by its keys, by the log, and by whoever just typed.

Where the machine can't tell whether somebody is at it (no login, no terminal), the log alone counts.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from selftune.loop.night.presence import read_idle
from selftune.records import Interaction, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.loop.project import Project

_VISITS: Final = "somebody-came"
_LOOK_BACK: Final = 500
_LOOK_EVERY: Final = 0.5


def note_visit(hidden: Path) -> None:
    """Say that a person is here now, whoever waits for that; where it can't be written nobody is told."""
    place = hidden / "personas" / _VISITS
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    except OSError:
        return


def last_visit(hidden: Path) -> float | None:
    """When a person last came, in seconds since the epoch; None where none ever did."""
    try:
        return (hidden / "personas" / _VISITS).stat().st_mtime
    except OSError:
        return None


class Idleness:
    """How long nobody has wanted anything here, and whether somebody came since.

    Args:
        project: Whose log is read.
        touched: Seconds since somebody touched this machine; None where that can't be told.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        project: Project,
        *,
        touched: Callable[[], float | None] = read_idle,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._touched = touched
        self._now = now
        self._read_to = max(0, project.store.last_sequence(Interaction) - _LOOK_BACK)
        self._last_asked = 0.0

    def seconds(self) -> float:
        """Since somebody touched the machine, came, or asked; infinite where nobody ever did."""
        touched = self._touched()
        known = [self._now() - moment for moment in (self._asked(), last_visit(self._project.hidden) or 0.0) if moment]
        return max(0.0, min(known if touched is None else [*known, touched], default=float("inf")))

    def _asked(self) -> float:
        """When a person last asked, by the log; only what is new in it is read."""
        store = self._project.store
        if store.last_sequence(Interaction) > self._read_to:
            for sequence, one in store.each(Interaction, self._read_to):
                self._read_to = sequence
                if one.trigger is Trigger.USER:
                    self._last_asked = max(self._last_asked, _moment(one) or _read(store.saved_at(one.id)))
        return self._last_asked


class Visit:
    """A wish to stop, for `interrupts.stopped_by`: true from when somebody came after it was made.

    It looks twice a second at most; what is stopped by it is the piece that is being said.
    """

    def __init__(self, idleness: Idleness, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._idleness, self._elapsed = idleness, elapsed
        self._since = elapsed()
        self._next = self._since + _LOOK_EVERY
        self.came = False

    def __call__(self) -> bool:
        """Whether somebody wants this machine or this model back."""
        if not self.came and self._elapsed() >= self._next:
            self._next = self._elapsed() + _LOOK_EVERY
            self.came = self._idleness.seconds() < self._elapsed() - self._since
        return self.came


def _moment(one: Interaction) -> float | None:
    told = one.last_turn_at or one.happened_at
    return _read(told) if told else None


def _read(moment: str) -> float:
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
