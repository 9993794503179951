"""`selftune motivator`: what idle time did, what today still has, and what it asked itself lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import plain
from selftune.loop.motivation.idleness import Idleness
from selftune.loop.motivation.keeping import read_diary
from selftune.loop.motivation.running import allowance_of, choose_goal, objection_now
from selftune.records import Dataset, Interaction, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from selftune.errors import SelftuneError
    from selftune.loop.motivation.keeping import Taken
    from selftune.loop.motivation.running import Held
    from selftune.loop.project import Project
    from selftune.personas.motivator.budget import Allowance, Spent

_SHOWN: Final = 10
_ID_SHOWN: Final = 24


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of a dataset answers what the system asked itself.

    Attributes:
        most: Largest share that the config allows.
    """

    dataset_id: str
    own: int
    lessons: int
    most: float


@dataclass(frozen=True, kw_only=True)
class MotivatorStatus:
    """What `selftune motivator status` tells.

    Attributes:
        why_not: Why nothing would begin now; empty where something would.
        idle_seconds: Since somebody wanted something here; None where nobody ever did.
        goals: The last goals, newest first.
        refused: Time and reason of the goals that were refused last, newest first.
        share: Of the newest dataset; None without one.
        upcoming: The goal that would be taken now and why, where that was asked for.
    """

    on: bool
    why_not: str
    idle_seconds: float | None
    day: str
    spent: Spent
    allowance: Allowance
    goals: tuple[Taken, ...]
    refused: tuple[tuple[str, str], ...]
    share: Share | None
    upcoming: tuple[str, str] | None = None


def look_at_motivator(project: Project, now: datetime, *, preview: bool = False) -> MotivatorStatus:
    """How the motivator stands; nothing is written down.

    Raises:
        ConfigError: [motivator] makes no sense.
    """
    section = project.config.motivator
    diary, allowance, day = read_diary(project), allowance_of(section), now.date().isoformat()
    idle = Idleness(project).seconds()
    return MotivatorStatus(
        on=section.on,
        why_not=_why_not(project, now, idle),
        idle_seconds=None if idle == float("inf") else idle,
        day=day,
        spent=diary.spent(day, allowance),
        allowance=allowance,
        goals=tuple(reversed(diary.taken[-_SHOWN:])),
        refused=tuple(reversed(diary.refused[-_SHOWN:])),
        share=_share(project),
        upcoming=_upcoming(project) if preview else None,
    )


def _why_not(project: Project, now: datetime, idle: float) -> str:
    section = project.config.motivator
    if not section.on:
        return "it is off"
    why: SelftuneError | None = objection_now(project, now, read_diary(project))
    if why is not None:
        return why.message
    return "somebody was here lately" if idle < 60 * section.idle_minutes else ""


def _share(project: Project) -> Share | None:
    dataset = project.store.last(Dataset)
    if dataset is None:
        return None
    ids = [example.interaction_id for example in dataset.train]
    own = {
        one.id
        for one in project.store.kept_records(dict.fromkeys(ids), Interaction)
        if one.trigger is Trigger.MOTIVATOR
    }
    return Share(
        dataset_id=dataset.id,
        own=sum(name in own for name in ids),
        lessons=len(ids),
        most=project.config.curation.max_share_motivator,
    )


def _upcoming(project: Project) -> tuple[str, str] | None:
    choice = choose_goal(project, read_diary(project))
    return None if choice.goal is None else (choice.goal.text, choice.goal.why)


def describe_status(status: MotivatorStatus) -> Iterator[str]:
    """The status for a screen."""
    yield f"The motivator is {'on' if status.on else 'off'}."
    if status.why_not and status.on:
        yield f"Nothing begins now: {status.why_not.rstrip('.')}."
    idle = "nobody ever asked or came" if status.idle_seconds is None else f"{status.idle_seconds / 60:,.0f} minutes"
    yield f"Idle for: {idle}."
    spent, allowed = status.spent, status.allowance
    yield (
        f"Today ({status.day}): {spent.dialogues} of {allowed.dialogues} dialogues, {spent.tokens:,} of "
        f"{allowed.tokens:,} tokens, {spent.seconds / 60:.1f} of {allowed.seconds / 60:g} minutes."
    )
    yield _told_share(status.share)
    yield from _told_goals(status)
    for at, why in status.refused:
        yield f"  refused {at[:16].replace('T', ' ')}: {why}"
    if status.upcoming is not None:
        text, why = status.upcoming
        yield f"Next would be: {plain(text)}"
        yield f"  because {why}."


def _told_share(share: Share | None) -> str:
    if share is None:
        return "In the newest dataset: there is none yet."
    part = share.own / share.lessons if share.lessons else 0.0
    return (
        f"In the newest dataset: {share.own} of {share.lessons} lessons answer the system itself ({part:.0%}; at most "
        f"{share.most:.0%} may)."
    )


def _told_goals(status: MotivatorStatus) -> Iterator[str]:
    if not status.goals:
        yield "No goal was taken yet."
        return
    yield "The last goals:"
    for one in status.goals:
        yield f"  {one.task_id}  {one.day}  {one.source.value}: {one.why}; {one.ended_by}{_at(one.interaction_id)}"


def _at(interaction_id: str) -> str:
    return f" ({interaction_id[:_ID_SHOWN]})" if interaction_id else ""


def describe_held(held: Held) -> Iterator[str]:
    """One goal that was held, for a screen."""
    one = held.taken
    begun = "goes on" if held.resumed else "asks itself"
    yield f"{one.task_id} {begun}: {plain(held.text)}"
    yield f"  because {one.why} ({one.source.value}, novelty {one.novelty:.2f})."
    ended = "somebody came" if held.interrupted else one.ended_by
    yield f"  ended: {ended}; {one.tokens:,} tokens, {one.seconds:.1f} s{_at(one.interaction_id)}."
    for line in held.told:
        yield f"  {plain(line)}"
