"""The phases of a programme: where what was measured changes its level. Worked out each time, never kept (E1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.change_points import change_points
from selftune.gate.statistics.means import mean_interval
from selftune.gate.statistics.shares import clopper_pearson
from selftune.governance.archive.series import FLAGS, Window, series_of, values_of, window_of
from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.store.sessions import SessionFacts

LEVEL: Final = 0.95
_SURE: Final = 0.99
_MANY: Final = 300


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of sessions on one level of what divides them.

    Attributes:
        whole: The stretch as one window.
        flag_interval: Of the share of flagged sessions, exact, at 95 %.
        score_intervals: Of the mean of each category, at 95 %; None for a single value.
        p_value: Of the change by which it begins; None for the first.
    """

    whole: Window
    flag_interval: tuple[float, float]
    score_intervals: tuple[tuple[str, tuple[float, float] | None], ...]
    p_value: float | None


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The phases of a programme by one measure, and by what they were found.

    Attributes:
        size: Sessions in each of the `windows` that were looked at.
    """

    measure: str
    windows: int
    size: int
    level: float
    found: tuple[Phase, ...]

    @property
    def method(self) -> str:
        """One sentence for a person."""
        return (
            f"Changes of level in {self.measure}, over {self.windows} windows of {self.size} sessions: the largest sum "
            f"of deviations, against random order, each change sure to {self.level:.0%}. Worked out now, kept nowhere."
        )


def phases_of(facts: Iterable[SessionFacts], *, measure: str = FLAGS, size: int = 0, level: float = _SURE) -> Phases:
    """The phases of a programme by one measure: flags, scores, one category, or how the answers are worded.

    Raises:
        UnknownNameError: nothing of that name was measured.
        ValueError: the level does not lie between 0 and 1.
    """
    rows = list(facts)
    windows = series_of(rows, size=size)
    values = values_of(windows, measure)
    told = [(window, value) for window, value in zip(windows, values, strict=True) if value is not None]
    changes = change_points([value for _, value in told], level=level)
    begins = [rows[0].number, *(told[one.at][0].first for one in changes)]
    chances = [None, *(one.p_value for one in changes)]
    parts = [[row for row in rows if begin <= row.number < end] for begin, end in _spans(begins, rows[-1].number + 1)]
    return Phases(
        measure=measure,
        windows=len(told),
        size=windows[0].n,
        level=level,
        found=tuple(_phase(part, chance) for part, chance in zip(parts, chances, strict=True)),
    )


def _spans(begins: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    return zip(begins, [*begins[1:], end], strict=True)


def _phase(rows: Sequence[SessionFacts], p_value: float | None) -> Phase:
    whole = window_of(rows)
    return Phase(
        whole=whole,
        flag_interval=clopper_pearson(whole.flagged, whole.n, LEVEL),
        score_intervals=tuple(
            (name, interval_of([row.scores[name] for row in rows if name in row.scores])) for name, _ in whole.scores
        ),
        p_value=p_value,
    )


def interval_of(scores: Sequence[float]) -> tuple[float, float] | None:
    """Of a mean, sessions taken as strangers to each other; a programme's scale is its own, so nothing bounds it."""
    if len(scores) < _MANY:
        return mean_interval(scores, LEVEL, (-math.inf, math.inf))
    # Of so many, resampling finds what the normal law says, and takes seconds for it.
    reach = normal_quantile(LEVEL) * stdev(scores) / math.sqrt(len(scores))
    return fmean(scores) - reach, fmean(scores) + reach
