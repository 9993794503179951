"""The guardrails of a trial: users of the candidate beside users of the champion, watched after every answer.

They see outcomes only: whether an answer failed, how long it took, whether it declined, where a thumb pointed. Fed the
same outcomes in the same order they come to the same, so that a trial can be worked out again from its journal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from selftune.gate.statistics.dealing import LEVELS, Dealt
from selftune.gate.statistics.watching import Payoff, Watch, bounds

if TYPE_CHECKING:
    from selftune.loop.canary.note import CanaryNote

_Known = TypeVar("_Known")

_AROUND: Final = 50
"""Beside so many answers before it an answer is held, to say whether it was slow: the newest, of either side."""

_MOST_PEOPLE: Final = 50_000
"""Of no more users a guard knows how they fared: whoever comes later is counted and not bet on."""

_MOST_GIVEN: Final = 20_000
"""Of so many answers, the newest, it is known which side gave them, so that a thumb can be counted."""


class Guard(StrEnum):
    """What is watched."""

    ERRORS = "errors"
    SLOW = "latency"
    REFUSALS = "refusals"
    THUMBS = "thumbs"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one answer went; what is not known of it is None and is not counted.

    Attributes:
        candidate: Whether the candidate gave it.
        person: Who asked, by a name that holds on this trial alone.
        failed: Whether no whole answer came.
        seconds: From the request to the end of the answer.
        refused: Whether it declines.
        thumb_down: Whether a person's thumb points down.
        answer: Which answer it is, by a name that holds on this trial alone; a thumb has the one of its answer.
    """

    candidate: bool
    person: str
    failed: bool | None = None
    seconds: float | None = None
    refused: bool | None = None
    thumb_down: bool | None = None
    answer: str = ""

    @property
    def is_known(self) -> bool:
        """Whether anything is known of how the answer went."""
        return any(value is not None for value in (self.failed, self.seconds, self.refused))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a guard's bets came to.

    Attributes:
        n: Answers of the candidate that were held against the champion's.
        mean: The candidate's difference to the champion, where more is worse; None where nothing was compared.
        p_value: Of "no more than tolerated", valid whenever one stops.
        told: Over how much that mean is, in words.
    """

    n: int
    mean: float | None
    p_value: float
    told: str


@dataclass(kw_only=True)
class _ByUsers:
    """Bets on users, each of whom is on one side."""

    levels: dict[int, Dealt]
    alpha: float
    keep: bool
    harmful: bool = False
    people: dict[str, list[float]] = field(default_factory=dict)
    payoffs: dict[int, list[Payoff]] = field(default_factory=lambda: {level: [] for level in LEVELS})
    answers: int = 0

    def take(self, person: str, value: float, *, candidate: bool) -> None:
        """One more answer to this user."""
        if len(self.people) == _MOST_PEOPLE and person not in self.people:
            return
        known = self.people.setdefault(person, [0, 0.0])
        known[0] += 1
        known[1] += value
        self.answers += candidate
        level, mean = int(known[0]), known[1] / known[0]
        if level in self.levels:
            if self.keep:
                self.payoffs[level].append(self.levels[level].told_by(mean, candidate=candidate))
            after = self.levels[level].after(mean, candidate=candidate)
            self.levels[level] = after
            # Each level has its part of alpha. What was shown once stays shown.
            self.harmful = self.harmful or after.watch.shows_harm(self.alpha / len(LEVELS))

    def change(self, person: str, by: float) -> None:
        """One answer of before counts otherwise now; on what was bet already that changes nothing."""
        if person in self.people:
            self.people[person][1] += by

    @property
    def seen(self) -> Seen:
        one = self.levels[self._level()]
        users = f"{one.users[True]} users of the candidate and {one.users[False]} of the champion"
        return Seen(
            n=self.answers if any(dealt.difference is not None for dealt in self.levels.values()) else 0,
            mean=one.difference,
            p_value=min(1.0, len(LEVELS) * one.watch.p_value),
            told=users,
        )

    def measured(self) -> tuple[float, tuple[float, float]] | None:
        """The difference with its interval: of the level that shows harm, else of the one that says most."""
        compared = [level for level, dealt in self.levels.items() if dealt.difference is not None]
        if not compared:
            return None
        part = self.alpha / len(LEVELS)
        intervals = {level: bounds(self.payoffs[level], part) for level in compared}
        best = min(compared, key=lambda level: intervals[level][1] - intervals[level][0])
        if self.levels[self._level()].watch.shows_harm(part):
            best = self._level()
        mean = self.levels[best].difference
        # The bets follow the users in their order, a mean does not: it can lie beside what they leave open.
        return None if mean is None else (mean, _around(intervals[best], mean))

    def _level(self) -> int:
        """The level whose bets came to most."""
        return max(self.levels, key=lambda level: self.levels[level].watch.peak)


@dataclass(kw_only=True)
class _ByPairs:
    """Bets on pairs of answers to one request: in the shadow."""

    watch: Watch
    alpha: float
    keep: bool
    harmful: bool = False
    payoffs: list[Payoff] = field(default_factory=list)

    def take(self, difference: float) -> None:
        """One more pair."""
        seen = Payoff(value=difference)
        self.watch = self.watch.after(seen)
        self.harmful = self.watch.shows_harm(self.alpha)
        if self.keep:
            self.payoffs.append(seen)

    @property
    def seen(self) -> Seen:
        told = f"{self.watch.n} requests that both were asked"
        return Seen(n=self.watch.n, mean=self.watch.mean, p_value=self.watch.p_value, told=told)

    def measured(self) -> tuple[float, tuple[float, float]] | None:
        """The mean difference with its interval."""
        mean = self.watch.mean
        return None if mean is None else (mean, _around(bounds(self.payoffs, self.alpha), mean))


class Guardrails:
    """What four guards have seen of a trial.

    Args:
        note: The trial: what is tolerated, and how users were dealt.
        keep: Whether all is kept that a record needs; a gateway keeps sums alone.
    """

    def __init__(self, note: CanaryNote, *, keep: bool = False) -> None:
        limits = note.limits
        self._alpha = limits.alpha / len(Guard)
        self._times = limits.slower_times
        self._tolerated = {
            Guard.ERRORS: limits.errors,
            Guard.SLOW: limits.slow,
            Guard.REFUSALS: limits.refusals,
            Guard.THUMBS: limits.thumbs,
        }
        self._pairs: dict[Guard, _ByPairs] = {}
        self._users: dict[Guard, _ByUsers] = {}
        for guard, tolerated in self._tolerated.items():
            watch = Watch(tolerated=tolerated)
            if note.shadow:
                self._pairs[guard] = _ByPairs(watch=watch, alpha=self._alpha, keep=keep)
                continue
            # Slower and faster both count: from -1 to 1.
            dealt = Dealt(share=note.share, watch=watch, lowest=-1.0 if guard is Guard.SLOW else 0.0)
            self._users[guard] = _ByUsers(levels=dict.fromkeys(LEVELS, dealt), alpha=self._alpha, keep=keep)
        self._keep = keep
        # The same seconds twice: as they came, and in their order.
        self._around, self._ranked = deque[float](), list[float]()
        self._given: OrderedDict[str, Outcome] = OrderedDict()
        self._thumbs: OrderedDict[str, bool] = OrderedDict()
        self.answers = {False: 0, True: 0}
        self.people: dict[bool, set[str]] = {False: set(), True: set()}

    @property
    def alpha(self) -> float:
        """The chance that one guard may be wrong with: all share the trial's."""
        return self._alpha

    def tolerated(self, guard: Guard) -> float:
        """A difference up to this is no harm."""
        return self._tolerated[guard]

    def given(self, answer: str) -> Outcome | None:
        """How an answer went that somebody saw; None of one that nobody remembers, or saw."""
        return self._given.get(answer)

    def thumb(self, answer: str) -> bool | None:
        """Whether the thumb for this answer points down; None where there is none."""
        return self._thumbs.get(answer)

    def take(self, outcome: Outcome) -> None:
        """Count one answer, or one thumb: the last one for an answer counts."""
        if outcome.thumb_down is not None:
            self._take_thumb(outcome)
            return
        if outcome.is_known:
            self.answers[outcome.candidate] += 1
            if self._keep:
                self.people[outcome.candidate].add(outcome.person)
        if self._pairs and outcome.candidate:
            self._take_pair(outcome)
            return
        if outcome.answer:
            _remember(self._given, outcome.answer, outcome)
        if self._users:
            slower = None if outcome.seconds is None else self._slower(outcome.seconds)
            known = {Guard.ERRORS: outcome.failed, Guard.SLOW: slower, Guard.REFUSALS: outcome.refused}
            for guard, value in known.items():
                if value is not None:
                    self._users[guard].take(outcome.person, float(value), candidate=outcome.candidate)

    def seen(self, guard: Guard) -> Seen:
        """What this guard's bets have become."""
        return (self._pairs or self._users)[guard].seen

    def measured(self, guard: Guard) -> tuple[float, tuple[float, float]] | None:
        """The difference, and between what it lies; None where nothing was compared, or nothing kept."""
        return (self._pairs or self._users)[guard].measured() if self._keep else None

    @property
    def harm(self) -> Guard | None:
        """The first guard to which harm is shown; None while there is none."""
        guards = self._pairs or self._users
        return next((guard for guard, one in guards.items() if one.harmful), None)

    def told(self, guard: Guard) -> str:
        """What it saw, in words."""
        seen = self.seen(guard)
        mean = "" if seen.mean is None else f"{seen.mean:+.3f} "
        return (
            f"{guard}: {mean}over {seen.told}, tolerated {self._tolerated[guard]:+.3f}; "
            f"so much by chance at most in {seen.p_value:.2g}, harm is shown at {self._alpha:.2g}"
        )

    def _take_thumb(self, outcome: Outcome) -> None:
        assert outcome.thumb_down is not None, "it is a thumb"  # noqa: S101 - what cannot happen
        before = self._thumbs.get(outcome.answer) if outcome.answer else None
        if outcome.answer:
            _remember(self._thumbs, outcome.answer, outcome.thumb_down)
        if not self._users:  # in the shadow nobody saw the candidate's answers
            return
        users = self._users[Guard.THUMBS]
        if before is None:
            users.take(outcome.person, float(outcome.thumb_down), candidate=outcome.candidate)
        else:
            users.change(outcome.person, float(outcome.thumb_down) - float(before))

    def _take_pair(self, shadow: Outcome) -> None:
        """An answer in the shadow, beside the one to the same request that somebody saw."""
        given = self._given.get(shadow.answer)
        if given is None:
            return
        for guard, ours, theirs in (
            (Guard.ERRORS, shadow.failed, given.failed),
            (Guard.REFUSALS, shadow.refused, given.refused),
        ):
            if ours is not None and theirs is not None:
                self._pairs[guard].take(float(ours) - float(theirs))

    def _slower(self, seconds: float) -> float | None:
        """In how many of the answers around it this one is slower, less those in which it is faster, as a share.

        Around it stand both sides', so that the measure is the same whichever side a user was dealt to.
        """
        ranked, around = self._ranked, len(self._around)
        slower = bisect_left(ranked, seconds / self._times) + bisect_right(ranked, seconds * self._times) - around
        if around == _AROUND:
            ranked.pop(bisect_left(ranked, self._around.popleft()))
        self._around.append(seconds)
        insort(ranked, seconds)
        return slower / around if around else None


def _around(interval: tuple[float, float], mean: float) -> tuple[float, float]:
    return min(interval[0], mean), max(interval[1], mean)


def _remember(known: OrderedDict[str, _Known], name: str, value: _Known) -> None:
    known[name] = value
    if len(known) > _MOST_GIVEN:
        known.popitem(last=False)
