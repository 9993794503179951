"""Student's t distribution, and the comparison of two independent means. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import count
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

_SMALL: Final = 1e-30
_CLOSE: Final = 1e-13
_LEAST: Final = 2


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Candidate minus champion as two independent samples; interval and p-value are None without any spread."""

    difference: float
    interval: tuple[float, float] | None
    p_value: float | None


def welch(champion: Sequence[float], candidate: Sequence[float], level: float) -> Unpaired:
    """The difference of two independent means whose spreads may differ.

    Source:
        B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
        involved", Biometrika 34 (1947), 28-35.

    Raises:
        ValueError: an arm is empty.
    """
    if not champion or not candidate:
        raise ValueError("an arm is empty")
    difference = fmean(candidate) - fmean(champion)
    if min(len(champion), len(candidate)) < _LEAST:
        return Unpaired(difference=difference, interval=None, p_value=None)
    parts = [_variance(arm) / len(arm) for arm in (champion, candidate)]
    error = math.sqrt(sum(parts))
    if error <= 0:
        return Unpaired(difference=difference, interval=None, p_value=None)
    weights = [part**2 / (len(arm) - 1) for part, arm in zip(parts, (champion, candidate), strict=True)]
    freedom = sum(parts) ** 2 / sum(weights)
    reach = t_quantile(level, freedom) * error
    return Unpaired(
        difference=difference,
        interval=(difference - reach, difference + reach),
        p_value=t_two_sided(difference / error, freedom),
    )


def _variance(values: Sequence[float]) -> float:
    centre = fmean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


def t_two_sided(t: float, freedom: float) -> float:
    """The chance of a t at least so far from 0, to either side.

    Source:
        M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.1.
    """
    return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


@cache
def t_quantile(level: float, freedom: float) -> float:
    """The t that leaves so much between minus and plus itself: 2.26 for a level of 0.95 and 9 degrees of freedom.

    Newton's method from the normal quantile: the tails are convex, so that it comes ever closer from below.
    """
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    t, step = normal_quantile(level), math.inf
    while step > _CLOSE * t:
        density = math.exp(scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (t_two_sided(t, freedom) - (1 - level)) / (2 * density)
        t += step
    return t


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (modified Lentz's method).

    Source:
        M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.5.8.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _kept_off_zero(1 - (a + b) * x / (a + 1))
    fraction, change = d, 0.0
    steps = count(1)
    while abs(change - 1) > _CLOSE:
        m = next(steps)
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _kept_off_zero(1 + numerator * d)
            c = _kept_off_zero(1 + numerator / c)
            change = c * d
            fraction *= change
    return math.exp(front) * fraction / a


def _kept_off_zero(value: float) -> float:
    return value if abs(value) > _SMALL else _SMALL
