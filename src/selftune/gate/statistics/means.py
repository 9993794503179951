"""What paired scores show of a difference: the method follows from what was measured, and is named."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.bootstrap import studentised_interval
from selftune.gate.statistics.bound import hold, lowest_mean
from selftune.gate.statistics.clusters import MANY, clustered_mean, gather
from selftune.gate.statistics.flips import DRAWN, flip_signs
from selftune.gate.statistics.paired import (
    Difference,
    difference_interval,
    interval_p_value,
    mcnemar_mid_p,
    spread_of,
)
from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.statistics.clusters import ClusteredMean, Clusters

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """Candidate minus champion, mean over items.

    Attributes:
        interval: [low, high] at the level asked for, two-sided, within what the scale allows.
        p_value: Of "the arms are exchangeable", two-sided.
        spread: Standard deviation of one item's difference; with clusters, what it would be for an equal error.
        clusters: Independent units behind the n items.
    """

    mean: float
    interval: tuple[float, float]
    p_value: float
    n: int
    clusters: int
    spread: float
    method: str


def mean_difference(
    differences: Sequence[float], labels: Sequence[str] | None, *, level: float, width: float
) -> MeanDifference:
    """The mean of paired differences on a scale that is `width` wide.

    Right-or-wrong scores get the interval of Bonett and Price and McNemar's test, others the sign-flip test and the
    interval that it leaves, above `MANY` items the normal interval and test. The interval is clear of zero where the
    p-value is at most 1 - level, and nowhere else: a few items that happen to agree prove nothing.

    Raises:
        ValueError: there are no differences, or one is wider than the scale.
    """
    refuse_wide(differences, width)
    clusters = gather(differences, labels)
    found = clustered_mean(clusters)
    if found.error is None:
        low, high, p_value, method = -width, width, 1.0, "one cluster shows nothing"
    elif found.clusters > MANY:
        low, high, p_value, method = _normal(found, found.error, level)
    elif found.clusters == found.n and _is_counted(differences, width):
        low, high, p_value, method = _counted([d / width for d in differences], width, level)
    else:
        low, high, p_value, method = _flipped(clusters, level)
    if p_value > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return MeanDifference(
        mean=found.mean,
        interval=(max(-width, low), min(width, high)),
        p_value=p_value,
        n=found.n,
        clusters=found.clusters,
        spread=width if found.error is None else found.error * math.sqrt(found.n),
        method=_named(method, found),
    )


def harm_difference(
    differences: Sequence[float], labels: Sequence[str] | None, *, level: float, width: float
) -> MeanDifference:
    """`mean_difference` as harm is read from it: each end answers the question that is asked of it.

    A fall is shown where the interval lies below zero, as a gain is where it lies above. That there is none is shown by
    the lower end, and items that were not lost so far do not show it: so it is the bound of `bound`, one-sided at half
    of what the level leaves, which holds its level against any margin.

    Raises:
        ValueError: as `mean_difference`.
    """
    found = mean_difference(differences, labels, level=level, width=width)
    low = lowest_mean(hold(gather(differences, labels), width), (1 - level) / 2, width)
    return replace(found, interval=(low, found.interval[1]), method=f"{found.method}; from below Gaffke's bound")


def paired_gain(differences: Sequence[float], level: float, *, width: float = 1.0) -> Difference:
    """`mean_difference` as the gate reads a gain; no difference is larger than `width`.

    Raises:
        ValueError: as `mean_difference`.
    """
    return _told(differences, mean_difference(differences, None, level=level, width=width), level)


def paired_harm(differences: Sequence[float], level: float, *, width: float = 1.0) -> Difference:
    """`harm_difference` as the gate reads harm; no difference is larger than `width`.

    Raises:
        ValueError: as `mean_difference`.
    """
    return _told(differences, harm_difference(differences, None, level=level, width=width), level)


def paired_growth(growths: Sequence[float], level: float) -> Difference:
    """Growth of what is harmful, which is harm upwards: `paired_harm` seen in a mirror."""
    found = paired_harm([-growth for growth in growths], level)
    low, high = found.interval
    return replace(found, mean=-found.mean, interval=(-high, -low), gained=found.lost, lost=found.gained)


def _told(differences: Sequence[float], found: MeanDifference, level: float) -> Difference:
    return Difference(
        mean=found.mean,
        interval=found.interval,
        level=level,
        p_value=found.p_value,
        n=found.n,
        gained=sum(difference > 0 for difference in differences),
        lost=sum(difference < 0 for difference in differences),
        method=found.method,
    )


def spread_for_gain(differences: Sequence[float], *, width: float = 1.0) -> float:
    """The standard deviation that `paired_gain` reckons with: one item's, with made-up units where it counts."""
    if _is_counted(differences, width):
        return spread_of([difference / width for difference in differences]) * width
    return mean_difference(differences, None, level=0.95, width=width).spread


def _is_counted(differences: Sequence[float], width: float) -> bool:
    return all(abs(d) in (0.0, width) for d in differences)


def refuse_wide(differences: Sequence[float], width: float) -> None:
    """Raise ValueError where a difference is wider than the scale, or is no number."""
    if not all(abs(d) <= width * (1 + _ROUNDING) for d in differences):
        raise ValueError("a difference is wider than the scale")


def mean_interval(values: Sequence[float], level: float, scale: tuple[float, float]) -> tuple[float, float] | None:
    """Interval [low, high] of the mean of one arm, within its scale; None with a single value."""
    clusters = gather(values)
    found = clustered_mean(clusters)
    if found.error is None:
        return None
    if found.n > MANY:
        low, high, *_ = _normal(found, found.error, level)
    else:
        low, high = studentised_interval(clusters, level)
    return max(scale[0], low), min(scale[1], high)


def _normal(found: ClusteredMean, error: float, level: float) -> tuple[float, float, float, str]:
    reach = normal_quantile(level) * error
    z = abs(found.mean) / error if error else (math.inf if found.mean else 0.0)
    return found.mean - reach, found.mean + reach, 2 * NormalDist().cdf(-z), "normal interval and test"


def _counted(signs: Sequence[float], width: float, level: float) -> tuple[float, float, float, str]:
    low, high = difference_interval(signs, level)
    exchangeable = mcnemar_mid_p(sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs))
    # The interval has a test of its own; the two differ by a hair, and the more cautious one counts.
    p_value = max(exchangeable, interval_p_value(signs))
    return low * width, high * width, p_value, "Bonett-Price interval, McNemar mid-p"


def _flipped(clusters: Clusters, level: float) -> tuple[float, float, float, str]:
    found = flip_signs(clusters, level)
    flips = "every flip" if found.exact else f"{DRAWN:,} flips"
    return *found.interval, found.p_value, f"sign-flip test and its interval ({flips})"


def _named(method: str, found: ClusteredMean) -> str:
    clustered = "" if found.clusters == found.n else f" over {found.clusters} clusters"
    return f"paired{clustered}; {method}"
