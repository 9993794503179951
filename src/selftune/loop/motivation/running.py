"""One goal, from its choice to the end of its dialogue."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError, ConfigError, NothingNewError, NotYet, SelftuneError, offer
from selftune.failpoints import reach
from selftune.governance.brake.at_work import at_work
from selftune.governance.brake.file import Braked
from selftune.interrupts import stopped_by
from selftune.loop.amending.standing import require_adopted
from selftune.loop.braking import check_brake
from selftune.loop.dialogues.measuring import embedding_of
from selftune.loop.ejected import codex_of
from selftune.loop.forging.toolbox import toolbox_of
from selftune.loop.motivation.idleness import Visit
from selftune.loop.motivation.keeping import (
    BROKE_OFF,
    FAILED,
    KEPT,
    End,
    note_ended,
    note_refused,
    note_resumed,
    note_taken,
    read_diary,
)
from selftune.loop.motivation.noticing import newest_of, notice
from selftune.loop.night.window import read_time
from selftune.personas.motivator.budget import Allowance, Spent, charged, is_quiet, shortfall
from selftune.personas.motivator.candidates import make_candidates
from selftune.personas.motivator.choosing import choose
from selftune.personas.motivator.goals import SOURCES, Source
from selftune.records import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from selftune.loop.motivation.holding import Holder
    from selftune.loop.motivation.idleness import Idleness
    from selftune.loop.motivation.keeping import Diary, Taken
    from selftune.loop.project import Project
    from selftune.loop.talking import MotivatorSection
    from selftune.personas.motivator.choosing import Choice
    from selftune.personas.motivator.goals import Goal
    from selftune.personas.motivator.noticed import Noticed
    from selftune.records import Codex

    Asker = Callable[[Project, Codex, Noticed, int], Goal | None]

LEASE: Final = "motivator"
_LEASE_SECONDS: Final = 7200.0


@dataclass(frozen=True, kw_only=True)
class Held:
    """A goal whose dialogue was held.

    Attributes:
        text: The goal's words.
        taken: What is on record of it, its end included.
        interrupted: Whether a person came meanwhile.
        resumed: Whether a crash had broken it off.
        told: What else a person should know: what failed, or why it is not in the log.
    """

    text: str
    taken: Taken
    interrupted: bool
    resumed: bool = False
    told: tuple[str, ...] = ()


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


def take_goal(project: Project, now: datetime, idleness: Idleness, holder: Holder) -> Held:
    """Choose one goal, write it down, and hold its dialogue; it is broken off as soon as a person comes.

    Raises:
        ConfigError: the motivator is off, or its section makes no sense.
        WaitingForPersonError: all work is stopped here.
        IntegrityError: the codex in the file is not the one in force, or nothing serves.
        NotYet: quiet hours, no new goal is left, or somebody came meanwhile.
        BudgetError: the day's budget is used up.
        LockedError: another motivator works here.
    """
    refuse_off(project.config.motivator)
    visit = Visit(idleness)
    check_brake(project)
    require_adopted(project)
    with at_work(project.hidden), _alone(project):
        diary = read_diary(project)
        why_not = objection_now(project, now, diary)
        if why_not is not None:
            raise why_not
        lying_now = holder.lying(project)
        settle_broken_off(project, diary, {one.task_id for one in lying_now})
        for lying in lying_now:
            again = note_resumed(project, diary.find(lying.task_id, now), now.date().isoformat())
            return _hold(project, lying.text, again, visit, holder, resumed=True)
        choice = choose_goal(project, diary, holder.propose)
        for refused in choice.refused:
            note_refused(project, refused)
        if choice.goal is None:
            raise _nothing_left(choice)
        if visit():
            raise NotYet("somebody came.", next_step="Nothing to do; it goes on when nobody is here.")
        taken = note_taken(project, diary, choice.goal, choice.novelty, now.date().isoformat())
        reach("goal-taken")
        return _hold(project, choice.goal.text, taken, visit, holder)


def choose_goal(project: Project, diary: Diary, ask: Asker | None = None) -> Choice:
    """What would be taken now; nothing is written down.

    Args:
        project: Whose records are read.
        diary: What was taken before.
        ask: Has the model propose a goal, where `model` is one of the sources; None asks no model.

    Raises:
        ConfigError: [motivator] sources holds what is none.
        ServingError: the model is asked and does not answer.
    """
    codex = codex_of(project.folder, project.config)
    noticed = notice(project, codex, tools=tuple(tool.name for tool in toolbox_of(project).schemas()))
    wanted = sources_of(project.config.motivator)
    candidates = [goal for goal in make_candidates(codex, noticed) if goal.source in wanted]
    if ask is not None and Source.MODEL in wanted:
        proposed = ask(project, codex, noticed, len(diary.taken))
        candidates += [] if proposed is None else [proposed]
    return choose(
        candidates,
        codex,
        noticed,
        served=diary.served(),
        is_known=lambda text: diary.knows(project, text),
        embed=embedding_of(project),
    )


def _hold(project: Project, text: str, taken: Taken, visit: Visit, holder: Holder, *, resumed: bool = False) -> Held:
    left = _left(project, taken)
    try:
        with stopped_by(visit), stopped_by(Braked(project.hidden)):
            end = holder.hold(project, text, taken.task_id, left)
    except SelftuneError as error:
        failed = End(ended_by=f"{FAILED}: {type(error).__name__}")
        was_begun = _lies(project, taken.task_id, holder)
        note_ended(project, taken.task_id, _with_share(project, failed) if was_begun else failed)
        raise
    reach("goal-held")
    end = _with_share(project, end) if end.ended_by.startswith(FAILED) else end
    note_ended(project, taken.task_id, end)
    return Held(text=text, taken=taken.ended(end), interrupted=visit.came, resumed=resumed, told=end.told)


def _lies(project: Project, task_id: str, holder: Holder) -> bool:
    """Whether anything was begun of it; where that can't be told, it was."""
    try:
        return any(one.task_id == task_id for one in holder.lying(project))
    except SelftuneError:
        return True


def _with_share(project: Project, end: End) -> End:
    """An end that costs a dialogue's share at least: what a turn took that failed, nobody counted."""
    share = charged(allowance_of(project.config.motivator))
    return replace(end, tokens=max(end.tokens, share.tokens), seconds=max(end.seconds, share.seconds))


def _left(project: Project, taken: Taken) -> Spent:
    """What the day still has for this dialogue, whose last beginning is counted in already as one without an end."""
    allowance = allowance_of(project.config.motivator)
    before = read_diary(project).spent(taken.begun_on[-1], allowance, but=taken.task_id)
    return Spent(
        dialogues=1,
        tokens=max(1, allowance.tokens - before.tokens),
        seconds=max(1.0, allowance.seconds - before.seconds),
    )


def settle_broken_off(project: Project, diary: Diary, lying: Collection[str]) -> None:
    """Write down the end of dialogues that were kept whole before a crash; what they took is charged by their share."""
    lost = {one.task_id: one for one in diary.taken if one.ended_by == BROKE_OFF and one.task_id not in lying}
    share = charged(allowance_of(project.config.motivator))
    for one in newest_of(project) if lost else ():
        if one.trigger is Trigger.MOTIVATOR and one.task_id in lost:
            del lost[one.task_id]
            end = End(ended_by=KEPT, interaction_id=one.id, tokens=share.tokens, seconds=share.seconds)
            note_ended(project, one.task_id, end)


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
