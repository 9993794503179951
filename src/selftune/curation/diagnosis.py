"""Is a weak category held back by its data or by the recipe? Read from evaluations on record (mission B28).

Where a category scores the same whatever recipe and base were tried, more of the same training will not help it: it
wants other data. Where it moves with the recipe, it wants a better one. "The same" must be shown, not assumed: two arms
count as equal only when the whole interval of their difference lies within a stated margin (two one-sided tests,
Schuirmann 1987), and as different only when it lies clear of zero. The rest is "not enough evidence", with what is
missing. The intervals are of paired differences, with a win and a loss added (Bonett and Price 2012), so that a handful
of equal scores proves nothing, and hold for all pairs of arms at once (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LEVEL: Final = 0.95
_FEWEST_ARMS: Final = 3


class Cause(StrEnum):
    """What a weak category looks bound by."""

    DATA = "data"
    RECIPE = "recipe"
    UNKNOWN = "not enough evidence"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One model that was measured on a category.

    Attributes:
        recipe: Name or digest of the recipe that trained it; `none` for a bare base.
        base: What it was trained on.
        dataset: What it learnt from; None for a bare base.
        scores: Score of each unit, 0 to 1, by its key; what was not scored is not in it.
    """

    recipe: str
    base: str
    dataset: str | None
    scores: Mapping[str, float]

    @property
    def name(self) -> str:
        """Recipe on base."""
        return f"{self.recipe} on {self.base}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two arms lie apart on a category, with the simultaneous interval, and over how many common units."""

    first: str
    second: str
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What one weak category looks bound by, and why.

    Attributes:
        best: Mean of the best arm, which is below what is good enough.
        arms: How many different trained arms were compared.
        widest: The two arms that lie furthest apart; None with fewer than two.
        missing: What would be needed to say more; empty when nothing is.
    """

    category: str
    cause: Cause
    best: float
    arms: int
    widest: Difference | None
    reason: str
    missing: str = ""


def diagnose(
    categories: Mapping[str, Sequence[Tried]], *, good_from: float = 0.9, margin: float = 0.1
) -> tuple[Diagnosis, ...]:
    """A diagnosis for each category whose best arm scores below `good_from`, the weakest first.

    Args:
        categories: For each category the models that were measured on it.
        good_from: A category with an arm at or above this mean is not weak.
        margin: Two arms whose difference surely lies within it count as equal; on the scale of 0 to 1.
    """
    found = [
        _diagnose(name, tried, margin)
        for name, tried in categories.items()
        if any(one.scores for one in tried) and _best(tried) < good_from
    ]
    return tuple(sorted(found, key=lambda one: (one.best, one.category)))


def _best(tried: Iterable[Tried]) -> float:
    return max(fmean(one.scores.values()) for one in tried if one.scores)


def _diagnose(category: str, tried: Sequence[Tried], margin: float) -> Diagnosis:
    arms = _comparable(tried)
    pairs = list(combinations(arms, 2))
    level = 1 - (1 - _LEVEL) / max(1, len(pairs))
    differences = [found for one, other in pairs if (found := compare(one, other, level)) is not None]
    widest = max(differences, key=lambda one: abs(one.mean), default=None)
    cause, reason, missing = _read(arms, differences, margin)
    return Diagnosis(
        category=category,
        cause=cause,
        best=_best(tried),
        arms=len(arms),
        widest=widest,
        reason=reason,
        missing=missing,
    )


def _comparable(tried: Sequence[Tried]) -> list[Tried]:
    """The trained arms that learnt from the same data, the largest such group: only recipe and base tell them apart."""
    groups: dict[str, dict[tuple[str, str], Tried]] = {}
    for one in tried:
        if one.dataset is not None and one.scores:
            groups.setdefault(one.dataset, {})[one.recipe, one.base] = one
    return list(max(groups.values(), key=len, default={}).values())


def compare(one: Tried, other: Tried, level: float) -> Difference | None:
    """The mean paired difference of two arms over their common units; None when they have none."""
    common = sorted(one.scores.keys() & other.scores.keys())
    if not common:
        return None
    found = [one.scores[key] - other.scores[key] for key in common]
    # A made-up win and a made-up loss keep the interval open when all differences are equal.
    widened = [*found, 1.0, -1.0]
    half = normal_quantile(level) * stdev(widened) / math.sqrt(len(widened))
    centre = fmean(widened)
    return Difference(
        first=one.name, second=other.name, mean=fmean(found), low=centre - half, high=centre + half, n=len(found)
    )


def _read(arms: Sequence[Tried], differences: Sequence[Difference], margin: float) -> tuple[Cause, str, str]:
    moved = [one for one in differences if one.low > 0 or one.high < 0]
    if moved:
        widest = max(moved, key=lambda one: abs(one.mean))
        apart = f"{abs(widest.mean):.2f} apart ({widest.low:+.2f} to {widest.high:+.2f}, n = {widest.n})"
        return Cause.RECIPE, f"it moves with recipe or base: {widest.first} and {widest.second} lie {apart}.", ""
    if len(arms) < _FEWEST_ARMS:
        lacking = f"{_FEWEST_ARMS - len(arms)} more recipe(s) or base(s) trained on the same dataset and measured on it"
        return (
            Cause.UNKNOWN,
            f"{len(arms)} trained arm(s) share a dataset; {_FEWEST_ARMS} can show that it is flat.",
            lacking,
        )
    flat = len(differences) == math.comb(len(arms), 2) and all(
        -margin < one.low and one.high < margin for one in differences
    )
    if flat:
        return (
            Cause.DATA,
            f"it is flat over {len(arms)} recipes and bases: every difference surely lies within {margin:g}.",
            "",
        )
    return Cause.UNKNOWN, "the arms neither differ surely nor agree surely.", _units_needed(arms, margin)


def _units_needed(arms: Sequence[Tried], margin: float) -> str:
    """How many common units would settle it if the true differences were zero and spread as they do now."""
    pairs = list(combinations(arms, 2))
    level = 1 - (1 - _LEVEL) / len(pairs)
    spreads, counts = [], []
    for one, other in pairs:
        common = one.scores.keys() & other.scores.keys()
        spreads.append(stdev([*(one.scores[key] - other.scores[key] for key in common), 1.0, -1.0]))
        counts.append(len(common))
    needed = math.ceil((normal_quantile(level) * max(spreads) / margin) ** 2)
    return f"about {needed} units in this category instead of {min(counts)}"
