"""One side at a time: is the difference shown to lie below a margin, above one, or within one to either side?

Against zero the question is whether the arms are exchangeable, and the test of the gain answers it. Against any other
margin nothing is symmetric, and items that never differed so far are the danger: fourteen equal answers do not show
that the fifteenth won't be lost. There the bound of `bound` decides, in which one made-up unit stands in for what was
not seen. Non-inferiority within 2 % of the scale takes 149 items at the very least, within 10 % 29.

Source:
    D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15 (1987), 657-680 (TOST).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.gate.statistics.bound import chance_at_most, hold, lowest_mean
from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.means import mean_difference, refuse_wide

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    refuse_wide(differences, width)
    clusters = gather(differences, labels)
    count, n = len(clusters.sizes), len(differences)
    held = hold(clusters, width)
    bound = lowest_mean(held, alpha, width)
    clustered = "" if count == n else f" over {count} clusters"
    return OneSided(
        mean=math.fsum(differences) / n,
        margin=margin,
        bound=bound,
        p_value=chance_at_most(held, margin),
        shown=bound > margin,
        n=n,
        clusters=count,
        method=f"paired{clustered}; Gaffke's bound",
    )


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
