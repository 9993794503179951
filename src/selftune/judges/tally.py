"""Scores side by side: as they were stated, as the judge saw the whole, as we compute them; failures are in none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.judges.calibration.measure import category_of
from selftune.records import JudgementStatus
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.records import Judgement, Rubric

_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What some verdicts came to.

    Attributes:
        by: What they have in common: `all`, `category`, `difficulty`.
        rows: How many there are, unscored ones among them.
        mean: The corrected mean: of our overalls, over the scored rows; None without any.
        interval: Of the corrected mean, at 95 %: Wilson's, which is wide for scores that are no mere yes or no.
        stated_mean: The raw mean: of what a file gives for its rows, failures counted as it counted them.
        own_mean: Of what the judge itself gave as overall, where it gave one.
        own: How many it gave.
        critical: In how many of the scored rows the judge named a critical failure.
    """

    by: str
    name: str
    rows: int
    scored: int
    mean: float | None
    interval: tuple[float, float] | None
    stated_mean: float | None
    own_mean: float | None
    own: int
    critical: int


def tally(by: str, name: str, rows: Sequence[tuple[Judgement | None, float | None]], rubric: Rubric) -> Tally:
    """The sums over some rows: the verdict, None for a row that is none, and the score that a file states for it."""
    scored = [item for item, _ in rows if item is not None and item.status is JudgementStatus.SCORED]
    overalls = _known(item.overall for item in scored)
    own = _known(item.judge_overall for item in scored)
    return Tally(
        by=by,
        name=name,
        rows=len(rows),
        scored=len(scored),
        mean=_mean(overalls),
        interval=_interval(overalls, rubric),
        stated_mean=_mean(_known(stated for _, stated in rows)),
        own_mean=_mean(own),
        own=len(own),
        critical=sum(bool(item.critical_failures) for item in scored),
    )


def tally_by_category(judgements: Iterable[Judgement], rubric: Rubric) -> tuple[Tally, ...]:
    """All verdicts, then those of each category; a log gives no difficulties, and no scores but the judge's."""
    rows: list[tuple[Judgement | None, None]] = []
    categories: dict[str, list[tuple[Judgement | None, None]]] = {}
    for item in judgements:
        rows.append((item, None))
        categories.setdefault(category_of(item), []).append((item, None))
    parts = (tally("category", name, some, rubric) for name, some in sorted(categories.items()))
    return (tally("all", "all", rows, rubric), *(parts if len(categories) > 1 else ()))


def describe_tally(one: Tally) -> str:
    """One line: raw, corrected, the judge's own, with n and critical failures."""
    figures = []
    if one.stated_mean is not None:
        figures.append(f"raw {one.stated_mean:.2f} (n = {one.rows})")
    if one.mean is not None and one.interval is not None:
        low, high = one.interval
        figures.append(f"corrected {one.mean:.2f} [{low:.2f}, {high:.2f}] (n = {one.scored})")
    else:
        figures.append("corrected: no score")
    if one.own_mean is not None:
        figures.append(f"the judge's own {one.own_mean:.2f} (n = {one.own})")
    if one.scored < one.rows:
        figures.append(f"{one.rows - one.scored} unscored")
    if one.critical:
        figures.append(f"critical failures in {one.critical}")
    return f"{one.name if one.by == one.name else f'{one.by} {one.name}'}: {', '.join(figures)}"


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _interval(overalls: Sequence[float], rubric: Rubric) -> tuple[float, float] | None:
    if not overalls:
        return None
    width = rubric.highest - rubric.lowest
    low, high = wilson_interval(sum((item - rubric.lowest) / width for item in overalls), len(overalls), _LEVEL)
    return rubric.lowest + width * low, rubric.lowest + width * high
