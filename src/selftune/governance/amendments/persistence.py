"""When a conflict may end in an amendment: it lasts, and neither a forged tool nor trainings have reduced it.

All of it is read from records, and each condition that is not met is said in words. That a tool or a training has to do
with this conflict is not known: they came after it began, and it is still there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.shares import newcombe_interval
from selftune.governance.amendments.dialogues import Topics
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.governance.amendments.dialogues import Dialogue

LEVEL: Final = 0.95
LOOK_BACK: Final = 2000
"""In so many dialogues, the newest, topics are looked for: each is compared with each that begins one."""

_SECONDS_A_DAY: Final = 86400.0


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What must have been seen before the codex itself is asked about.

    Attributes:
        high: From which dissonance at its end a dialogue counts.
        interactions: That many such dialogues, over so many `days`.
        tools: That many tools approved after the first, and so many `generations` promoted.
    """

    high: float
    interactions: int
    days: float
    tools: int
    generations: int


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """Something that was tried: a tool that came to be allowed, or a generation that came into service."""

    record_id: str
    place: int


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of n dialogues ended high; `interval` is Wilson's at 95 %, None where n is 0."""

    high: int
    n: int
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Persistence:
    """One conflict, and what is missing until it may end in an amendment.

    Attributes:
        topic: In the words in which it was first asked; empty where it is one of who speaks, of whatever.
        first: Id of the dialogue in which it was first asked; empty as the topic is.
        personas: Who spoke in the first of these dialogues, as references write them.
        high: Ids of the dialogues that ended high, oldest first.
        days: From the first to the last of them.
        tools: Ids of tools that were approved since, and so `generations`.
        before: The share until the first remedy; `after` since as many remedies as are demanded.
        missing: What is not met, in sentences; empty where the personas may deliberate.
    """

    topic: str
    first: str
    personas: tuple[str, ...]
    high: tuple[str, ...]
    days: float
    tools: tuple[str, ...]
    generations: tuple[str, ...]
    before: Share
    after: Share
    missing: tuple[str, ...]

    @property
    def may_deliberate(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def named(self) -> str:
        """What it is about, in words for people."""
        return self.topic or f"whatever {' and '.join(self.personas) or 'anybody'} speak of"


def share_of(dialogues: Sequence[Dialogue], high: float) -> Share:
    """The share of these dialogues that ended at this dissonance or above."""
    hits, n = sum(one.ended >= high for one in dialogues), len(dialogues)
    return Share(high=hits, n=n, interval=wilson_interval(hits, n, LEVEL) if n else None)


def find_persistence(
    dialogues: Sequence[Dialogue], tools: Sequence[Remedy], generations: Sequence[Remedy], demand: Demand
) -> tuple[Persistence, ...]:
    """Every conflict, by topic and by who spoke: those that lack least first, of these the most frequent.

    Topics are looked for in the newest `LOOK_BACK` dialogues: what was asked before these lasts only if it is asked
    again. Who spoke is looked at in all.
    """
    recent = dialogues[-LOOK_BACK:]
    among = f" among the newest {LOOK_BACK:,}" if len(recent) < len(dialogues) else ""
    topics = Topics(recent).gather(lambda one: one.ended >= demand.high)
    groups = [_Group(leader=leader, held=held, among=among) for leader, held in topics]
    groups += [_Group(leader=None, held=held) for held in _by_company(dialogues, demand.high)]
    found = [_look_at(group, tools, generations, demand) for group in groups]
    return tuple(sorted(found, key=lambda one: (len(one.missing), -len(one.high))))


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Dialogues that may be one conflict; `among` says in words of which they are all there are."""

    leader: Dialogue | None
    held: Sequence[Dialogue]
    among: str = ""


def _by_company(dialogues: Sequence[Dialogue], high: float) -> Iterator[Sequence[Dialogue]]:
    """The dialogues of each company of personas that ended high at least once."""
    held: dict[frozenset[str], list[Dialogue]] = {}
    for one in dialogues:
        held.setdefault(one.personas, []).append(one)
    yield from (group for group in held.values() if any(one.ended >= high for one in group))


def _look_at(group: _Group, tools: Sequence[Remedy], generations: Sequence[Remedy], demand: Demand) -> Persistence:
    leader, held = group.leader, group.held
    high = [one for one in held if one.ended >= demand.high]
    began = high[0].place
    since = [[one for one in remedies if one.place > began] for remedies in (tools, generations)]
    tried = sorted(one.place for remedies in since for one in remedies)
    enough = _place_of_enough(since[0], demand.tools), _place_of_enough(since[1], demand.generations)
    cut = None if None in enough else max(began, *(place for place in enough if place is not None))
    before = share_of([one for one in held if not tried or one.place < tried[0]], demand.high)
    after = share_of([] if cut is None else [one for one in held if one.place > cut], demand.high)
    days = _days(high[0].at, high[-1].at)
    return Persistence(
        topic="" if leader is None else leader.asked,
        first="" if leader is None else leader.interaction_id,
        personas=tuple(sorted(high[0].personas)),
        high=tuple(one.interaction_id for one in high),
        days=days,
        tools=tuple(one.record_id for one in since[0]),
        generations=tuple(one.record_id for one in since[1]),
        before=before,
        after=after,
        missing=tuple(_missing(f"{len(high)} dialogues{group.among}", len(high), days, since, (before, after), demand)),
    )


def _missing(
    told: str, high: int, days: float, since: Sequence[Sequence[Remedy]], shares: tuple[Share, Share], demand: Demand
) -> Iterator[str]:
    if high < demand.interactions:
        yield f"{told} ended high, and {demand.interactions} are wanted"
    if days < demand.days:
        yield f"they lie {days:.1f} days apart, and {demand.days:g} are wanted"
    untried = [
        f"{len(found)} {what} came since, and {wanted} are wanted"
        for what, found, wanted in (
            ("approved tools", since[0], demand.tools),
            ("generations", since[1], demand.generations),
        )
        if len(found) < wanted
    ]
    yield from untried
    if not untried:
        yield from _against_lasting(*shares, demand)


def _against_lasting(before: Share, after: Share, demand: Demand) -> Iterator[str]:
    """Why what was tried may have helped, or can't be told to have not."""
    wanted = math.ceil(demand.interactions / 2)
    if after.n < wanted:
        yield f"{after.n} dialogues were held after all that, and {wanted} are wanted to tell whether it helped"
    elif after.high < max(1, math.ceil(wanted / 2)):
        yield f"{after.high} of {after.n} ended high after all that: it is as good as resolved"
    elif before.n and newcombe_interval(before.high, before.n, after.high, after.n, LEVEL)[0] > 0:
        yield f"it was reduced, hardly by chance: {before.high} of {before.n} before, {after.high} of {after.n} after"


def _place_of_enough(remedies: Sequence[Remedy], wanted: int) -> int | None:
    """Where the last one stands that was wanted; 0 where none is, None where there are too few."""
    if wanted <= 0:
        return 0
    return remedies[wanted - 1].place if len(remedies) >= wanted else None


def _days(first: str, last: str) -> float:
    """Days between two moments; 0 where one is not known."""
    try:
        seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, seconds / _SECONDS_A_DAY)
