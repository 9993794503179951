"""The guardrails of a trial: each answer of the candidate beside the champion's around it, watched after every one.

They see outcomes only: whether an answer failed, how long it took, whether it declined, where a thumb pointed. Fed the
same outcomes in the same order they come to the same, so that a trial can be worked out again from its journal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.canary.note import Limits

_AROUND: Final = 50
"""So many answers of the champion at most stand beside one of the candidate: the newest, so that both saw one day."""

_MOST_WAITING: Final = 256
"""So many answers of the candidate wait at most for one of the champion; who waited longest is dropped, and counted."""


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
        completion_id: What feedback names it by.
    """

    candidate: bool
    person: str
    failed: bool | None = None
    seconds: float | None = None
    refused: bool | None = None
    thumb_down: bool | None = None
    completion_id: str = ""


@dataclass(kw_only=True)
class _Beside:
    """Holds the outcomes of one guard against each other as they come."""

    watch: Watch
    worse: Callable[[float, float], float]
    around: deque[float] = field(default_factory=lambda: deque(maxlen=_AROUND))
    waiting: deque[float] = field(default_factory=deque)
    dropped: int = 0
    differences: list[float] | None = None

    def take(self, *, candidate: bool, value: float) -> None:
        if not candidate:
            self.around.append(value)
            if self.waiting:
                self._compare(self.waiting.popleft())
            return
        if self.around:
            self._compare(value)
            return
        if len(self.waiting) == _MOST_WAITING:
            self.waiting.popleft()
            self.dropped += 1
        self.waiting.append(value)

    def _compare(self, value: float) -> None:
        """Against all of the champion's since the last comparison: each of its answers is looked at once."""
        difference = sum(self.worse(value, other) for other in self.around) / len(self.around)
        self.around.clear()
        self.watch = self.watch.after(difference)
        if self.differences is not None:
            self.differences.append(difference)


class Guardrails:
    """What four guards have seen of a trial.

    Args:
        limits: What is tolerated.
        keep: Whether every difference and every person is kept, for a record; a gateway keeps sums alone, which do not
            grow with each user whom a client makes up.
    """

    def __init__(self, limits: Limits, *, keep: bool = False) -> None:
        self._alpha = limits.alpha / len(Guard)
        tolerated = {
            Guard.ERRORS: limits.errors,
            Guard.SLOW: limits.slow,
            Guard.REFUSALS: limits.refusals,
            Guard.THUMBS: limits.thumbs,
        }
        self._guards = {
            guard: _Beside(
                watch=Watch(tolerated=tolerated[guard]),
                worse=_slower_by(limits.slower_times) if guard is Guard.SLOW else _more,
                differences=[] if keep else None,
            )
            for guard in Guard
        }
        self._keep = keep
        self.answers = {False: 0, True: 0}
        self.people: dict[bool, set[str]] = {False: set(), True: set()}

    @property
    def alpha(self) -> float:
        """The chance that one guard may be wrong with: all share the trial's."""
        return self._alpha

    def take(self, outcome: Outcome) -> None:
        """Count one answer, or one thumb."""
        if outcome.thumb_down is None:
            self.answers[outcome.candidate] += 1
            if self._keep:
                self.people[outcome.candidate].add(outcome.person)
        seen = {
            Guard.ERRORS: outcome.failed,
            Guard.SLOW: outcome.seconds,
            Guard.REFUSALS: outcome.refused,
            Guard.THUMBS: outcome.thumb_down,
        }
        for guard, value in seen.items():
            if value is not None:
                self._guards[guard].take(candidate=outcome.candidate, value=float(value))

    def watch(self, guard: Guard) -> Watch:
        """What this guard's bets have become."""
        return self._guards[guard].watch

    def differences(self, guard: Guard) -> tuple[float, ...]:
        """Every difference that it saw, in order; none where they are not kept."""
        return tuple(self._guards[guard].differences or ())

    @property
    def harm(self) -> Guard | None:
        """The first guard to which harm is shown; None while there is none."""
        return next((guard for guard in Guard if self.watch(guard).shows_harm(self._alpha)), None)

    def told(self, guard: Guard) -> str:
        """What it saw, in words."""
        watch = self.watch(guard)
        if watch.mean is None:
            return f"{guard}: nothing to compare yet"
        return (
            f"{guard}: {watch.mean:+.3f} over {watch.n} answers of the candidate, tolerated {watch.tolerated:+.3f}; "
            f"so much by chance at most in {watch.p_value:.2g}, harm is shown at {self._alpha:.2g}"
        )


def _more(candidate: float, champion: float) -> float:
    return candidate - champion


def _slower_by(times: float) -> Callable[[float, float], float]:
    def slower(candidate: float, champion: float) -> float:
        return float(candidate > times * champion) - float(champion > times * candidate)

    return slower
