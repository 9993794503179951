"""One side at a time: is the difference shown to lie below a margin, above one, or within one to either side?

Against zero the question is whether the arms are exchangeable, and the sign-flip test answers it exactly. Against any
other margin nothing is symmetric, and items that never differed so far are the danger: fourteen equal answers do not
show that the fifteenth won't be lost. So one made-up unit stands in for what was not seen, lost by the whole scale, and
Student's t is taken of a mean whose skewness Hall's transformation removes: without it the few losses that were seen by
chance make the error look small as well, and up to 9 % of the candidates that are worse by the margin would pass.
Non-inferiority within 2 % of the scale then takes 340 items at the very least.

Source:
    D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15 (1987), 657-680 (TOST); P. Hall, "On the
    removal of skewness by transformation", J. R. Stat. Soc. B 54 (1992), 221-228.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.means import mean_difference, refuse_wide
from selftune.gate.statistics.student import t_quantile, t_two_sided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.statistics.clusters import Clusters

_STRAIGHT: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class OneSided:
    """Whether a mean difference is shown to lie beyond a margin, on the side that was asked about.

    Attributes:
        bound: The end of the mean's interval on the margin's side, at the one-sided level 1 - alpha.
        p_value: One-sided, of "the mean difference is at the margin, or on its other side".
        shown: Whether the bound is clear of the margin; then the p-value is at most alpha.
        clusters: Independent units behind the n items.
    """

    mean: float
    margin: float
    bound: float
    p_value: float
    shown: bool
    n: int
    clusters: int
    method: str


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Whether a mean difference is shown to lie within a margin to either side (two one-sided tests).

    Attributes:
        interval: [low, high] at the level 1 - 2 alpha: equivalence is shown when it lies within the margins.
        p_value: The larger of the two one-sided ones.
    """

    mean: float
    margin: float
    interval: tuple[float, float]
    p_value: float
    shown: bool
    n: int
    clusters: int
    method: str


def shows_below(
    differences: Sequence[float],
    labels: Sequence[str] | None = None,
    *,
    alpha: float,
    width: float = 1.0,
    margin: float = 0.0,
) -> OneSided:
    """Is the mean of paired differences below the margin? On a scale `width` wide; `labels` name clusters.

    Raises:
        ValueError: there are no differences, one is wider than the scale, or the margin is; or alpha is off its range.
    """
    above = shows_above([-d for d in differences], labels, alpha=alpha, width=width, margin=-margin)
    return OneSided(
        mean=-above.mean,
        margin=margin,
        bound=-above.bound,
        p_value=above.p_value,
        shown=above.shown,
        n=above.n,
        clusters=above.clusters,
        method=above.method,
    )


def shows_above(
    differences: Sequence[float],
    labels: Sequence[str] | None = None,
    *,
    alpha: float,
    width: float = 1.0,
    margin: float = 0.0,
) -> OneSided:
    """Is the mean above the margin? With a margin below zero this is non-inferiority. Else as `shows_below`."""
    if not abs(margin) < width:
        raise ValueError("the margin is wider than the scale")
    if not 0 < alpha < 1 / 2:
        raise ValueError("alpha is no one-sided chance to be wrong")
    if margin:
        return _held_above(differences, labels, alpha, width, margin)
    found = mean_difference(differences, labels, level=1 - 2 * alpha, width=width)
    return OneSided(
        mean=found.mean,
        margin=margin,
        bound=found.interval[0],
        p_value=found.p_value / 2 if found.mean > 0 else 1 - found.p_value / 2,
        shown=found.interval[0] > margin,
        n=found.n,
        clusters=found.clusters,
        method=f"{found.method}; one-sided",
    )


def _held_above(
    differences: Sequence[float], labels: Sequence[str] | None, alpha: float, width: float, margin: float
) -> OneSided:
    """With a made-up unit that was lost; of clusters one of their mean size."""
    refuse_wide(differences, width)
    clusters = gather(differences, labels)
    count, n = len(clusters.sizes), len(differences)
    held = _hold_loss(clusters, width)
    if held.deviation > 0:
        t = held.t_above(margin)
        tail = t_two_sided(t, held.units - 1) / 2
        p_value, bound = (tail if t > 0 else 1 - tail), held.mean - held.reach(alpha)
    else:
        p_value, bound = 1.0, -width  # all was lost
    clustered = "" if count == n else f" over {count} clusters"
    return OneSided(
        mean=math.fsum(differences) / n,
        margin=margin,
        bound=max(-width, bound),
        p_value=p_value,
        shown=bound > margin,
        n=n,
        clusters=count,
        method=f"paired{clustered}; Hall's t with one made-up loss",
    )


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the bound rests on: mean, deviation of one unit and skewness; the made-up unit is one of the units."""

    mean: float
    deviation: float
    skewness: float
    units: int

    def t_above(self, margin: float) -> float:
        """How many errors the mean lies above the margin, after the transformation."""
        t, g = (self.mean - margin) / self.deviation, self.skewness
        return math.sqrt(self.units) * (t + g * t**2 / 3 + g**2 * t**3 / 27 + g / (6 * self.units))

    def reach(self, alpha: float) -> float:
        """How far below the mean the one-sided bound lies: `t_above` solved for the margin."""
        wanted = t_quantile(1 - 2 * alpha, self.units - 1) / math.sqrt(self.units) - self.skewness / (6 * self.units)
        if abs(self.skewness) < _STRAIGHT:
            return self.deviation * wanted
        return self.deviation * 3 / self.skewness * (math.cbrt(1 + self.skewness * wanted) - 1)


def _hold_loss(clusters: Clusters, width: float) -> Held:
    size = round(sum(clusters.sizes) / len(clusters.sizes))
    totals, sizes = (*clusters.totals, -width * size), (*clusters.sizes, size)
    units, n = len(sizes), sum(sizes)
    mean = math.fsum(totals) / n
    residuals = [total - mean * each for total, each in zip(totals, sizes, strict=True)]
    second, third = (math.fsum(r**power for r in residuals) / units for power in (2, 3))
    if second <= (_STRAIGHT * width * size) ** 2:
        return Held(mean=mean, deviation=0.0, skewness=0.0, units=units)
    deviation = math.sqrt(second * units / (units - 1)) * units / n
    return Held(mean=mean, deviation=deviation, skewness=third / second**1.5, units=units)


def equivalent(
    differences: Sequence[float],
    labels: Sequence[str] | None = None,
    *,
    alpha: float,
    margin: float,
    width: float = 1.0,
) -> Equivalence:
    """Is the mean of paired differences shown to lie between -margin and +margin?

    Raises:
        ValueError: as `shows_below`; or the margin is not above 0.
    """
    if margin <= 0:
        raise ValueError("nothing is equivalent within a margin of nothing")
    above = shows_above(differences, labels, alpha=alpha, width=width, margin=-margin)
    below = shows_below(differences, labels, alpha=alpha, width=width, margin=margin)
    return Equivalence(
        mean=above.mean,
        margin=margin,
        interval=(above.bound, below.bound),
        p_value=max(above.p_value, below.p_value),
        shown=above.shown and below.shown,
        n=above.n,
        clusters=above.clusters,
        method=f"two one-sided tests; {above.method}",
    )
