"""Shares of a whole: how sure one is, and whether two differ. Standard library only."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Final

from selftune.gate.statistics.student import incomplete_beta
from selftune.scoring.intervals import wilson_interval

_HALVINGS: Final = 80


def clopper_pearson(hits: int, n: int, level: float) -> tuple[float, float]:
    """The exact interval [low, high] of a share: at least `level`, whatever the share is. For vetoes.

    Source:
        C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
        binomial", Biometrika 26 (1934), 404-413.

    Raises:
        ValueError: no trials, or more hits than trials.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits of {n} are no share")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else _beta_quantile(tail, hits, n - hits + 1)
    high = 1.0 if hits == n else _beta_quantile(1 - tail, hits + 1, n - hits)
    return low, high


@cache
def _beta_quantile(chance: float, a: int, b: int) -> float:
    """The share below which a beta distribution has this chance; k hits of n go with a = k + 1 and b = n - k."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if incomplete_beta(middle, a, b) >= chance else (middle, high)
    return high


def newcombe_interval(hits: int, n: int, other_hits: int, other_n: int, level: float) -> tuple[float, float]:
    """Interval [low, high] of the difference of two independent shares, the first less the second.

    Source:
        R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
        methods", Stat. Med. 17 (1998), 873-890, method 10.
    """
    share, other = hits / n, other_hits / other_n
    low, high = wilson_interval(hits, n, level)
    other_low, other_high = wilson_interval(other_hits, other_n, level)
    return (
        share - other - math.hypot(share - low, other_high - other),
        share - other + math.hypot(high - share, other - other_low),
    )


def two_share_p_value(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Two-sided p-value of "two independent shares are equal": the pooled z test with the factor (N - 1) / N.

    Source:
        I. Campbell, "Chi-squared and Fisher-Irwin tests of two-by-two tables with small sample recommendations", Stat.
        Med. 26 (2007), 3661-3675.
    """
    total, pooled = n + other_n, (hits + other_hits) / (n + other_n)
    if pooled in (0.0, 1.0):
        return 1.0
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / other_n) * total / (total - 1))
    return 2 * NormalDist().cdf(-abs(hits / n - other_hits / other_n) / error)
