"""Whether a judge's scores may be trusted: held against people's, against another judge's and against its own."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.judges.calibration.human import ONE_MARK
from selftune.scoring.agreement import Agreement, measure_kappa, measure_spearman, student_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.judges.shares import Share
    from selftune.records import Judgement, Rubric

    Pairs = Sequence[tuple[Judgement, Judgement]]

_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a judge must reach to be called calibrated; a project may set it otherwise, and every report shows it.

    Attributes:
        least_kappa: Quadratically weighted kappa of the overall against people's.
        least_labels: Interactions that people have judged as well.
        least_swap_consistency: Share of comparisons whose winner stays when the two answers change places.
    """

    least_kappa: float = 0.60
    least_labels: int = 200
    least_swap_consistency: float = 0.85


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How far two judges agree in one respect: weighted kappa, and the rank correlation beside it."""

    name: str
    kappa: Agreement
    rank: Agreement


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two judges on the same interactions: overall, by criterion, by category.

    Attributes:
        against: Who the other one is.
        error: Standard deviation of the overall's difference over the square root of 2: the error of a single verdict
            where both are of one kind, as in a retest; None with fewer than two pairs.
    """

    against: str
    overall: Measured
    criteria: tuple[Measured, ...]
    categories: tuple[Measured, ...]
    error: float | None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Fixed transcripts, judged at first and now.

    Attributes:
        change: Mean of now less at first, in points of the scale.
        largest: The largest change of a single one, whatever its sign.
        interval: Of the mean, at 95 %; None with fewer than two.
        praised: Those known to be worthless that are in the upper half of the scale now.
    """

    n: int
    change: float
    largest: float
    interval: tuple[float, float] | None
    praised: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All that is known about one judge under one rubric.

    Attributes:
        needs_swap: Whether it can prefer the first of two answers at all: a model can, code can't.
    """

    judge: str
    rubric: str
    bar: Bar
    people: Comparison
    others: tuple[Comparison, ...] = ()
    retest: Comparison | None = None
    swap: Share | None = None
    drift: Drift | None = None
    needs_swap: bool = True

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """What is missing to a calibrated judge; empty when nothing is."""
        bar, kappa = self.bar, self.people.overall.kappa
        found = []
        if kappa.n < bar.least_labels:
            found.append(f"{kappa.n} of {bar.least_labels} labels")
        if kappa.value is None:
            found.append("no kappa yet")
        elif kappa.value < bar.least_kappa:
            found.append(f"kappa {kappa.value:.2f}, {bar.least_kappa:.2f} is asked for")
        if self.needs_swap and self.swap is None:
            found.append("swap consistency not measured")
        elif self.needs_swap and self.swap is not None and self.swap.value < bar.least_swap_consistency:
            found.append(f"swap consistency {self.swap.value:.0%}, {bar.least_swap_consistency:.0%} is asked for")
        return tuple(found)

    @property
    def calibrated(self) -> bool:
        """Whether nothing is missing."""
        return not self.shortfalls


def compare_judges(pairs: Pairs, rubric: Rubric, *, against: str) -> Comparison:
    """Agreement of the first with the second of each pair; a score that one of them lacks leaves its measure."""
    categories: dict[str, list[tuple[Judgement, Judgement]]] = defaultdict(list)
    for first, second in pairs:
        categories[category_of(first)].append((first, second))
    overalls = _overalls(pairs)
    return Comparison(
        against=against,
        overall=_measured("overall", overalls),
        criteria=tuple(_measured(item.name, _scores(pairs, item.name)) for item in rubric.criteria),
        categories=tuple(_measured(name, _overalls(group)) for name, group in sorted(categories.items())),
        error=_deviation([first - second for first, second in overalls], math.sqrt(2)),
    )


def category_of(judgement: Judgement) -> str:
    """What an interaction is about, as far as a rubric tells: the criteria that apply."""
    return " + ".join(sorted(item.name for item in judgement.criteria if item.score is not None)) or "none"


def measure_drift(
    rounds: Iterable[tuple[str, Judgement, Judgement]], worthless: frozenset[str], rubric: Rubric
) -> Drift | None:
    """Drift over (name, at first, now) of fixed transcripts; None without one that has both scores."""
    middle = (rubric.lowest + rubric.highest) / 2
    scored = [
        (name, first.overall, now.overall)
        for name, first, now in rounds
        if first.overall is not None and now.overall is not None
    ]
    if not scored:
        return None
    changes = [now - first for _, first, now in scored]
    mean, spread = fmean(changes), _deviation(changes, math.sqrt(len(changes)))
    reach = None if spread is None else student_quantile(_LEVEL, len(changes) - 1) * spread
    return Drift(
        n=len(changes),
        change=mean,
        largest=max(changes, key=abs),
        interval=None if reach is None else (mean - reach, mean + reach),
        praised=tuple(name for name, _, now in scored if name in worthless and now > middle),
    )


def _overalls(pairs: Pairs) -> list[tuple[float, float]]:
    return [
        (first.overall, second.overall)
        for first, second in pairs
        if first.overall is not None and second.overall is not None
    ]


def _scores(pairs: Pairs, name: str) -> list[tuple[float, float]]:
    both = ((_score(first, name), _score(second, name)) for first, second in pairs)
    return [(one, other) for one, other in both if one is not None and other is not None]


def _score(judgement: Judgement, name: str) -> float | None:
    """What it gave for this criterion; a mark for the answer as a whole says nothing of one alone."""
    if ONE_MARK in judgement.flags:
        return None
    return next((item.score for item in judgement.criteria if item.name == name), None)


def _measured(name: str, scores: Sequence[tuple[float, float]]) -> Measured:
    return Measured(name=name, kappa=measure_kappa(scores), rank=measure_spearman(scores))


def _deviation(values: Sequence[float], over: float) -> float | None:
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) / over
