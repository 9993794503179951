"""What runs here now, as the dashboard shows it: work and how far it is, the night and what is left, what serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from selftune.loop.night.alarms import alarms, read_nights
from selftune.loop.night.shift import spent_so_far
from selftune.loop.releasing.service import make_target
from selftune.loop.under_way import what_is_under_way
from selftune.records import Experiment, Night
from selftune.release.live import LiveServer

if TYPE_CHECKING:
    from selftune.loop.night.alarms import Alarm, Begun
    from selftune.loop.project import Project
    from selftune.loop.under_way import UnderWay
    from selftune.release.live import LiveStatus


@dataclass(frozen=True, kw_only=True)
class OpenNight:
    """A night that has begun and not ended.

    Attributes:
        began: UTC time as ISO 8601.
        seconds_left: To its hard stop, at least 0; None where it has none.
        tries: What it has tried so far.
        usd: What it has spent so far; None where it left no note of where it began to.
        budget_usd: What it may spend by the config; None without a limit.
    """

    name: str
    began: str
    seconds_left: float | None
    tries: int
    usd: float | None
    budget_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Running:
    """What runs now.

    Attributes:
        work: Each process that works here.
        night: The night under way, or one that was cut off and goes on with the next.
        live: What serves; None where nothing does.
    """

    work: tuple[UnderWay, ...]
    night: OpenNight | None
    live: LiveStatus | None
    alarms: tuple[Alarm, ...]
    at: datetime


def what_runs(project: Project, now: datetime | None = None) -> Running:
    """Look, and touch nothing."""
    now = now or datetime.now(UTC)
    return Running(
        work=what_is_under_way(project.hidden),
        night=_open_night(project, now),
        live=LiveServer(make_target(project)).status(),
        alarms=alarms(project, now.astimezone()),
        at=now,
    )


def _open_night(project: Project, now: datetime) -> OpenNight | None:
    begun = read_nights(project).begun
    if not begun or any(night.name == begun[-1].name for _, night in project.store.each(Night)):
        return None
    newest = begun[-1]
    spent = spent_so_far(project, newest.name)
    return OpenNight(
        name=newest.name,
        began=newest.at,
        seconds_left=_left(newest, now),
        tries=sum(1 for _, one in project.store.each(Experiment) if one.night == newest.name),
        usd=None if spent is None else sum(spent.usd),
        budget_usd=project.config.nightly.budget_usd,
    )


def _left(night: Begun, now: datetime) -> float | None:
    return None if not night.until else max(0.0, (datetime.fromisoformat(night.until) - now).total_seconds())
