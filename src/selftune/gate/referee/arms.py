"""One arm by itself: its mean, its parts, and what has no score."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.referee.verdict import ArmSummary, Part
from selftune.gate.statistics.effects import bimodality
from selftune.gate.statistics.means import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.records.scores import ScoreSheet


def summarise(sheet: ScoreSheet, scale: tuple[float, float], level: float) -> ArmSummary:
    """The arm over all its scored items."""
    scores = sheet.scores()
    return ArmSummary(
        name=sheet.facts.name,
        mean=fmean(scores) if scores else None,
        interval=mean_interval(scores, level, scale) if scores else None,
        n=len(scores),
        judge_overall_mean=_mean(sheet.judge_overall(item) for item, _ in sheet.scored()) if sheet.has_own else None,
        stated_mean=_mean(map(sheet.stated, sheet.items)) if sheet.states else None,
        by_category=_parts(sheet, "category"),
        by_difficulty=_parts(sheet, "difficulty"),
        by_agent=_parts(sheet, "agent"),
        critical_failures=len(sheet.critical),
        unscored=tuple(sheet.unscored),
        bimodality=bimodality(scores),
        swing=_swing(sheet.repeated()),
    )


def _swing(repeated: Sequence[Sequence[float]]) -> float | None:
    """The pooled standard deviation within items: sums of squares over degrees of freedom."""
    if not repeated:
        return None
    squares = math.fsum((score - fmean(scores)) ** 2 for scores in repeated for score in scores)
    return math.sqrt(squares / sum(len(scores) - 1 for scores in repeated))


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def _parts(sheet: ScoreSheet, what: str) -> tuple[Part, ...]:
    if not sheet.has(what):
        return ()
    scores: dict[str, list[float]] = defaultdict(list)
    critical: dict[str, int] = defaultdict(int)
    for name, score in zip(sheet.labels(what), sheet.by_place(), strict=True):
        if name is not None and score is not None:
            scores[name].append(score)
    for item in sheet.critical:
        if (name := sheet.label(what, item)) is not None:
            critical[name] += sheet.score(item) is not None
    return tuple(
        Part(name=name, mean=fmean(held), n=len(held), critical=critical[name]) for name, held in scores.items()
    )
