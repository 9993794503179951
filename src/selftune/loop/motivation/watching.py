"""The motivator in the foreground: it waits until nobody wants the machine, takes a goal, and waits again.

Between two looks it sleeps, and it opens the project only when the machine itself seems idle: so it costs next to
nothing, and no file stays open that somebody else wants for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError, LockedError, NotYet, ServingError, WaitingForPersonError
from selftune.governance.brake.at_work import at_work
from selftune.loop.braking import check_brake
from selftune.loop.config import load_config
from selftune.loop.motivation.idleness import Idleness, last_visit
from selftune.loop.motivation.running import refuse_off, take_goal
from selftune.loop.night.presence import read_idle
from selftune.loop.opened import HIDDEN
from selftune.loop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.loop.motivation.holding import Holder
    from selftune.loop.motivation.running import Held
    from selftune.loop.night.clock import Clock
    from selftune.loop.project import Project

LOOK_SECONDS: Final = 30.0
"""Seconds between two looks; whoever comes is noticed sooner, by the dialogue itself."""
_REST_SECONDS: Final = 600.0
_LONG_REST_SECONDS: Final = 3600.0
_NO_LIMIT: Final = float("inf")


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """What a watch goes by.

    Attributes:
        holder: Holds the dialogues about goals.
        told: Is told in a sentence what it waits for, once for each reason.
        held: Is told of each goal that was taken.
        idle_minutes: In place of what the config says; None: as it says.
        goals: So many goals, and then it ends.
        seconds: So long, and then it ends.
    """

    holder: Holder
    clock: Clock
    told: Callable[[str], object]
    held: Callable[[Held], object]
    idle_minutes: float | None = None
    goals: float = _NO_LIMIT
    seconds: float = _NO_LIMIT
    touched: Callable[[], float | None] = read_idle
    open: Callable[[Path], AbstractContextManager[Project]] = open_project


def watch(folder: Path, watcher: Watcher) -> int:
    """Take goals whenever nobody wants the machine; returns how many were taken.

    What fails is told and tried again later; what only a person can set right is raised.

    Raises:
        ConfigError: the motivator is off, or its section makes no sense.
        WaitingForPersonError: all work is stopped here.
        IntegrityError: the codex in the file is not the one in force.
    """
    with at_work(folder / HIDDEN):  # a motivator that waits is stopped with all else
        return _watch(folder, watcher)


def _watch(folder: Path, watcher: Watcher) -> int:
    taken, reason = 0, ""
    ends = watcher.clock.elapsed() + watcher.seconds
    while taken < watcher.goals and watcher.clock.elapsed() < ends:
        held, why, rest = _look(folder, watcher)
        if held is not None:
            taken, reason = taken + 1, ""
            watcher.held(held)
            continue
        if why != reason:
            watcher.told(why)
        reason = why
        watcher.clock.sleep(max(0.0, min(rest, ends - watcher.clock.elapsed())))
    return taken


def _look(folder: Path, watcher: Watcher) -> tuple[Held | None, str, float]:
    """One look: the goal that was taken, or why none was, and after how many seconds to look again."""
    section = load_config(folder).motivator
    refuse_off(section)
    wanted = 60 * (section.idle_minutes if watcher.idle_minutes is None else watcher.idle_minutes)
    missing = wanted - _seconds_alone(folder, watcher)
    if missing > 0:
        return None, "somebody is here", max(LOOK_SECONDS, missing)
    with watcher.open(folder) as project:
        check_brake(project)
        idleness = Idleness(project, touched=watcher.touched, now=lambda: watcher.clock.now().timestamp())
        missing = wanted - idleness.seconds()
        if missing > 0:
            return None, "somebody asked lately", max(LOOK_SECONDS, missing)
        try:
            return take_goal(project, watcher.clock.now(), idleness, watcher.holder), "", 0.0
        except WaitingForPersonError:
            raise
        except BudgetError as why:
            return None, why.message, _LONG_REST_SECONDS
        except (NotYet, ServingError, LockedError) as why:
            return None, why.message, _REST_SECONDS


def _seconds_alone(folder: Path, watcher: Watcher) -> float:
    """Since somebody touched the machine or came, without a look into the project."""
    visit, touched = last_visit(folder / HIDDEN), watcher.touched()
    since_visit = float("inf") if visit is None else watcher.clock.now().timestamp() - visit
    return min(since_visit, float("inf") if touched is None else touched)
