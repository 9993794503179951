"""One goal, from its choice to the end of its dialogue."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from selftune.errors import BudgetError, ConfigError, NothingNewError, NotYet, SelftuneError, offer
from selftune.failpoints import reach
from selftune.interrupts import stopped_by
from selftune.loop.amending.standing import require_adopted
from selftune.loop.braking import check_brake
from selftune.loop.ejected import codex_of
from selftune.loop.motivation.idleness import Visit
from selftune.loop.motivation.keeping import End, note_ended, note_refused, note_taken, read_diary
from selftune.loop.motivation.noticing import notice
from selftune.loop.night.window import read_time
from selftune.personas.motivator.budget import Allowance, is_quiet, shortfall
from selftune.personas.motivator.candidates import make_candidates
from selftune.personas.motivator.choosing import choose
from selftune.personas.motivator.goals import SOURCES, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from selftune.loop.config import MotivatorSection
    from selftune.loop.motivation.idleness import Idleness
    from selftune.loop.motivation.keeping import Diary
    from selftune.loop.project import Project
    from selftune.personas.motivator.choosing import Choice
    from selftune.personas.motivator.goals import Goal

LEASE: Final = "motivator"
_LEASE_SECONDS: Final = 7200.0


class Holder(Protocol):
    """Holds the dialogue about a goal to its end."""

    def __call__(self, project: Project, prompt: str, task_id: str) -> End:
        """How it ended; what was said is in the log.

        Raises:
            SelftuneError: it could not be held.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Held:
    """A goal that was taken, and how its dialogue ended; `interrupted` where a person came meanwhile."""

    task_id: str
    goal: Goal
    novelty: float
    end: End
    interrupted: bool


def allowance_of(section: MotivatorSection) -> Allowance:
    """What a day may spend.

    Raises:
        ConfigError: a number is negative.
    """
    return Allowance(
        dialogues=section.dialogues_per_day, tokens=section.tokens_per_day, seconds=60 * section.minutes_per_day
    )


def sources_of(section: MotivatorSection) -> frozenset[Source]:
    """Where goals may come from.

    Raises:
        ConfigError: one is unknown, or there is none.
    """
    for name in section.sources:
        if name not in SOURCES:
            raise ConfigError(f"[motivator] sources holds {name!r}.", next_step=offer(name, SOURCES))
    if not section.sources:
        raise ConfigError("[motivator] sources is empty.", next_step=f"Choose from: {', '.join(SOURCES)}.")
    return frozenset(map(Source, section.sources))


def refuse_off(section: MotivatorSection) -> None:
    """Return where the motivator may work at all.

    Raises:
        ConfigError: it is off.
    """
    if not section.on:
        raise ConfigError(
            "the motivator is off.", next_step="Write `on = true` under [motivator] in selftune.toml to let it work."
        )


def objection_now(project: Project, now: datetime, diary: Diary) -> NotYet | BudgetError | None:
    """Why nothing may begin at this moment: quiet hours, or a budget that is used up; None where something may."""
    section = project.config.motivator
    if is_quiet(now, read_time(section.quiet_from), read_time(section.quiet_until)):
        return NotYet(
            f"these are quiet hours, until {section.quiet_until}.", next_step="Nothing to do; it goes on by itself."
        )
    allowance = allowance_of(section)
    short = shortfall(allowance, diary.spent(now.date().isoformat(), allowance))
    if short:
        return BudgetError(short, next_step="Wait for tomorrow, or raise the budget under [motivator].")
    return None


def take_goal(project: Project, now: datetime, idleness: Idleness, hold: Holder) -> Held:
    """Choose one goal, write it down, and hold its dialogue; it is broken off as soon as a person comes.

    Raises:
        ConfigError: the motivator is off, or its section makes no sense.
        WaitingForPersonError: all work is stopped here.
        IntegrityError: the codex in the file is not the one in force, or nothing serves.
        NotYet: quiet hours, or no new goal is left.
        BudgetError: the day's budget is used up.
        LockedError: another motivator works here.
    """
    refuse_off(project.config.motivator)
    check_brake(project)
    require_adopted(project)
    with _alone(project):
        diary = read_diary(project)
        why_not = objection_now(project, now, diary)
        if why_not is not None:
            raise why_not
        choice = choose_goal(project, diary)
        for refused in choice.refused:
            note_refused(project, refused)
        if choice.goal is None:
            raise _nothing_left(choice)
        task_id = note_taken(project, diary, choice.goal, choice.novelty, now.date().isoformat())
        reach("goal-taken")
        return _hold(project, choice, choice.goal, task_id, idleness, hold)


def choose_goal(project: Project, diary: Diary) -> Choice:
    """What would be taken now; nothing is written down."""
    codex = codex_of(project.folder, project.config)
    noticed = notice(project, codex)
    wanted = sources_of(project.config.motivator)
    candidates = [goal for goal in make_candidates(codex, noticed) if goal.source in wanted]
    return choose(candidates, codex, noticed, served=diary.served(), is_known=lambda text: diary.knows(project, text))


def _hold(project: Project, choice: Choice, goal: Goal, task_id: str, idleness: Idleness, hold: Holder) -> Held:
    visit = Visit(idleness)
    try:
        with stopped_by(visit):
            end = hold(project, goal.text, task_id)
    except SelftuneError as error:
        note_ended(
            project, task_id, End(ended_by=f"failed: {type(error).__name__}", interaction_id="", tokens=0, seconds=0)
        )
        raise
    reach("goal-held")
    note_ended(project, task_id, end)
    return Held(task_id=task_id, goal=goal, novelty=choice.novelty, end=end, interrupted=visit.came)


def _nothing_left(choice: Choice) -> NothingNewError:
    return NothingNewError(
        f"no new goal: of {choice.made} candidates {choice.passed_over} were asked before or are too near to that, and "
        f"{len(choice.refused)} were refused.",
        next_step="Nothing to do; new dialogues, verdicts and evaluations bring new goals.",
    )


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    lease = project.store.acquire_lease(LEASE, owner=f"selftune {os.getpid()}", ttl_seconds=_LEASE_SECONDS)
    try:
        yield
    finally:
        lease.release()
