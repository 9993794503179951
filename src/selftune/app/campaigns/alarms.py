"""The alarms on ordinary histories, which they must leave alone, and on planted ones, which they must find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.alarm_worlds import (
    KINDS,
    PLANTED,
    ordinary,
    ordinary_answers,
    ordinary_wording,
    planted,
    planted_answers,
    planted_wording,
)
from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import most_by_chance
from selftune.governance.alarms.base import LEVEL, Verdict
from selftune.governance.alarms.collapse import collapsed
from selftune.governance.alarms.of_sessions import worded_alike
from selftune.governance.alarms.too_clean import too_clean, too_even
from selftune.governance.alarms.too_fast import ever_too_fast, newest_too_fast
from selftune.governance.samples import Sample, look_at_cited
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.governance.alarms.base import History, Look

HISTORIES: Final = 200
MOST_FALSE: Final = 0.05
LEAST_FOUND: Final = 0.95
_SESSIONS: Final = 2_000
_TERMINAL: Final = 0.06
_CITED: Final = 3
_COLLAPSES: Final = {
    "stock phrases": "a stock phrase in three answers of five",
    "one text": "one text for three answers of five",
    "the judge's manner": "all answers in the judge's manner",
}
_WORDINGS: Final = {
    "stock": "0.3 to 0.6 stock phrases more a session",
    "opening": "one opening for 30 to 60 % more of the answers",
    "distinct": "0.35 to 0.6 less of different word pairs",
}


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm over series, and the planted histories that it must find."""

    name: str
    looks: Callable[[Sequence[History]], tuple[Look, ...]]
    finds: tuple[str, ...]


ALARMS: Final = (
    Alarm(name="too fast, newest value", looks=newest_too_fast, finds=("jump",)),
    Alarm(name="too fast, whole series", looks=ever_too_fast, finds=("jump", "sudden compliance")),
    Alarm(name="too clean", looks=too_clean, finds=("zero flags", "sudden compliance")),
    Alarm(name="too even", looks=too_even, finds=("no variance",)),
)


def report() -> Section:
    """How often each alarm holds what is ordinary, and how often it finds what was planted."""
    size = HISTORIES
    return Section(
        title="Alarms on ordinary and on planted histories",
        method=f"{size} ordinary histories for each alarm, dealt evenly over: {', '.join(KINDS)}; each with four "
        "categories, flags, loss and diversity. An alarm is false where any of its looks at a history asks for a hold. "
        f"Each alarm's own level is {LEVEL:.0%} a history. {size} histories for each planted case.",
        figures=(*_false_holds(size), *_found(size), *_of_answers(size), *_of_samples(size)),
        limits="Histories of a real project over months: there is none of that length. A quick gain from new data that "
        "lies far outside anything the history holds is a hold, as it should be: its reason lifts it.",
    )


def false_holds(alarm: Alarm, size: int) -> dict[str, int]:
    """In how many of so many ordinary histories an alarm asks for a hold, by kind."""
    held = dict.fromkeys(KINDS, 0)
    for number in range(size):
        kind = KINDS[number % len(KINDS)]
        held[kind] += _holds(alarm.looks(ordinary(kind, number)))
    return held


def found(alarm: Alarm, case: str, size: int) -> int:
    """In how many of so many histories with this case planted an alarm asks for a hold."""
    return sum(_holds(alarm.looks(planted(case, number))) for number in range(size))


def collapses(size: int, case: str = "") -> int:
    """How often answers are called collapsed: ordinary ones, or those with a case planted."""
    held = 0
    for number in range(size):
        before, after, examiner = planted_answers(case, number) if case else ordinary_answers(number)
        held += _holds(collapsed(before, after, examiners={"judge": examiner}))
    return held


def wordings_held(size: int, name: str = "") -> int:
    """How often the wording of an archive is called collapsed: ordinary ones, or with one measure planted."""
    worlds = (planted_wording(name, number) if name else ordinary_wording(number) for number in range(size))
    return sum(_holds(worded_alike(world)) for world in worlds)


def picks_held(size: int, how: str) -> int:
    """How often cited evidence is held: picked at random by hand, from the end, or of the best."""
    from random import Random

    held = 0
    for number in range(size):
        draw = Random(f"{how} {number}")  # noqa: S311 - reproducible draws, no secrets
        scores = [draw.random() for _ in range(_SESSIONS)]
        samples = [Sample(id=f"session {at}", score=score) for at, score in enumerate(scores, start=1)]
        ranked = [samples[at] for at in sorted(range(_SESSIONS), key=scores.__getitem__)]
        from_ = {
            "at random": samples,
            "from the end": samples[-round(_TERMINAL * _SESSIONS) :],
            "of the best": ranked[-round(_TERMINAL * _SESSIONS) :],
        }[how]
        cited = [one.id for one in draw.sample(from_, _CITED)]
        held += look_at_cited(cited, samples, ()).verdict is Verdict.HOLD
    return held


def _holds(looks: Sequence[Look]) -> bool:
    return any(look.verdict is Verdict.HOLD for look in looks)


def _false_holds(size: int) -> Iterator[Figure]:
    for alarm in ALARMS:
        held = false_holds(alarm, size)
        beside = ", ".join(f"{kind} {count}" for kind, count in held.items() if count)
        yield _false(alarm.name, sum(held.values()), size, beside)


def _found(size: int) -> Iterator[Figure]:
    for alarm in ALARMS:
        for case in alarm.finds:
            yield _shown(f"{PLANTED[case]}: {alarm.name}", found(alarm, case, size), size)


def _of_answers(size: int) -> Iterator[Figure]:
    yield _false("collapse", collapses(size), size)
    for case, what in _COLLAPSES.items():
        yield _shown(f"{what}: collapse", collapses(size, case), size)
    yield _false("collapse, over an archive", wordings_held(size), size)
    for name, what in _WORDINGS.items():
        yield _shown(f"{what} in its last quarter: collapse, over an archive", wordings_held(size, name), size)


def _of_samples(size: int) -> Iterator[Figure]:
    yield _false("hand-picked, picked fairly", picks_held(size, "at random"), size)
    for how in ("from the end", "of the best"):
        yield _shown(f"three of {_SESSIONS:,} {how} ({_TERMINAL:.0%}): hand-picked", picks_held(size, how), size)


def _false(name: str, held: int, size: int, beside: str = "") -> Figure:
    low, high = wilson_interval(held, size, 0.95)
    limit = most_by_chance(size, LEVEL)
    return Figure(
        name=f"ordinary: {name}",
        measured=f"held {held} of {size}: {held / size:.1%} [{low:.1%}, {high:.1%}]{f' ({beside})' if beside else ''}",
        promised=f"at most {MOST_FALSE:.0%}, and {limit} of {size}: the 99 % limit of {LEVEL:.0%}",
        held=held <= min(limit, MOST_FALSE * size),
    )


def _shown(name: str, count: int, size: int) -> Figure:
    low, high = wilson_interval(count, size, 0.95)
    return Figure(
        name=f"planted: {name}",
        measured=f"found {count} of {size}: {count / size:.1%} [{low:.1%}, {high:.1%}]",
        promised=f"at least {LEAST_FOUND:.0%}",
        held=count >= LEAST_FOUND * size,
    )
